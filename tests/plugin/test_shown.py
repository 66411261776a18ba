from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.types import UNKNOWN, Prediction
from napari_ood_seg.plugin.shown import Shown
from napari_ood_seg.session.result import Result
from napari_ood_seg.session.session import Session
from tests.contracts.owner import InlineExecutor

SHAPE = (64, 96)


@pytest.fixture
def session() -> Session:
    return Session(executor=InlineExecutor(), post=lambda call: call())


@pytest.fixture
def shown(session: Session) -> Shown:
    return Shown(session)


def test_nothing_is_shown_without_a_result(shown: Shown) -> None:
    classes, heatmap = shown.pyramids(SHAPE)
    assert not np.asarray(classes.levels[0][10:20, 5:9]).any()
    assert not np.asarray(heatmap.levels[0][10:20, 5:9]).any()
    assert shown.fits(SHAPE)
    assert not shown.fits((96, 64))


def test_levels_read_the_result_with_the_threshold_of_now(
    shown: Shown, session: Session
) -> None:
    result = shown.result = Result(SHAPE)
    typicality = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)
    prediction = Prediction(
        classes=np.full((32, 32), 3, np.uint8), score=-typicality, typicality=typicality
    )
    result.write((slice(32, 64), slice(0, 32)), prediction)
    classes, heatmap = shown.pyramids(SHAPE)
    for keep in (0.9, 0.5):
        session.set_keep(keep)
        seen = np.asarray(classes.levels[0][32:64, 0:32])
        wanted = np.where(typicality < 1 - keep, UNKNOWN, 3)
        assert (seen == wanted).mean() > 0.998, "but for the rounding at the threshold"
    np.testing.assert_allclose(
        heatmap.levels[0][32:64, 0:32], 1 - typicality, atol=1e-4
    )
    assert not np.asarray(classes.levels[0][0:32, 0:96]).any()
    shown.close()
    session.set_keep(0.9)
    seen = np.asarray(classes.levels[0][32:64, 0:32])
    np.testing.assert_array_equal(seen, np.where(typicality < 0.5, UNKNOWN, 3))
