from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.data.resampling import Resampling
from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("step", [1, -1], ids=["ascending", "descending"])
def test_it_is_linear_interpolation(step: int) -> None:
    have = np.sort(RNG.uniform(500, 700, 60))
    wanted = RNG.uniform(have[0], have[-1], 25)
    cube = RNG.random((60, 4, 5))
    found = Resampling.between(have[::step].tolist(), wanted.tolist())(cube[::step])
    for y, x in np.ndindex(4, 5):
        expected = np.interp(wanted, have, cube[:, y, x])
        np.testing.assert_allclose(found[:, y, x], expected)


def test_the_same_bands_are_the_same_bits() -> None:
    have = np.sort(RNG.uniform(500, 600, 40)).tolist()
    cube = RNG.random((40, 3)).astype(np.float32)
    np.testing.assert_array_equal(Resampling.between(have, have)(cube), cube)


def test_a_hole_spoils_only_what_is_made_of_it() -> None:
    cube = np.array([1.0, np.nan, 3.0])
    found = Resampling.between([500, 510, 520], [500, 520, 515, 505])(cube)
    np.testing.assert_array_equal(np.isnan(found), [False, False, True, True])


@pytest.mark.parametrize(
    ("have", "wanted", "ok"),
    [
        ((500, 510, 520), (495, 525), True),
        ((500, 510, 520), (494.9,), False),
        ((500, 510, 520), (525.1,), False),
        ((500, 535, 570), (517,), True),
        ((500, 536, 572), (517,), False),
        ((500, 536, 572), (536,), True),
        ((500,), (500,), True),
        ((500,), (501,), False),
    ],
)
def test_only_what_is_covered(
    have: Sequence[float], wanted: Sequence[float], ok: bool
) -> None:
    if ok:
        assert len(Resampling.between(have, wanted).shares) == len(wanted)
        return
    with pytest.raises(ImageError, match="cannot be made from"):
        Resampling.between(have, wanted)


def test_beyond_the_last_band_is_the_last_band() -> None:
    made = Resampling.between([500, 510, 520], [496, 524])
    np.testing.assert_array_equal(made(np.array([1.0, 2.0, 4.0])), [1.0, 4.0])
