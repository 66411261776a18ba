from __future__ import annotations

import pytest

from napari_ood_seg.core.config import (
    FILTER_KINDS,
    SPECTRAL_FROM,
    FilterConfig,
    InstantConfig,
    SpectralConfig,
)


def test_halving_is_early_for_spectra_unless_it_is_said() -> None:
    assert FilterConfig().halving(SPECTRAL_FROM - 1) == 3.0
    assert FilterConfig().halving(SPECTRAL_FROM) == 2.0
    assert FilterConfig(halve_from=5.0).halving(SPECTRAL_FROM) == 5.0


@pytest.mark.parametrize("n_channels", [1, 3, SPECTRAL_FROM - 1])
def test_images_of_few_channels_keep_their_settings(n_channels: int) -> None:
    config = InstantConfig(smoothing=2.0, spectra=SpectralConfig(smoothing=3.0))
    assert config.suited(n_channels) is config


def test_spectra_have_their_own() -> None:
    config = InstantConfig(
        smoothing=2.0,
        filters=FilterConfig(n_features=5, sigmas=(8.0,)),
        spectra=SpectralConfig(smoothing=3.0, shrinkage=0.25, sigmas=(1.5, 4.0)),
    )
    own = config.suited(SPECTRAL_FROM)
    assert (own.smoothing, own.shrinkage) == (3.0, 0.25)
    assert (own.filters.sigmas, own.filters.kinds) == ((1.5, 4.0), ("colour",))
    assert own.filters.n_features == 5  # all else stays
    assert own.suited(SPECTRAL_FROM) == own  # and holds as it is


def test_many_stains_can_be_seen_like_other_images() -> None:
    config = InstantConfig(spectra=SpectralConfig(like_others=True))
    assert config.suited(40) is config
    assert config.suited(40).filters.kinds == FILTER_KINDS


@pytest.mark.parametrize(
    ("spectra", "message"),
    [
        (SpectralConfig(shrinkage=0.0), "shrinkage must lie in"),
        (SpectralConfig(smoothing=-1.0), "smoothing must lie in"),
        (SpectralConfig(sigmas=()), "filter scales must be positive"),
        (SpectralConfig(kinds=("wave",)), "unknown filter kinds: wave"),
    ],
)
def test_what_is_refused_elsewhere_is_refused_here(
    spectra: SpectralConfig, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        InstantConfig(spectra=spectra)
