from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import FilterConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.features import spots
from napari_ood_seg.core.features.descriptor import Descriptor
from napari_ood_seg.core.features.reading import sample_regions
from napari_ood_seg.core.features.spots import N_PIXELS
from napari_ood_seg.core.features.store import FeatureStore
from tests.contracts.scenes import CPU, SHAPE, exposed_badly, three_textures

if TYPE_CHECKING:
    from napari_ood_seg.core.features.tile_features import TileFeatures

CONFIG = FilterConfig(sigmas=(1.0, 4.0), n_features=6)
OFFSETS = [4, 12, 20, 28]


def opened(source: ImageSource, config: FilterConfig = CONFIG) -> FeatureStore:
    descriptor = Descriptor.fit(config, sample_regions(source, device=CPU))
    return FeatureStore(source, descriptor, device=CPU, size=64)


@pytest.fixture
def store() -> FeatureStore:
    return opened(ImageSource.from_array(three_textures()))


def test_a_spot_has_the_features_of_its_pixels(store: FeatureStore) -> None:
    found = store.spots.at((), [(40, 70), (0, 31)])
    pixels = torch.tensor(
        [(32 + i, 64 + j) for i in OFFSETS for j in OFFSETS]
        + [(i, j) for i in OFFSETS for j in OFFSETS]
    )
    for level, (z, factor) in enumerate(zip(found.levels, store.factors, strict=True)):
        cells = pixels // factor
        torch.testing.assert_close(z, store.rows((), level, cells), rtol=0, atol=1e-4)
    assert not found.invalid.any()


def test_at_the_border_the_last_pixel_stands_for_those_beyond() -> None:
    store = opened(ImageSource.from_array(three_textures()[:50, :75]))
    found = store.spots.at((), [(49, 74)])
    rows, columns = (32 + 4, 32 + 12, 49, 49), (64 + 4, 74, 74, 74)
    cells = torch.tensor([(i, j) for i in rows for j in columns])
    wanted = store.rows((), 0, cells)
    torch.testing.assert_close(found.levels[0], wanted, rtol=0, atol=1e-4)


def test_nothing_is_computed_twice(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = store.spots.at((), [(5, 5)])
    assert store.spots.has((), (5, 5))
    assert not store.spots.has((), (40, 5))
    assert store.n_kept == 0
    assert (
        store.n_bytes
        == store.spots.n_bytes
        == before.n_bytes
        == 4 * N_PIXELS * sum(z.shape[1] for z in before.levels)
    )
    computed: list[tuple[slice, ...]] = []
    fresh = store.fresh

    def counted(plane: tuple[int, ...], region: tuple[slice, ...]) -> TileFeatures:
        computed.append(region)
        return fresh(plane, region)

    monkeypatch.setattr(store, "fresh", counted)
    both = store.spots.at((), [(40, 5), (5, 5)])
    assert computed == [(slice(32, 64), slice(0, 32))]
    torch.testing.assert_close(both.levels[1][N_PIXELS:], before.levels[1])
    store.clear()
    assert not store.spots.has((), (5, 5))
    assert store.n_bytes == 0


def test_the_oldest_make_way(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spots, "_MOST", 2)
    places = [(5, 5), (5, 40), (40, 5)]
    assert len(store.spots.at((), places).invalid) == 3 * N_PIXELS
    assert [store.spots.has((), p) for p in places] == [False, True, True]


def test_badly_exposed_pixels_are_told() -> None:
    source, bad = exposed_badly()
    config = FilterConfig(sigmas=(1.0, 4.0), exposed_only=True)
    store = opened(source, config)
    found = store.spots.at((), [(0, 0), (0, 32)])
    wanted = [
        bad[np.ix_(OFFSETS, [n + left for n in OFFSETS])].ravel() for left in (0, 32)
    ]
    np.testing.assert_array_equal(found.invalid.numpy(), np.concatenate(wanted))
    assert found.invalid.any()
    assert bad.shape == SHAPE
