from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.data.areas import Areas, next_unknown
from napari_ood_seg.core.types import UNKNOWN


def frame(share: float) -> Areas:
    return Areas({1: 1000 - round(1000 * share), UNKNOWN: round(1000 * share)})


def test_counts_are_of_predicted_pixels(rng: np.random.Generator) -> None:
    labels = rng.choice(np.array([0, 1, 7, UNKNOWN], np.uint8), (40, 50))
    areas = Areas.of(labels)
    for i in (1, 7, UNKNOWN):
        assert areas.pixels[i] == (labels == i).sum()
    assert areas.total == (labels > 0).sum()
    assert sum(areas.share(i) for i in (1, 7, UNKNOWN)) == pytest.approx(1.0)
    assert areas.share(3) == 0.0


def test_thinned_counts_stand_for_all_pixels() -> None:
    assert Areas.of(np.full((10, 10), 2, np.uint8), each=9).pixels == {2: 900}


def test_nothing_predicted_has_no_shares() -> None:
    assert Areas.of(np.zeros((3, 3), np.uint8)).share(UNKNOWN) == 0.0


@pytest.mark.parametrize(
    ("at", "least", "expected"),
    [
        (0, 0.05, 2),
        (2, 0.05, 4),
        (4, 0.05, 2),
        (0, 0.2, 4),
        (4, 0.2, 4),
        (0, 0.5, None),
    ],
    ids=["forwards", "not here", "around", "more", "only this one", "none"],
)
def test_next_frame_with_something_unknown(
    at: int, least: float, expected: int | None
) -> None:
    frames = [frame(0.01), None, frame(0.1), frame(0.05), frame(0.3)]
    assert next_unknown(frames, at, least) == expected


def test_no_frames() -> None:
    assert next_unknown([], 0, 0.0) is None
