from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.hand import Hand
from tests.plugin.random_actions import RandomUser

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer

N_ACTIONS = 120


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_whatever_is_done_what_must_hold_holds(
    viewer: Viewer, tmp_path: Path, seed: int
) -> None:
    user = RandomUser(viewer, Hand(), tmp_path, seed=seed)
    user.run(0, N_ACTIONS)
    user.close()
    assert user.report.troubles == []
    assert user.report.checks > N_ACTIONS // 5
