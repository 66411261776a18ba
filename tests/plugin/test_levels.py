from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_ood_seg.plugin.levels import THUMBNAIL, Level, Pyramid

WHOLE = np.arange(300 * 401).reshape(300, 401)


def read(region: tuple[slice, ...], step: int) -> Any:
    rows, columns = region
    return WHOLE[rows.start : rows.stop : step, columns.start : columns.stop : step]


@pytest.mark.parametrize("step", [1, 2, 8])
@pytest.mark.parametrize(
    "key",
    [
        (slice(None), slice(None)),
        (slice(3, 17), slice(5, None)),
        (slice(2, 30, 3), slice(None, 20, 2)),
        slice(4, 9),
        (3, 5),
        (-1, slice(None)),
        (slice(None), -2),
        (np.int64(2), slice(1, 3)),
        (slice(5, 5), slice(None)),
    ],
)
def test_a_level_reads_like_an_array(step: int, key: Any) -> None:
    level = Level(WHOLE.shape, step, WHOLE.dtype, read)
    plain = WHOLE[::step, ::step]
    assert level.shape == plain.shape
    assert level.size == plain.size
    np.testing.assert_array_equal(level[key], plain[key])
    np.testing.assert_array_equal(np.asarray(level), plain)


def test_out_of_bounds() -> None:
    with pytest.raises(IndexError, match="out of bounds"):
        Level((4, 4), 1, int, read)[4, 0]


def test_levels_halve_down_to_the_thumbnail() -> None:
    pyramid = Pyramid(WHOLE.shape, WHOLE.dtype, read)
    *finer, thumbnail = pyramid.levels
    assert [level.shape for level in finer] == [(300, 401), (150, 201), (75, 101)]
    assert isinstance(thumbnail, np.ndarray)
    assert max(thumbnail.shape) <= THUMBNAIL
    assert (thumbnail == 0).all()
    pyramid.refresh()
    np.testing.assert_array_equal(thumbnail, WHOLE[::8, ::8])


@pytest.mark.parametrize(
    ("shape", "sizes"), [((20, 30), [600, 150]), ((1, 3), [3, 2]), ((1, 1), [1])]
)
def test_sizes_always_decrease(shape: tuple[int, int], sizes: list[int]) -> None:
    assert [level.size for level in Pyramid(shape, int, read).levels] == sizes
