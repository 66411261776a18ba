from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy import ndimage as ndi
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from napari_ood_seg.core.config import FilterConfig
from napari_ood_seg.core.features.channels import (
    ChannelMap,
    fit_channels,
)
from napari_ood_seg.core.features.descriptor import Descriptor, Reduction
from napari_ood_seg.core.features.filters import enlarge
from napari_ood_seg.core.moments import Moments
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


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n_features", [3, 6, 40])
def test_reduction_is_pca_of_standardised_features(
    whitening: float, n_features: int, rng: np.random.Generator
) -> None:
    raw = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) * [1, 9, 1, 0.1, 3, 1] + 5
    config = FilterConfig(n_features=n_features, whitening=whitening)
    reduction = Reduction.fit(Moments.of(torch.from_numpy(raw)), config)
    got = reduction(torch.from_numpy(raw.T[:, None, :]).float())[:, 0].T.numpy()
    pca = PCA(n_components=min(n_features, 6))
    expected = pca.fit_transform(StandardScaler().fit_transform(raw))
    spread = pca.explained_variance_ * 499 / 500
    expected /= (spread + 1e-3 * spread[0]) ** (whitening / 2)
    sign = np.sign((got * expected).sum(0))
    np.testing.assert_allclose(got * sign, expected, rtol=1e-3, atol=2e-3)


def test_a_dead_feature_stays_finite() -> None:
    raw = torch.rand(4, 30, 30)
    raw[2] = 3.0
    reduction = Reduction.fit(Moments.of(raw.flatten(1).T), FilterConfig())
    assert torch.isfinite(reduction(raw)).all()


@pytest.mark.parametrize("size", [(37, 30), (64, 40), (9, 8)], ids=str)
@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_reducing_at_its_own_stride_equals_reducing_what_was_enlarged(
    factor: int, size: tuple[int, int], rng: np.random.Generator
) -> None:
    n_raw = 24
    low = tuple(-(-n // factor) for n in size)
    mixed = np.einsum(
        "ij,jhw->ihw", rng.normal(size=(n_raw, n_raw)), rng.normal(size=(n_raw, *low))
    )
    spread = np.geomspace(0.1, 50, n_raw)[:, None, None]
    raw = np.maximum(mixed + 1, 0) * spread  # as after a ReLU: centred nowhere
    reduction = Reduction.fit(Moments.of(torch.from_numpy(raw).flatten(1).T), QUICK)
    z = torch.from_numpy(raw).float()
    cheap = enlarge(reduction(z), factor, size)
    assert cheap.shape == (8, *size)
    np.testing.assert_allclose(
        cheap, reduction(enlarge(z, factor, size)), rtol=0, atol=1e-4
    )
    at = np.meshgrid(
        *((np.arange(n) + 0.5) / factor - 0.5 for n in size), indexing="ij"
    )
    wide = [ndi.map_coordinates(c, at, order=1, mode="nearest") for c in raw]
    mean, scale, basis = (
        t.double().numpy() for t in (reduction.mean, reduction.scale, reduction.basis)
    )
    standard = (np.stack(wide) - mean[:, None, None]) / scale[:, None, None]
    expected = np.einsum("rd,rhw->dhw", basis, standard)
    np.testing.assert_allclose(cheap, expected, rtol=0, atol=1e-4)


# --------------------------------------------------------------------- descriptor


def test_features_are_centred_and_uncorrelated() -> None:
    x = region()
    for level in Descriptor.fit(QUICK, always(x))(x):
        z = level.flatten(1).double()
        assert float(z.mean(1).abs().max()) < 1e-3
        covariance = torch.cov(z)
        off = covariance - torch.diag(covariance.diagonal())
        assert float(off.abs().max()) < 1e-3 * float(covariance.max())
        assert (covariance.diagonal().diff() <= 1e-4).all()  # the largest first


def test_descriptor_is_reduction_of_bank_of_channels() -> None:
    x = region()
    d = Descriptor.fit(QUICK, always(x))
    raw = d.bank(d.channels(x))
    for got, reduction, z in zip(d(x), d.reductions, raw, strict=True):
        assert torch.equal(got, reduction(z))
    assert d.n_channels == 3
    assert [r.basis.shape[1] for r in d.reductions] == [8, 8]


def test_two_regions_count_as_one_image() -> None:
    left, right = region()[:, :32], region()[:, 32:]
    whole = fit_channels(QUICK, iter([torch.cat([left, right], 1)[:, ::2]]))
    parts = fit_channels(QUICK, iter([left[:, ::2], right[:, ::2]]))
    torch.testing.assert_close(whole.basis, parts.basis, rtol=1e-4, atol=1e-5)


def test_adapting_to_the_same_image_changes_nothing() -> None:
    x = region()
    d = Descriptor.fit(QUICK, always(x))
    for again, before in zip(d.adapted(always(x))(x), d(x), strict=True):
        assert torch.equal(again, before)


def test_adapting_centres_the_features_of_another_image() -> None:
    d = Descriptor.fit(QUICK, always(region()))
    other = region(seed=1) * 0.5 + 0.3
    adapted = d.adapted(always(other))
    for plain, centred in zip(d(other), adapted(other), strict=True):
        assert float(plain.mean((1, 2)).abs().max()) > 0.5
        assert float(centred.mean((1, 2)).abs().max()) < 1e-3
    for old, new in zip(d.reductions, adapted.reductions, strict=True):
        assert new.basis is old.basis
    assert adapted.channels is d.channels


def test_the_scale_of_the_image_does_not_matter() -> None:
    x = region()
    plain = Descriptor.fit(QUICK, always(x))(x)
    scaled = Descriptor.fit(QUICK, always(1000 * x))(1000 * x)
    for a, b in zip(scaled, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-2)
