from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy import linalg
from sklearn.decomposition import PCA

from napari_ood_seg.core.config import SPECTRAL_FROM, FilterConfig
from napari_ood_seg.core.data.colours import linear_rgb, xyz
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.features.channels import (
    ChannelMap,
    ColorMap,
    Light,
    fit_channels,
    repeated,
)
from napari_ood_seg.core.features.descriptor import Descriptor
from napari_ood_seg.core.features.spectral import NORMALISATIONS
from tests.contracts.scenes import three_textures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

QUICK = FilterConfig(sigmas=(1.0, 2.0), n_features=8)


def region(n_channels: int = 3, seed: int = 0) -> Tensor:
    return torch.from_numpy(three_textures(n_channels, seed=seed)).permute(2, 0, 1)


def always(*regions: Tensor) -> Callable[[], Iterator[Tensor]]:
    return lambda: iter(regions)


def fitted_channels(x: Tensor, **settings: object) -> ChannelMap:
    return fit_channels(FilterConfig(**settings), iter([x]))  # type: ignore[arg-type]


@pytest.mark.parametrize("n_channels", [2, 3, 5, 8])
def test_channels_are_principal_components(n_channels: int) -> None:
    x = region(n_channels)[:, :40, :40]  # few enough that every pixel counts
    channels = fitted_channels(x)
    pca = PCA().fit(x.flatten(1).T.double().numpy())
    found = channels(x).flatten(1).double().numpy()
    expected = pca.transform(x.flatten(1).T.double().numpy()).T / channels.scale
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_allclose(got * np.sign(got @ want), want, atol=1e-4)
    assert found[0].std() == pytest.approx(1, rel=1e-3)
    top = channels.basis.abs().argmax(0)
    assert (channels.basis[top, torch.arange(n_channels)] > 0).all()


def noisy_spectra(noise: float = 0.02) -> Tensor:
    """Two smooth materials in stripes; the noise grows from band to band."""
    generator = torch.Generator().manual_seed(0)
    rise = torch.linspace(0.2, 0.8, 12)
    kind = torch.arange(60) // 15 % 2
    clean = torch.stack([rise, rise.flip(0)])[kind].T[:, None].expand(12, 50, 60)
    spread = noise * torch.linspace(0.1, 3, 12)[:, None, None]
    return clean + spread * torch.randn(12, 50, 60, generator=generator)


def test_components_with_the_least_noise_are_those_of_a_second_implementation() -> None:
    x = noisy_spectra()
    channels = fitted_channels(x, components="mnf", spectral="none", max_components=3)
    rows = x.double().numpy()
    steps = (rows[:, :, 1:] - rows[:, :, :-1]).reshape(12, -1)
    signal, noise = np.cov(rows.reshape(12, -1)), np.cov(steps) / 2
    axes = linalg.eigh(signal, noise)[1][:, :-4:-1]  # of scipy, generalised
    mean = channels.mean[:, None, None]
    expected = np.tensordot(axes.T, (x - mean).double().numpy(), 1) / channels.scale
    for found, wanted in zip(channels(x).double().numpy(), expected, strict=True):
        assert abs(np.corrcoef(found.ravel(), wanted.ravel())[0, 1]) > 0.999
    assert float(channels(x)[0].std()) == pytest.approx(1, rel=0.02)


def test_noise_along_each_component_is_of_variance_one() -> None:
    x = noisy_spectra()
    channels = fitted_channels(x, components="mnf", max_components=12)
    steps = (channels(x)[:, :, 1:] - channels(x)[:, :, :-1]) * channels.scale
    inside = torch.arange(59) % 15 != 14  # not across the border of two materials
    noise = steps[:, :, inside].flatten(1).var(1) / 2
    torch.testing.assert_close(noise[2:9], torch.ones(7), rtol=0.15, atol=0)
    back = channels.decoder @ channels(x).flatten(1)
    light = channels.light
    assert light is not None
    shape = light.shape(x).flatten(1) - channels.mean[:, None]
    factor = back.norm() / shape.norm()
    torch.testing.assert_close(back, factor * shape, rtol=0, atol=2e-2)
    assert 0.5 < float(back.std()) < 2


def test_few_channels_have_principal_components() -> None:
    x = region(3)
    plain, other = fitted_channels(x), fitted_channels(x, components="mnf")
    assert torch.equal(plain.basis, other.basis)


def test_many_channels_become_few() -> None:
    channels = fitted_channels(region(40), components="pca", max_components=4)
    assert channels.n_out == 4
    gram = channels.basis.T @ channels.basis
    torch.testing.assert_close(gram, torch.eye(4), rtol=0, atol=1e-5)
    assert channels(region(40)).shape == (4, 64, 96)
    bright = fitted_channels(
        region(40), components="pca", max_components=4, brightness=True
    )
    assert bright.n_out == 5
    torch.testing.assert_close(bright(region(40))[1:], channels(region(40)))


@pytest.mark.parametrize(
    ("spectral", "n_channels", "splits"),
    [
        ("auto", SPECTRAL_FROM - 1, False),
        ("auto", SPECTRAL_FROM, True),
        ("none", 40, False),
        ("l1", 3, True),
        ("snv", 3, True),
        ("continuum", 1, False),
        ("l1", 1, False),
    ],
)
def test_when_the_light_is_taken_out(
    spectral: str, n_channels: int, splits: bool
) -> None:
    channels = fitted_channels(region(n_channels), spectral=spectral)
    assert (channels.light is not None) == splits


@pytest.mark.parametrize("spectral", ["auto", "l1", "snv", "derivative", "continuum"])
def test_light_is_divided_out(spectral: str) -> None:
    x = region(12) + 0.1
    channels = fitted_channels(x, spectral=spectral)
    shade = torch.linspace(0.5, 3, 96)  # from left to right
    torch.testing.assert_close(channels(x * shade), channels(x), rtol=1e-3, atol=1e-4)


def test_brightness_is_the_first_channel_where_it_is_asked_for() -> None:
    x = region(12) + 0.1
    channels = fitted_channels(x, brightness=True)
    shade = torch.linspace(0.5, 3, 96)
    lit, plain = channels(x * shade), channels(x)
    torch.testing.assert_close(lit[1:], plain[1:], rtol=1e-3, atol=1e-4)
    assert channels.light is not None
    gain = (lit[0] - plain[0]) * channels.light.scale
    torch.testing.assert_close(gain, shade.log().expand(64, 96), rtol=1e-3, atol=1e-3)


def test_log_brightness_is_standardised() -> None:
    x = region(12) + 0.1
    light = Light.fit(x.flatten(1).T)
    log_light = light.logarithm(x.mean(0))
    assert float(log_light.mean()) == pytest.approx(0, abs=1e-4)
    assert float(log_light.std()) == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(light.shape(x).mean(0), torch.ones(64, 96))


@pytest.mark.parametrize("spectral", ["l1", "snv", "derivative", "continuum"])
def test_a_normalisation_is_applied_before_the_axes_are_found(spectral: str) -> None:
    x = region(12)[:, :40, :40] + 0.1
    channels = fitted_channels(
        x, spectral=spectral, components="pca", max_components=12
    )
    shape = NORMALISATIONS[spectral](x, 1e-6).flatten(1).T.double()
    pca = PCA().fit(shape.numpy())
    expected = pca.transform(shape.numpy())[:, :3].T / channels.scale
    found = channels(x).flatten(1).double().numpy()
    for got, want in zip(found, expected, strict=False):
        np.testing.assert_allclose(got * np.sign(got @ want), want, atol=1e-3)


def test_dark_pixels_have_a_floor() -> None:
    x = region(12)
    x[:, 0, 0] = 0
    light = Light.fit(x.flatten(1).T)
    for name in NORMALISATIONS:
        assert torch.isfinite(light.shape(x, name)).all()
    assert torch.isfinite(light.logarithm(x.mean(0))).all()


@pytest.mark.parametrize("n_channels", [3, 12])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_becomes_the_average_pixel(
    n_channels: int, value: float
) -> None:
    x = region(n_channels)
    clean = fitted_channels(x)
    x[:, 5, 5] = value
    spoilt = clean(x)
    assert torch.isfinite(spoilt).all()
    principal = spoilt[-min(n_channels, 8) :, 5, 5]
    torch.testing.assert_close(principal, torch.zeros_like(principal))


@pytest.mark.parametrize("n_channels", [3, 12])
def test_not_finite_pixels_do_not_enter_the_statistics(n_channels: int) -> None:
    x = region(n_channels)[:, :40, :40].clone()
    x[:, 3] = float("nan")
    x[1, 7, 7] = float("inf")
    rows = x.flatten(1).T
    rows = rows[torch.isfinite(rows).all(1)]
    clean = fitted_channels(rows.T[:, None, :], components="pca")
    spoilt = fitted_channels(x, components="pca")
    torch.testing.assert_close(spoilt.mean, clean.mean)
    torch.testing.assert_close(spoilt.basis, clean.basis)
    assert torch.isfinite(fitted_channels(x, components="mnf").basis).all()


@pytest.mark.parametrize("n_channels", [1, 3, 12])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7.0, "the image is constant: there is nothing to tell classes by"),
        (0.0, "the image is constant: there is nothing to tell classes by"),
        (float("nan"), "the image has no finite pixel: nothing can be learnt from it"),
    ],
)
def test_unusable_images(n_channels: int, value: float, message: str) -> None:
    x = torch.full((n_channels, 20, 20), value)
    with pytest.raises(ImageError) as caught:
        Descriptor.fit(QUICK, always(x))
    assert str(caught.value) == message
    good = Descriptor.fit(QUICK, always(region(n_channels)))
    with pytest.raises(ImageError) as caught:
        good.adapted(always(x))
    assert str(caught.value) == message


# ---------------------------------------------------------------------- reduction


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8])
def test_turns_of_channels_are_the_first_layer_repeated(
    n: int, rng: np.random.Generator
) -> None:
    """A second implementation: the weights are repeated instead of the channels."""
    weight = torch.from_numpy(rng.normal(size=(4, 3, 5, 5))).float()
    x = torch.from_numpy(rng.uniform(size=(n, 20, 20))).float()
    mixed = torch.einsum("chw,ck->khw", x, repeated(n))
    adapted = torch.zeros(4, n, 5, 5)
    for channel in range(max(n, 3)):
        alike = len(range(channel % 3, max(n, 3), 3))
        adapted[:, channel % n] += weight[:, channel % 3] / alike
    torch.testing.assert_close(
        torch.nn.functional.conv2d(x[None], adapted),
        torch.nn.functional.conv2d(mixed[None], weight),
    )


@pytest.mark.parametrize("n", [1, 2, 4, 7])
def test_grey_is_answered_as_in_colour(n: int, rng: np.random.Generator) -> None:
    grey = torch.from_numpy(rng.uniform(size=(1, 9, 9))).float()
    mixed = torch.einsum("chw,ck->khw", grey.expand(n, -1, -1), repeated(n))
    torch.testing.assert_close(mixed, grey.expand(3, -1, -1))


@pytest.mark.parametrize("nm", [(400.0, 700.0), (500.0, 780.0), (600.0, 1000.0), None])
def test_spectra_have_the_colours_of_daylight_where_they_can(
    nm: tuple[float, float] | None, rng: np.random.Generator
) -> None:
    bands = None if nm is None else np.linspace(*nm, 31).tolist()
    x = torch.from_numpy(rng.uniform(0.2, 0.6, (31, 30, 40))).float()
    x[:15] *= torch.linspace(0.3, 1, 40)  # from bluish to reddish
    colors = ColorMap.fit([x], wavelengths=bands)
    shown = colors(x)
    if bands is None or nm == (600.0, 1000.0):
        assert colors.gamma == 1
        torch.testing.assert_close(colors(x), ColorMap.fit([x])(x))
        return
    linear = linear_rgb(xyz(x.double().numpy(), bands))
    low, high = np.quantile(linear, [0.005, 0.995])
    expected = ((linear - low) / (high - low)).clip(0, 1.5) ** (1 / 2.2)
    np.testing.assert_allclose(shown.numpy(), expected, atol=5e-3)


def test_colours_of_channels_that_take_turns(rng: np.random.Generator) -> None:
    x = torch.from_numpy(rng.uniform(size=(4, 30, 30))).float()
    colors = ColorMap.fit([x], adapt=True)
    expected = torch.stack([(x[0] + x[3]) / 2, x[1], x[2]])
    low, high = np.quantile(expected.numpy(), [0.005, 0.995])
    torch.testing.assert_close(
        colors(x),
        ((expected - low) / (high - low)).clamp(-0.5, 1.5).float(),
        atol=2e-3,
        rtol=0,
    )
