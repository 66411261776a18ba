from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig, TileConfig
from napari_ood_seg.core.data.coverage import Coverage
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.data.tiling import iter_tiles
from napari_ood_seg.core.features.store import FeatureStore
from napari_ood_seg.core.inference.live import (
    Order,
    Piece,
    PredictedPiece,
    lacks,
    predict_live,
)
from napari_ood_seg.core.inference.predict import predict
from napari_ood_seg.core.inference.view import Extent, Goal, View
from tests.contracts.scenes import CPU, Fitted, fit, three_textures

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 4.0)), tile=32)
SHAPE = (160, 160)
TILES = tuple(iter_tiles(SHAPE, TileConfig(size=32, halo=0)))


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(three_textures(), config=CONFIG)


def view(top: int, bottom: int, left: int, right: int, stride: int = 1) -> View:
    return View(region=(slice(top, bottom), slice(left, right)), stride=stride)


def ordered(
    seen: View | None, *, at_hand: bool = False, coverage: Coverage | None = None
) -> list[Piece]:
    coverage = coverage or Coverage.none(SHAPE, 16)
    out = []
    for piece in Order(TILES, coverage, lambda _: at_hand).pieces(lambda: seen):
        out.append(piece)
        coverage.add(piece.region, piece.stride)
    return out


def painted(pieces: list[Piece], stride: int) -> np.ndarray:
    hits = np.zeros(SHAPE, int)
    for piece in pieces:
        if piece.stride == stride:
            hits[piece.region] += 1
    return hits


def test_every_pixel_is_predicted_once_but_in_tiles_that_the_view_cuts() -> None:
    hits = painted(ordered(view(64, 96, 64, 128)), 1)
    assert (hits == 1).all()
    hits = painted(ordered(view(50, 90, 70, 100)), 1)
    assert (hits >= 1).all()
    again = np.argwhere(hits > 1)
    assert again.min(0).tolist() >= [32, 64]
    assert again.max(0).tolist() <= [95, 127]


def test_the_view_first_then_the_nearest() -> None:
    seen = view(40, 60, 40, 60)
    pieces = ordered(seen)
    hits = painted(pieces[:1], 1)
    assert hits[40:60, 40:60].all()
    centres = np.array([[(s.start + s.stop) / 2 for s in p.region] for p in pieces[1:]])
    away = ((centres - 50) ** 2).sum(1)
    # a tile that is cut by the view has its centre moved a little
    assert (np.diff(away) > -600).all()
    assert away[-1] == away.max()


def test_as_fine_as_the_screen_before_every_pixel() -> None:
    pieces = ordered(view(0, 160, 0, 160, stride=4))
    strides = [p.stride for p in pieces]
    assert strides == sorted(strides, reverse=True)
    assert set(strides) == {4, 1}
    assert (painted(pieces, 4) == 1).all()


def test_a_large_view_is_coarse_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_ood_seg.core.inference.live._AT_ONCE", 1_000)
    strides = [p.stride for p in ordered(view(0, 160, 0, 160, stride=2))]
    assert sorted(set(strides), reverse=True) == [8, 2, 1]


def test_what_is_at_hand_is_one_piece_or_strips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = view(16, 144, 32, 128)
    assert ordered(seen, at_hand=True)[0].region == seen.region
    monkeypatch.setattr("napari_ood_seg.core.inference.live._AT_ONCE", 96 * 40)
    strips = [p for p in ordered(seen, at_hand=True) if p.stride == 1][:4]
    assert [p.region[0] for p in strips] == [
        slice(a, a + 32) for a in range(16, 144, 32)
    ]


def test_what_is_covered_is_left_out() -> None:
    coverage = Coverage.none(SHAPE, 16)
    coverage.add((slice(0, 160), slice(0, 144)), 1)
    pieces = ordered(view(0, 40, 0, 40), coverage=coverage)
    assert all(p.region[1] == slice(144, 160) for p in pieces)
    assert sum(p.region[0].stop - p.region[0].start for p in pieces) == 160
    assert lacks(coverage, view(0, 10, 150, 160)) is False


def of_a_slide(
    seen: View, *, at_hand: bool = False, n: int | None = None
) -> list[Piece]:
    """Return the first pieces of a slide of 64 tiles."""
    tiles = tuple(iter_tiles((4096, 4096), TileConfig(size=512, halo=0)))
    coverage = Coverage.none((4096, 4096))
    order = Order(tiles, coverage, lambda _: at_hand)
    out = []
    for piece in islice(order.pieces(lambda: seen), n):
        out.append(piece)
        coverage.add(piece.region, piece.stride)
    return out


def test_who_looks_from_afar_gets_a_rough_look_first() -> None:
    pieces = of_a_slide(view(0, 4096, 0, 4096, stride=8), n=20)
    assert [p.rough for p in pieces] == [True] * 8 + [False] * 12
    assert {p.stride for p in pieces[:8]} == {512}
    assert {p.stride for p in pieces[8:]} == {8}


@pytest.mark.parametrize(
    ("seen", "at_hand"),
    [
        (view(0, 4096, 0, 4096, stride=4), False),  # blocks would be large there
        (view(0, 2048, 0, 4096, stride=8), True),  # it is quick as it is
        (view(0, 1500, 0, 4096, stride=8), False),  # no more than 24 tiles
    ],
)
def test_else_there_is_none(seen: View, at_hand: bool) -> None:
    assert not any(p.rough for p in of_a_slide(seen, at_hand=at_hand))


def test_a_camera_that_moves_is_followed() -> None:
    views = iter([view(0, 32, 0, 32)] * 2 + [view(128, 160, 128, 160)] * 99)
    now = [next(views)]
    coverage = Coverage.none(SHAPE, 16)

    def look() -> View:
        return now[0]

    regions: list[tuple[slice, ...]] = []
    for piece in Order(TILES, coverage, lambda _: False).pieces(look):
        regions.append(piece.region)
        coverage.add(piece.region, piece.stride)
        now[0] = next(views, now[0])
    assert regions[0] == (slice(0, 32), slice(0, 32))
    assert regions[2] == (slice(128, 160), slice(128, 160))
    assert len(regions) == 25


def store(fitted: Fitted, *, budget: int = 2**30) -> FeatureStore:
    return FeatureStore(
        fitted.source,
        fitted.model.descriptor,
        device=CPU,
        size=32,
        margin=fitted.model.margin,
        budget=budget,
    )


def live(
    fitted: Fitted, own: FeatureStore, seen: View | None, extent: Extent
) -> Iterator[PredictedPiece]:
    coverage = Coverage.none((own.source.height, own.source.width), own.cell)
    return predict_live(
        fitted.model, own, coverage, look=lambda: seen, goal=Goal(extent)
    )


def test_pieces_are_the_prediction(fitted: Fitted) -> None:
    own = store(fitted)
    whole = predict(fitted.model, own)
    seen = np.zeros(whole.classes.shape, int)
    for piece in live(fitted, own, view(20, 50, 30, 80), Extent.ALL):
        seen[piece.region] += 1
        np.testing.assert_allclose(
            piece.prediction.score, whole.score[piece.region], rtol=1e-3, atol=1e-3
        )
    assert (seen == 1).all()


@pytest.mark.parametrize("stride", [2, 4])
def test_every_so_many_pixels_say_about_the_same(fitted: Fitted, stride: int) -> None:
    own = store(fitted)
    whole = predict(fitted.model, own)
    first = next(iter(live(fitted, own, view(0, 64, 0, 96, stride), Extent.VIEW)))
    assert first.stride == stride
    there = tuple(slice(s.start + stride // 2, s.stop, stride) for s in first.region)
    assert first.prediction.classes.shape == whole.classes[there].shape
    agree = (first.prediction.classes == whole.classes[there]).mean()
    assert agree > 0.95
    off = np.abs(first.prediction.typicality - whole.typicality[there])
    assert off.mean() < 0.1


def test_a_view_ends_where_it_is_filled(fitted: Fitted) -> None:
    seen = view(33, 64, 0, 30)
    pieces = list(live(fitted, store(fitted), seen, Extent.VIEW))
    assert [p.region for p in pieces] == [(slice(32, 64), slice(0, 32))]
    assert all(p.seen for p in pieces)


def test_around_a_view_ends_where_memory_does(fitted: Fitted) -> None:
    own = store(fitted)
    one = (own.budget - own.n_bytes) // own.room
    small = store(fitted, budget=int(2.5 * one))
    pieces = list(live(fitted, small, view(0, 10, 0, 10), Extent.AROUND))
    assert small.n_kept == small.n_bytes // one + 1 == len(pieces)
    assert small.room == 0
    assert pieces[0].total == 2
    assert len(pieces) in (2, 3)  # those at the border are smaller


def test_all_of_an_image_does_not_push_the_view_out_of_memory(fitted: Fitted) -> None:
    own = store(fitted)
    one = (own.budget - own.n_bytes) // own.room
    small = store(fitted, budget=int(2.5 * one))
    pieces = list(live(fitted, small, view(0, 10, 0, 10), Extent.ALL))
    assert len(pieces) == 6
    assert small.has((), 0)


def test_pixels_that_are_not_finite_are_unknown_at_any_stride(fitted: Fitted) -> None:
    broken = three_textures().astype(np.float32)
    broken[8:24, 8:24] = np.nan
    source = ImageSource.from_array(broken, axes="YXC")
    own = FeatureStore(
        source,
        fitted.model.descriptor,
        device=CPU,
        size=32,
        margin=fitted.model.margin,
    )
    first = next(iter(live(fitted, own, view(0, 32, 0, 32, stride=4), Extent.VIEW)))
    assert first.region == (slice(0, 32), slice(0, 32))
    hole = np.zeros((8, 8), bool)
    hole[2:6, 2:6] = True
    assert (first.prediction.typicality[hole] == 0).all()
    assert (first.prediction.typicality[~hole] > 0).any()


@pytest.mark.parametrize("seen", [None, view(20, 50, 30, 80)], ids=["nowhere", "view"])
def test_nothing_is_finer_than_the_goal(fitted: Fitted, seen: View | None) -> None:
    own = store(fitted)
    coverage = Coverage.none((own.source.height, own.source.width), own.cell)
    pieces = list(
        predict_live(
            fitted.model, own, coverage, look=lambda: seen, goal=Goal(finest=2)
        )
    )
    assert {p.stride for p in pieces} == {2}
    assert (coverage.strides == 2).all()
    assert pieces[-1].done == pieces[-1].total
    rest = predict_live(fitted.model, own, coverage, look=lambda: seen)
    assert {p.stride for p in rest} == {1}
    assert (coverage.strides == 1).all()
