"""Patches around strokes, for training a network on sparse scribbles."""

from __future__ import annotations

import zlib
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from napari_ood_seg.core.features.filters import reflect_index
from napari_ood_seg.core.features.reading import read_region
from napari_ood_seg.core.training.augment import (
    draw_zoom,
    recoloured,
    resized,
    turned,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_ood_seg.core.data.scribbles import Scribbles
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.training.folds import Piece

IGNORED: Final = -1
"""Label of pixels that nobody painted."""

_SMALL: Final = 2**24
"""Planes with no more values are read once, and cut from then on."""


_ALL: Final = slice(None)


class Painted(NamedTuple):
    """An image, and the pieces of scribble that are learned from on it."""

    source: ImageSource
    scribbles: Scribbles
    pieces: Sequence[Piece]


class Batch(NamedTuple):
    """`(b, c, p, p)` channels and `(b, p, p)` class indices, `IGNORED` elsewhere."""

    x: Tensor
    y: Tensor


class Patches:
    """Draws patches: every class as often, each piece of a class as often.

    Parameters
    ----------
    images
        At least one with pieces.
    class_ids
        Ascending; their order is that of the labels.
    channels
        From `(c, h, w)` pixels to what the network is shown.
    size
        Edge of a patch in pixels.
    device
        Where channels are computed.
    """

    def __init__(
        self,
        images: Sequence[Painted],
        class_ids: Sequence[int],
        channels: Callable[[Tensor], Tensor],
        *,
        size: int,
        device: torch.device,
    ) -> None:
        self._images = tuple(images)
        self._channels = channels
        self._size = size
        self._device = device
        self._lookup = torch.full((256,), IGNORED, dtype=torch.long)
        self._lookup[list(class_ids)] = torch.arange(len(class_ids))
        self._kept: dict[
            tuple[ImageSource, tuple[int, ...]], tuple[Tensor, Tensor]
        ] = {}
        self._of_class: list[list[tuple[int, Piece]]] = [
            [
                (i, piece)
                for i, image in enumerate(images)
                for piece in image.pieces
                if piece.class_id == class_id
            ]
            for class_id in class_ids
        ]
        self._of_class = [own for own in self._of_class if own]

    @property
    def pieces(self) -> list[tuple[int, Piece]]:
        """All pieces, each with the number of its image; the classes take turns."""
        turns = zip_longest(*self._of_class)
        return [found for turn in turns for found in turn if found is not None]

    @property
    def fingerprint(self) -> int:
        """A number that changes with the pieces, their classes and their planes."""
        out = 0
        for image, piece in self.pieces:
            about = f"{image} {piece.class_id} {piece.plane}".encode()
            out = zlib.crc32(piece.coords.tobytes(), zlib.crc32(about, out))
        return out

    def draw(
        self,
        n: int,
        generator: torch.Generator,
        *,
        augment: bool,
        share: slice = _ALL,
        size: int | None = None,
    ) -> Batch:
        """Return `n` random patches around painted pixels.

        Parameters
        ----------
        generator
            Moves on by `n` numbers, whatever is done with them.
        augment
            Whether to change them at random, see `augment`.
        share
            Which of the patches to return.
        size
            Edge in pixels, if another one than usual.
        """
        parts = []
        for own in _seeded(n, generator)[share]:
            of_class = self._of_class[_below(len(self._of_class), own)]
            image, piece = of_class[_below(len(of_class), own)]
            pixel = piece.coords[_below(len(piece.coords), own)]
            edge = size or self._size
            at = (
                int(pixel[0]) + _below(edge // 2, own) - edge // 4,
                int(pixel[1]) + _below(edge // 2, own) - edge // 4,
            )
            place = self._images[image], piece.plane, at
            parts.append(self._patch(*place, edge, own if augment else None))
        return Batch(*(torch.stack(p) for p in zip(*parts, strict=True)))

    def draw_anywhere(
        self,
        n: int,
        generator: torch.Generator,
        *,
        augment: bool,
        share: slice = _ALL,
        size: int | None = None,
    ) -> Batch:
        """Return `n` random patches from anywhere on the painted planes.

        Every plane is drawn as often; the parameters are those of `draw`.
        """
        parts = []
        planes = sorted({(i, piece.plane) for i, piece in self.pieces})
        for own in _seeded(n, generator)[share]:
            number, plane = planes[_below(len(planes), own)]
            image = self._images[number]
            at = _below(image.source.height, own), _below(image.source.width, own)
            edge = size or self._size
            parts.append(self._patch(image, plane, at, edge, own if augment else None))
        return Batch(*(torch.stack(p) for p in zip(*parts, strict=True)))

    def around(self, image: int, piece: Piece) -> Batch:
        """Return one patch in the middle of a piece."""
        middle = piece.coords[len(piece.coords) // 2]
        at = (int(middle[0]), int(middle[1]))
        x, y = self._patch(self._images[image], piece.plane, at, self._size, None)
        return Batch(x[None], y[None])

    def _patch(
        self,
        image: Painted,
        plane: tuple[int, ...],
        at: tuple[int, int],
        size: int,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Return channels and labels of a patch, changed at random if told how."""
        if generator is None:
            x, y = self._cut(image, plane, at, size)
        else:
            edge = round(size * draw_zoom(generator))
            x, y = resized(*self._cut(image, plane, at, edge), size)
            x, y = turned(recoloured(x, generator), y, generator)
        return self._channels(x), y.contiguous()

    def _cut(
        self, image: Painted, plane: tuple[int, ...], at: tuple[int, int], size: int
    ) -> tuple[Tensor, Tensor]:
        """Return pixels and labels of the patch around a pixel.

        It is moved into the image; one that is larger than the image is reflected.
        """
        source = image.source
        whole = self._whole(image, plane)
        spans, index = [], []
        for middle, n in zip(at, (source.height, source.width), strict=True):
            start = min(max(middle - size // 2, 0), max(n - size, 0))
            spans.append(slice(start, min(start + size, n)))
            length = spans[-1].stop - start
            index.append(reflect_index(length, 0, size - length, device=self._device))
        rows, columns = spans
        if whole is None:
            x, y = self._look(image, plane, (rows, columns))
        else:
            x, y = whole[0][:, rows, columns], whole[1][rows, columns]
        if tuple(y.shape) == (size, size):
            return x, y
        return x[:, index[0]][:, :, index[1]], y[index[0]][:, index[1]]

    def _whole(
        self, image: Painted, plane: tuple[int, ...]
    ) -> tuple[Tensor, Tensor] | None:
        """Return pixels and labels of a whole plane, kept if it is small."""
        source = image.source
        if source.height * source.width * source.n_channels > _SMALL:
            return None
        key = (source, plane)
        if key not in self._kept:
            everything = (slice(0, source.height), slice(0, source.width))
            self._kept[key] = self._look(image, plane, everything)
        return self._kept[key]

    def _look(
        self, image: Painted, plane: tuple[int, ...], region: tuple[slice, slice]
    ) -> tuple[Tensor, Tensor]:
        pixels = read_region(image.source, region, plane=plane, device=self._device)
        seen = image.scribbles.to_labels(region, plane=plane)
        labels = self._lookup[torch.from_numpy(seen).long()]
        return torch.nan_to_num(pixels), labels.to(self._device)


def only(scribbles: Scribbles, pieces: Sequence[Piece]) -> Scribbles:
    """Return scribbles that consist of some pieces."""
    out = type(scribbles)(scribbles.shape)
    for piece in pieces:
        out = out.add(piece.class_id, piece.coords, plane=piece.plane)
    return out


def _below(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(n, (), generator=generator))


def _seeded(n: int, generator: torch.Generator) -> list[torch.Generator]:
    """Return a generator for each patch: each is the same whoever draws it."""
    seeds = torch.randint(2**62, (n,), generator=generator).tolist()
    return [torch.Generator().manual_seed(seed) for seed in seeds]
