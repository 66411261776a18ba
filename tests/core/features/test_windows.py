from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from napari_ood_seg.core.config.deep import WINDOW
from napari_ood_seg.core.features.windows import (
    OVERLAP,
    STEP,
    blended,
    ramp,
    window_starts,
)

if TYPE_CHECKING:
    from torch import Tensor


def blocks_and_mean(windows: Tensor) -> tuple[Tensor, ...]:
    """An encoder for which each cell depends on all of the window."""
    whole = windows.mean((1, 2, 3), keepdim=True)
    return tuple(F.avg_pool2d(windows, f) * (1 + whole) for f in (4, 16))


def image(rng: np.random.Generator, h: int, w: int) -> Tensor:
    return torch.from_numpy(rng.uniform(size=(3, h, w))).float()


@pytest.mark.parametrize("factor", [1, 2, 4, 8, 16, 32])
def test_weights_of_a_place_sum_to_one(factor: int) -> None:
    total = torch.zeros(5 * STEP // factor + OVERLAP // factor)
    weight = ramp(factor)
    for k in range(5):
        start = k * STEP // factor
        total[start : start + len(weight)] += weight
    inner = total[OVERLAP // factor : -OVERLAP // factor]
    torch.testing.assert_close(inner, torch.ones_like(inner))


@pytest.mark.parametrize(("first", "last"), [(0, 1), (95, 97), (160, 704), (32, 900)])
def test_windows_are_just_those_that_cover(first: int, last: int) -> None:
    every = range(-OVERLAP - 5 * STEP, 2000, STEP)
    covering = [a for a in every if a < last and a + WINDOW > first]
    assert list(window_starts(first, last)) == covering


def test_second_implementation(rng: np.random.Generator) -> None:
    x = image(rng, 180, 250)
    got = blended(blocks_and_mean, x, (4, 16))
    far = (OVERLAP, 2 * WINDOW)
    padded = np.pad(x.numpy(), ((0, 0), far, far), mode="reflect")
    for f, z in zip((4, 16), got, strict=True):
        up, weights = np.zeros(padded.shape), np.zeros(padded.shape[1:])
        t = np.arange(f / 2, WINDOW, f)
        line = np.clip(np.minimum(t, WINDOW - t) / OVERLAP, 0, 1).repeat(f)
        for top, left in product(range(0, 250, STEP), range(0, 330, STEP)):
            where = (slice(top, top + WINDOW), slice(left, left + WINDOW))
            part = padded[(slice(None), *where)]
            cells = part.reshape(3, WINDOW // f, f, WINDOW // f, f).mean((2, 4))
            cells = cells * (1 + part.mean())
            fade = line[:, None] * line
            up[(slice(None), *where)] += cells.repeat(f, 1).repeat(f, 2) * fade
            weights[where] += fade
        inside = (slice(OVERLAP, OVERLAP + 180, f), slice(OVERLAP, OVERLAP + 250, f))
        np.testing.assert_allclose(weights[inside], 1, atol=1e-6)
        np.testing.assert_allclose(z.numpy(), up[(slice(None), *inside)], atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "columns"), [((0, 64), (0, 96)), ((192, 384), (320, 530))]
)
def test_a_tile_is_what_the_whole_is_there(
    rows: tuple[int, int], columns: tuple[int, int], rng: np.random.Generator
) -> None:
    x = image(rng, 700, 530)
    whole = blended(blocks_and_mean, x, (4, 16))
    outer = [
        (max(0, a - WINDOW), min(n, b + WINDOW))
        for (a, b), n in zip((rows, columns), (700, 530), strict=True)
    ]
    origin = (outer[0][0], outer[1][0])
    spans = [(a - o, b - o) for (a, b), o in zip((rows, columns), origin, strict=True)]
    region = x[:, slice(*outer[0]), slice(*outer[1])]
    part = blended(blocks_and_mean, region, (4, 16), origin=origin, spans=spans)
    for f, z, all_of_it in zip((4, 16), part, whole, strict=True):
        r, c = (slice(a // f, -(-b // f)) for a, b in (rows, columns))
        torch.testing.assert_close(z, all_of_it[:, r, c], rtol=0, atol=1e-6)


def test_there_is_no_seam(rng: np.random.Generator) -> None:
    """Windows that say very different things are joined in small steps."""
    calls = iter(rng.permutation(16).tolist())

    def said(windows: Tensor) -> tuple[Tensor, ...]:
        n = WINDOW // 16
        values = torch.tensor([float(next(calls)) for _ in windows])
        return (values[:, None, None, None].expand(-1, 1, n, n),)

    (z,) = blended(said, torch.zeros(3, 512, 512), (16,))
    assert float(z.max() - z.min()) > 8
    for axis in (1, 2):
        step = z.diff(dim=axis).abs().max()
        assert float(step) <= 15 * 16 / OVERLAP + 1e-5


def test_smallest_image() -> None:
    (z,) = blended(lambda w: (F.avg_pool2d(w, 32),), torch.full((3, 1, 1), 7.0), (32,))
    assert z.shape == (3, 1, 1)
    torch.testing.assert_close(z, torch.full_like(z, 7.0))


def test_starts_are_on_the_coarsest_grid() -> None:
    assert all(a % 32 == 0 for a in window_starts(0, 2000))
    assert {b - a for a, b in pairwise(window_starts(0, 2000))} == {STEP}
