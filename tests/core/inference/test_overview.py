from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.coverage import Coverage
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.features.store import FeatureStore
from napari_ood_seg.core.inference import overview
from napari_ood_seg.core.inference.overview import Blocks, edges, look_at, looks
from napari_ood_seg.core.inference.predict import predict
from napari_ood_seg.core.inference.view import View
from napari_ood_seg.core.types import UNKNOWN
from tests.contracts.scenes import CPU, fit, three_textures

if TYPE_CHECKING:
    from napari_ood_seg.core.models.instant import InstantModel

SLIDE = (20_000, 30_000)


def whole(stride: int = 32) -> View:
    return View(region=tuple(slice(0, n) for n in SLIDE), stride=stride)


def hits(found: list[Blocks], edge: int) -> np.ndarray:
    """Return how often each smallest block was looked at with some edge."""
    out = np.zeros([-(-n // 512) for n in SLIDE], int)
    for region, own in found:
        if own == edge:
            rows, columns = (slice(s.start // 512, -(-s.stop // 512)) for s in region)
            out[rows, columns] += 1
    return out


@given(st.integers(1, 200_000), st.integers(1, 200_000), st.integers(0, 3_000))
def test_the_first_look_is_quick_and_the_last_ends(h: int, w: int, start: int) -> None:
    found = edges((slice(start, start + h), slice(0, w)))
    n = [(-(-(start + h) // e) - start // e) * -(-w // e) for e in found]
    assert n[0] <= 64
    assert n[-1] <= 2_500
    assert found[-1] == 512 or n[-1] > 2_500 / 8  # no coarser than it has to be
    assert all(a == 2 * b for a, b in pairwise(found))


def test_every_block_once_a_look_and_coarse_ones_first() -> None:
    coverage = Coverage.none(SLIDE)
    found = []
    for blocks in looks(whole(), coverage, lambda _: False):
        assert 1 <= len(blocks.middles) <= 16
        coverage.add(blocks.region, blocks.edge)
        found.append(blocks)
    sizes = [b.edge for b in found]
    assert sizes == sorted(sizes, reverse=True)
    assert set(sizes) == {4096, 2048, 1024, 512}
    for edge in set(sizes):
        assert (hits(found, edge) == 1).all()
    assert len(list(looks(whole(), coverage, lambda _: False))) == 0


def test_the_middle_of_the_view_comes_first() -> None:
    seen = View(region=(slice(4_000, 16_000), slice(9_000, 21_000)), stride=16)
    found = list(looks(seen, Coverage.none(SLIDE), lambda _: False))
    first, last = (
        next(b for b in order if b.edge == 512) for order in (found, found[::-1])
    )
    assert abs(first.middles[0][0] - 10_000) < 512
    assert abs(last.middles[0][0] - 10_000) > 5_000


def test_known_blocks_are_looked_at_at_once() -> None:
    found = list(looks(whole(), Coverage.none(SLIDE), lambda _: True))
    assert {b.edge for b in found} == {512}
    assert len(found) == 40
    assert sum(len(b.middles) for b in found) == 40 * 59


def test_what_was_looked_at_more_finely_is_left_out() -> None:
    coverage = Coverage.none(SLIDE)
    coverage.add((slice(2_000, 4_096), slice(4_096, 9_000)), 32)
    found = list(looks(whole(), coverage, lambda _: True))
    missing = hits(found, 512) == 0
    assert missing[4:8, 8:17].all()
    assert missing.sum() == 4 * 9


def test_middles_lie_in_what_is_there_of_a_block() -> None:
    blocks = Blocks((slice(512, 1300), slice(0, 600)), 512)
    assert blocks.middles == [(768, 256), (768, 556), (1162, 256), (1162, 556)]


def three_wide_textures() -> ImageSource:
    """Return an image of three textures, each 96 pixels wide; two are painted."""
    parts = np.split(three_textures(), 3, axis=1)
    wide = np.concatenate([np.tile(part, (2, 3, 1)) for part in parts], axis=1)
    return ImageSource.from_array(wide, axes="YXC")


def opened(config: InstantConfig) -> tuple[InstantModel, FeatureStore]:
    model = fit(three_textures(), config=config).model
    source = three_wide_textures()
    store = FeatureStore(source, model.descriptor, device=CPU, size=64, margin=16)
    return model, store


WIDE = Blocks((slice(0, 128), slice(0, 288)), 96)


def test_blocks_are_what_lies_in_their_middle() -> None:
    model, store = opened(InstantConfig(filters=FilterConfig(sigmas=(1.0, 4.0))))
    found = look_at(WIDE, model, store, ())
    assert found.labels(keep=0.95).tolist() == [[1, 2, UNKNOWN]] * 2


def test_without_smoothing_it_is_what_is_predicted_there() -> None:
    config = InstantConfig(filters=FilterConfig(sigmas=(1.0,)), smoothing=0.0)
    model, store = opened(config)
    assert set(store.factors) == {1}
    found, exact = look_at(WIDE, model, store, ()), predict(model, store)
    for i, (row, column) in enumerate(WIDE.middles):
        top, left = row // 32 * 32, column // 32 * 32
        pixels = np.s_[top + 4 : top + 32 : 8, left + 4 : left + 32 : 8]
        assert found.score.flat[i] == pytest.approx(
            np.median(exact.score[pixels]), abs=1e-4
        )
        assert found.typicality.flat[i] == pytest.approx(
            np.median(exact.typicality[pixels]), abs=1e-4
        )
        counts = np.bincount(exact.classes[pixels].ravel())
        assert found.classes.flat[i] == counts.argmax()


def test_the_class_of_most_pixels() -> None:
    classes = np.array([[3, 3, 1, 2], [2, 1, 1, 2], [4, 4, 4, 4]], np.uint8)
    assert overview._most(classes).tolist() == [3, 1, 4]
