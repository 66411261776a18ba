from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.features.exposure import DARK, Exposure
from napari_ood_seg.samples import load_sample

N_BANDS = 20
TISSUE = np.linspace(0.1, 0.5, N_BANDS)


def frame() -> torch.Tensor:
    """Return tissue of uneven brightness, 0.6 to 1.6 of the middle."""
    light = np.linspace(0.6, 1.6, 40)[:, None] * np.ones((1, 50))
    return torch.from_numpy(TISSUE[:, None, None] * light)


def test_the_facts_are_medians_of_the_image() -> None:
    x = frame()
    exposure = Exposure.fit([x])
    mean = x.numpy().mean(0)
    assert exposure.brightness == pytest.approx(np.median(mean), rel=0.02)
    assert exposure.spread == pytest.approx(TISSUE.std() / TISSUE.mean())


@pytest.mark.parametrize("unit", [1.0, 1e-4, 65535.0])
def test_highlights_and_darkness_are_found_in_any_unit(unit: float) -> None:
    x = frame()
    glare, dark = torch.zeros(2, 40, 50, dtype=torch.bool)
    glare[8, 5:9] = True
    dark[30, 20:22] = True
    x[:, glare] += 1.2  # what a wet surface reflects has the colour of the light
    x[:, dark] *= 0.02
    x *= unit
    exposure = Exposure.fit([x])
    torch.testing.assert_close(exposure.glare(x), glare)
    torch.testing.assert_close(exposure.dark(x), dark)
    torch.testing.assert_close(exposure.unusable(x), glare | dark)


def test_bright_tissue_and_grey_things_are_no_highlights() -> None:
    x = frame()
    exposure = Exposure.fit([x])
    assert not exposure.glare(5 * x).any()  # as much of its colour as ever
    assert not exposure.glare(torch.full_like(x, 0.6)).any()  # flat, not so bright


def test_pixels_that_are_not_finite_do_not_count() -> None:
    x = frame()
    expected = Exposure.fit([x[:, 1:]])
    x[3, 0] = torch.nan
    assert Exposure.fit([x]) == expected
    assert not expected.unusable(x)[0].any()
    with pytest.raises(ImageError, match="no finite pixel"):
        Exposure.fit([torch.full((9, 2, 2), torch.nan)])


def test_nothing_but_highlights_is_left_out_of_the_surgical_frame() -> None:
    """Where it is much brighter than a few pixels away, it is a highlight."""
    image = load_sample("hyperspectral").image
    x = torch.from_numpy(image.levels[0]).permute(2, 0, 1)
    glare = Exposure.fit([x]).glare(x).numpy()
    assert 10 < glare.sum() < 0.01 * glare.size
    brightness = x.mean(0).numpy()
    for row, column in np.argwhere(glare):
        near = brightness[max(row - 8, 0) : row + 9, max(column - 8, 0) : column + 9]
        assert brightness[row, column] > 1.3 * np.median(near)
    assert DARK * np.median(brightness) < np.quantile(brightness, 0.001)
