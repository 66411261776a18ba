from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_ood_seg.core.training.augment import (
    ZOOM,
    draw_zoom,
    recoloured,
    resized,
    smooth_gain,
    stained,
    turned,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_zooms_are_even_on_both_sides() -> None:
    own = generator()
    zooms = torch.tensor([draw_zoom(own) for _ in range(2000)])
    assert float(zooms.max()) <= ZOOM
    assert float(zooms.min()) >= 1 / ZOOM
    logs = zooms.log() / math.log(ZOOM)
    assert abs(float(logs.mean())) < 0.052  # four standard deviations
    assert float(logs.var()) == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize("edge", [26, 32, 40])
def test_pixels_and_labels_stay_together(edge: int) -> None:
    """On a ramp with a label for each quarter: both say where a pixel is."""
    at = (torch.arange(edge) + 0.5) / edge
    x = at.expand(1, edge, edge).contiguous()
    y = (4 * at).long().expand(edge, edge).contiguous()
    small, labels = resized(x, y, 32)
    middle = small[0, 4:-4, 4:-4]
    wanted = ((torch.arange(32) + 0.5) / 32)[4:-4].expand_as(middle)
    torch.testing.assert_close(middle, wanted, atol=1e-5, rtol=0)
    off = (4 * middle).long() != labels[4:-4, 4:-4]
    near = (4 * middle - (4 * middle).round()).abs() < 4 / 32
    assert not (off & ~near).any()
    assert set(labels.unique().tolist()) == {0, 1, 2, 3}


def test_eight_orientations_each_as_often() -> None:
    x = torch.arange(9.0).view(1, 3, 3)
    own = generator()
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(800):
        a, b = turned(x, x[0].long(), own)
        assert torch.equal(a[0].long(), b)
        key = tuple(b.flatten().tolist())
        seen[key] = seen.get(key, 0) + 1
    assert len(seen) == 8
    assert min(seen.values()) > 60  # 100 expected, four standard deviations


# ----------------------------------------------------------------------------- colours


def test_nothing_mixed_changes_nothing() -> None:
    x = torch.randn(3, 8, 8, generator=generator()) * 50
    torch.testing.assert_close(stained(x, torch.eye(3)), x)


@given(st.floats(0.5, 255.0))
def test_the_unit_of_light_does_not_matter(unit: float) -> None:
    x = torch.rand(3, 4, 4, generator=generator())
    mix = torch.eye(3) + 0.1 * torch.randn(3, 3, generator=generator(1))
    torch.testing.assert_close(
        stained(x * unit, mix) / unit, stained(x, mix), atol=1e-4, rtol=1e-4
    )


def test_twice_the_stain_is_twice_the_density() -> None:
    """Beer and Lambert: two layers of the same stain let through the square."""
    layer = torch.rand(3, 1, 1, generator=generator()) * 0.5 + 0.4
    x = torch.cat([layer, torch.ones(3, 1, 1)], dim=2)
    torch.testing.assert_close(stained(x, 2 * torch.eye(3))[:, :, :1], layer**2)


def test_white_stays_white() -> None:
    x = torch.rand(3, 4, 4, generator=generator())
    x[:, 0, 0] = 1.0
    mix = torch.eye(3) + 0.1 * torch.randn(3, 3, generator=generator(1))
    torch.testing.assert_close(stained(x, mix)[:, 0, 0], torch.ones(3))


# ----------------------------------------------------------------------------- spectra


def test_a_gain_is_smooth_along_the_spectrum() -> None:
    waves = torch.tensor([0.1, 0.2, -0.1, 0.05])
    gain = smooth_gain(waves, 60)
    bands = [(k + 0.5) / 60 for k in range(60)]
    wanted = [
        math.exp(sum(float(a) * math.cos(math.pi * j * t) for j, a in enumerate(waves)))
        for t in bands
    ]
    torch.testing.assert_close(gain, torch.tensor(wanted))


def test_spectra_get_one_gain_for_each_band() -> None:
    x = torch.rand(30, 6, 6, generator=generator()) + 0.5
    ratio = recoloured(x, generator(1)) / x
    torch.testing.assert_close(ratio, ratio[:, :1, :1].expand_as(ratio))
    steps = ratio[:, 0, 0].log().diff().abs()
    assert 0 < float(steps.max()) < 0.1


@pytest.mark.parametrize("n", [1, 2, 5])
def test_other_channels_get_a_gain_and_an_offset_each(n: int) -> None:
    x = torch.rand(n, 20, 20, generator=generator())
    y = recoloured(x, generator(1))
    for before, after in zip(x, y, strict=True):
        slope = after.std() / before.std()
        assert 0.5 < float(slope) < 1.5
        line = after.mean() + slope * (before - before.mean())
        torch.testing.assert_close(after, line, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(x, y)


@pytest.mark.parametrize("n", [1, 3, 30])
def test_the_same_generator_gives_the_same(n: int) -> None:
    x = torch.rand(n, 5, 5, generator=generator())
    assert torch.equal(recoloured(x, generator(3)), recoloured(x, generator(3)))
    assert not torch.equal(recoloured(x, generator(3)), recoloured(x, generator(4)))
