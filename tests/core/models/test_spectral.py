from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from sklearn.decomposition import PCA

from napari_ood_seg.core.config import FilterConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.features.channels import ChannelMap, fit_channels
from napari_ood_seg.core.models.network import Network
from napari_ood_seg.core.models.spectral import SpectralNet, stem
from napari_ood_seg.core.models.unet import initialise
from napari_ood_seg.core.training.deep import DeepTrainer
from napari_ood_seg.core.training.instant import Scribbled
from tests.contracts import networks
from tests.contracts.scenes import CPU, drive, strokes, three_textures

N_BANDS = 40


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(n_in: int = 8, n_bands: int = N_BANDS) -> SpectralNet:
    """Return a network with random weights and statistics."""
    net = SpectralNet(n_in, 3, 8, n_bands)
    initialise(net, generator())
    net.adopt(torch.randn(n_bands, n_in, generator=generator(2)))
    with torch.no_grad():
        net.train()(torch.randn(2, n_in, 20, 20, generator=generator(3)))
    return net.eval()


def channels(height: int, width: int, n_in: int = 8) -> torch.Tensor:
    return torch.randn(1, n_in, height, width, generator=generator(1))


# ------------------------------------------------------------------ the fixed layer


def cube() -> torch.Tensor:
    """Return `(40, 40, 40)` spectra, few enough that every pixel counts."""
    return torch.from_numpy(three_textures(N_BANDS)[:40, :40]).permute(2, 0, 1)


def fitted(**settings: object) -> ChannelMap:
    return fit_channels(FilterConfig(**settings), iter([cube()]))  # type: ignore[arg-type]


@pytest.mark.parametrize("normalisation", ["l1", "snv", "none"])
def test_spectra_are_those_that_sklearn_reconstructs(normalisation: str) -> None:
    x = cube()
    decorrelated = fitted(spectral=normalisation, components="pca", max_components=5)
    net = SpectralNet(5, 2, 8, N_BANDS)
    net.adopt(decorrelated.decoder)
    unit = decorrelated.scale / N_BANDS**0.5
    found = net.spectra(decorrelated(x)[None])[0] * unit
    shape = x / x.mean(0) if normalisation == "l1" else x
    if normalisation == "snv":
        shape = (x - x.mean(0)) / x.std(0)
    rows = shape.flatten(1).T.double().numpy()
    pca = PCA(5, svd_solver="full").fit(rows)
    wanted = pca.inverse_transform(pca.transform(rows)) - pca.mean_
    np.testing.assert_allclose(found.flatten(1).T.numpy(), wanted, atol=2e-4)


@pytest.mark.parametrize("gain", [1e-4, 1.0, 1e4])
def test_spectra_have_a_spread_of_about_one(gain: float) -> None:
    """In whatever unit, and also where they are not normalised."""
    x = cube() * gain
    decorrelated = fit_channels(FilterConfig(spectral="none"), iter([x]))
    net = SpectralNet(decorrelated.n_out, 2, 8, N_BANDS)
    net.adopt(decorrelated.decoder)
    assert 0.5 < float(net.spectra(decorrelated(x)[None]).std()) < 2


def test_brightness_lifts_all_bands() -> None:
    decorrelated = fitted(brightness=True)
    net = SpectralNet(decorrelated.n_out, 2, 8, N_BANDS)
    net.adopt(decorrelated.decoder)
    seen = decorrelated(cube())[None]
    brighter = seen.clone()
    brighter[:, 0] += 2
    rise = net.spectra(brighter) - net.spectra(seen)
    torch.testing.assert_close(rise, torch.full_like(rise, 2))


@pytest.mark.parametrize("n_bands", [1, 3, 16, 40, 300])
def test_both_linear_layers_are_one(n_bands: int) -> None:
    """Filtering spectra and then all that follows comes to the same."""
    net, x = made(n_bands=n_bands), channels(6, 7)
    with torch.inference_mode():
        spectra = net.spectra(x).flatten(2)[:, None]  # one filtered image, (c, p)
        wanted = net.pool(net.along(net.first(spectra)))
        assert wanted.shape == (1, 16, 1, 42), "nothing is left of the bands"
        (found,) = net.stages(x)
    torch.testing.assert_close(found.flatten(2), wanted[:, :, 0], atol=1e-4, rtol=1e-3)


# --------------------------------------------------------------- one pixel at a time


def test_neighbours_do_not_matter() -> None:
    net, x = made(), channels(70, 90)
    order = torch.randperm(70 * 90, generator=generator(5))
    moved = x.flatten(2)[:, :, order].unflatten(2, (70, 90))
    with torch.inference_mode():
        plain, other = net(x), net(moved)
    wanted = plain.flatten(2)[:, :, order].unflatten(2, (70, 90))
    torch.testing.assert_close(other, wanted, atol=1e-5, rtol=1e-5)
    assert float(plain.std()) > 0.1


def test_a_pixel_alone_is_answered_as_among_others() -> None:
    net = Network.of(made(), name="it")
    x = channels(60, 50)[0]  # more than are looked at at a time
    (whole,) = net(x)
    for row, column in ((0, 0), (31, 17), (59, 49)):
        (one,) = net(x[:, row : row + 1, column : column + 1])
        torch.testing.assert_close(
            one[:, 0, 0], whole[:, row, column], atol=1e-5, rtol=1e-5
        )


def test_several_images_at_once() -> None:
    net = made()
    x = torch.cat([channels(60, 50), channels(60, 50).flip(2)])
    with torch.inference_mode():
        torch.testing.assert_close(net(x)[1:], net(x[1:]), atol=1e-5, rtol=1e-5)


def test_the_order_of_bands_matters() -> None:
    """A mean over the bands would not see it, but for the ends."""
    net, x = made(), channels(4, 4)
    before = net(x).detach()
    net.adopt(net.decoder.roll(12, 0))
    assert float((net(x).detach() - before).abs().mean()) > 0.1 * float(before.std())


# ---------------------------------------------------------------------- the training


def peaks(kind: np.ndarray, *, seed: int) -> np.ndarray:
    """Return spectra of two kinds, `(h, w, 40)`: a peak at band 18 or 22.

    As bright and as high on average; each pixel has its own light and height.
    """
    rng = np.random.default_rng(seed)
    at = np.where(kind == 0, 18, 22)[..., None]
    height = rng.uniform(0.5, 1.5, (*kind.shape, 1))
    light = rng.uniform(0.5, 2.0, (*kind.shape, 1))
    peak = np.exp(-(((np.arange(N_BANDS) - at) / 3) ** 2))
    noise = rng.normal(scale=0.02, size=(*kind.shape, N_BANDS))
    return (light * (1 + height * peak + noise)).astype(np.float32)


def test_it_tells_where_a_peak_is() -> None:
    """Learned on columns of one kind each; told where the kinds are mixed up."""
    columns = np.repeat([0, 1, 0], 32)[None].repeat(64, 0)
    source = ImageSource.from_array(peaks(columns, seed=0), axes="YXC")
    config = replace(networks.SMALL, network="spectral", steps=40, check_every=10)
    deep = DeepTrainer(config, device=CPU)
    net = drive(deep.fit_network([Scribbled(source, strokes())]))
    mixed = np.random.default_rng(1).integers(0, 2, (40, 40))
    decorrelated = deep._channels([Scribbled(source, Scribbles((64, 96)))])
    x = torch.from_numpy(peaks(mixed, seed=1)).permute(2, 0, 1)
    with torch.inference_mode():
        found = net.module(CPU)(decorrelated(x)[None])[0].argmax(0)
    assert (found.numpy() == mixed).mean() > 0.99


# -------------------------------------------------------------------------- the stem


def test_a_stem_sees_single_pixels() -> None:
    mix = stem(8, 12)
    initialise(mix, generator())
    mix.eval()
    x = channels(9, 11)
    found = mix(x)
    assert found.shape == (1, 12, 9, 11)
    torch.testing.assert_close(mix(x.flip(2, 3)), found.flip(2, 3))
    first, second = (w for w in mix.state_dict().values() if w.ndim == 4)
    by_hand = F.relu(torch.einsum("oc,bchw->bohw", first[:, :, 0, 0], x))
    by_hand = F.relu(torch.einsum("oc,bchw->bohw", second[:, :, 0, 0], by_hand))
    torch.testing.assert_close(found, by_hand, atol=1e-4, rtol=1e-4)
