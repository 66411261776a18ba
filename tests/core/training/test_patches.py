from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.training import augment
from napari_ood_seg.core.training import patches as patches_module
from napari_ood_seg.core.training.folds import Piece, deal
from napari_ood_seg.core.training.patches import IGNORED, Painted, Patches, only
from tests.contracts.scenes import CPU

SHAPE = (60, 80)


def doubled(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


def scene(*, size: int = 32, shape: tuple[int, int] = SHAPE) -> tuple[Patches, Painted]:
    """Return patches of an image whose pixels are their class, 5, 9 or 0."""
    scribbles = Scribbles(shape)
    for row in range(4, shape[0] - 4, 4):  # many strokes of class 5
        scribbles = scribbles.add(5, [[row, k] for k in range(4, 20)])
    scribbles = scribbles.add(9, [[10, k] for k in range(22, 30)])  # one of class 9
    array = scribbles.to_labels().astype(np.float32)[..., None]
    source = ImageSource.from_array(array, axes="YXC")
    image = Painted(source, scribbles, deal(scribbles, 4))
    return Patches([image], (5, 9), doubled, size=size, device=CPU), image


def test_labels_and_channels_belong_together() -> None:
    patches, _ = scene()
    batch = patches.draw(12, torch.Generator().manual_seed(0), augment=False)
    assert batch.x.shape == (12, 1, 32, 32)
    value = batch.x[:, 0] / 2
    assert (batch.y[value == 0] == IGNORED).all()
    assert (batch.y[value == 5] == 0).all()
    assert (batch.y[value == 9] == 1).all()
    assert ((batch.y >= 0).flatten(1).sum(1) > 0).all(), "a patch without paint"


def test_changed_at_random_they_still_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Except at the edges of strokes, where pixels are mixed: not enlarged here."""
    monkeypatch.setattr(augment, "ZOOM", 1.0)
    patches, _ = scene()
    plain = patches.draw(8, torch.Generator().manual_seed(0), augment=False)
    batch = patches.draw(40, torch.Generator().manual_seed(0), augment=True)
    for x, y in zip(batch.x[:, 0], batch.y, strict=True):
        painted, bare = x[y >= 0], x[y == IGNORED]
        assert painted.min() > bare.max(), "paint is brighter than what is not painted"
    assert not torch.equal(plain.x, batch.x[:8])


def test_enlarged_a_patch_shows_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plane whose pixels are their column: how fast they rise is the size."""
    monkeypatch.setattr(patches_module, "recoloured", lambda x, _: x)
    monkeypatch.setattr(patches_module, "turned", lambda x, y, _: (x, y))
    scribbles = Scribbles(SHAPE).add(5, [[30, k] for k in range(30, 50)])
    array = np.broadcast_to(np.arange(80, dtype=np.float32), SHAPE)[..., None]
    image = Painted(
        ImageSource.from_array(array.copy(), axes="YXC"), scribbles, deal(scribbles, 2)
    )
    patches = Patches([image], (5,), doubled, size=16, device=CPU)
    batch = patches.draw(60, torch.Generator().manual_seed(0), augment=True)
    steps = batch.x[:, 0, :, 4:-4].diff(dim=2) / 2
    each = steps.mean((1, 2))
    torch.testing.assert_close(steps, each[:, None, None].expand_as(steps))
    edges = {round(16 * float(s)) for s in each}
    assert edges == set(range(13, 21)), "16 / 1.25 to 16 * 1.25 pixels"


def test_shares_are_parts_of_the_same_batch() -> None:
    patches, _ = scene()
    for draw in (patches.draw, patches.draw_anywhere):
        own = [torch.Generator().manual_seed(0) for _ in range(3)]
        whole = draw(5, own[0], augment=True)
        first = draw(5, own[1], augment=True, share=slice(0, 5, 2))
        second = draw(5, own[2], augment=True, share=slice(1, 5, 2))
        assert torch.equal(whole.x[0::2], first.x)
        assert torch.equal(whole.x[1::2], second.x)
        assert torch.equal(whole.y[1::2], second.y)
        states = [g.get_state() for g in own]
        assert all(torch.equal(states[0], s) for s in states)


def test_patches_from_anywhere_cover_the_image() -> None:
    """Pixels that are their number: all are seen, the middle ones most."""
    array = np.arange(60 * 80, dtype=np.float32).reshape(60, 80, 1)
    scribbles = Scribbles(SHAPE).add(5, [[9, k] for k in range(9, 25)])
    source = ImageSource.from_array(array, axes="YXC")
    image = Painted(source, scribbles, deal(scribbles, 2))
    patches = Patches([image], (5,), doubled, size=16, device=CPU)
    batch = patches.draw_anywhere(200, torch.Generator().manual_seed(0), augment=False)
    assert len((batch.x / 2).unique()) > 0.99 * 60 * 80


def test_another_size() -> None:
    patches, _ = scene()
    batch = patches.draw(3, torch.Generator().manual_seed(0), augment=True, size=24)
    assert batch.x.shape == (3, 1, 24, 24)
    assert batch.y.shape == (3, 24, 24)


def test_classes_are_drawn_alike() -> None:
    """Thirteen strokes of one class and one of the other: both are seen as often."""
    patches, _ = scene(size=16)
    batch = patches.draw(400, torch.Generator().manual_seed(0), augment=False)
    with_nine = (batch.y == 1).flatten(1).any(1).float().mean()
    assert 0.42 < float(with_nine) < 0.58  # 200 of 400: four standard deviations


def test_the_same_generator_draws_the_same() -> None:
    patches, _ = scene()
    first, second = (
        patches.draw(4, torch.Generator().manual_seed(3), augment=True)
        for _ in range(2)
    )
    assert torch.equal(first.x, second.x)
    assert torch.equal(first.y, second.y)


def test_a_patch_larger_than_the_image_is_reflected() -> None:
    patches, image = scene(size=48, shape=(24, 32))
    batch = patches.around(0, image.pieces[0])
    wanted = np.pad(
        image.scribbles.to_labels().astype(np.float32), ((0, 24), (0, 16)), "reflect"
    )
    np.testing.assert_array_equal(batch.x[0, 0] / 2, wanted)


def test_missing_pixels_are_zero() -> None:
    array = np.full((*SHAPE, 1), np.nan, np.float32)
    scribbles = Scribbles(SHAPE).add(5, [[9, k] for k in range(9)])
    source = ImageSource.from_array(array, axes="YXC")
    image = Painted(source, scribbles, deal(scribbles, 2))
    patches = Patches([image], (5,), doubled, size=16, device=CPU)
    assert (patches.around(0, image.pieces[0]).x == 0).all()


def test_only_some_pieces() -> None:
    _, image = scene()
    pieces = image.pieces[1:4]
    labels = only(image.scribbles, pieces).to_labels()
    wanted = np.zeros(SHAPE, np.uint8)
    for piece in pieces:
        wanted[tuple(piece.coords.T)] = piece.class_id
    np.testing.assert_array_equal(labels, wanted)


@pytest.mark.parametrize("held", [True, False])
def test_pieces_that_are_left_out_are_not_painted(held: bool) -> None:
    _, image = scene()
    pieces: tuple[Piece, ...] = tuple(p for p in image.pieces if (p.fold == 0) == held)
    mine = Painted(image.source, only(image.scribbles, pieces), pieces)
    patches = Patches([mine], (5, 9), doubled, size=32, device=CPU)
    seen = {tuple(p.tolist()) for _, piece in patches.pieces for p in piece.coords}
    others = {
        tuple(p.tolist())
        for piece in image.pieces
        if piece not in pieces
        for p in piece.coords
    }
    assert not seen & others


def test_the_first_pieces_are_of_all_classes() -> None:
    """A check looks at some only; it must not see one class alone."""
    patches, _ = scene()
    assert {piece.class_id for _, piece in patches.pieces[:2]} == {5, 9}
