"""Run an encoder that sees everything at once in windows, and join what it says.

Transformers attend to all of an image, so what they say about a place depends on what
they were shown. Here they are shown windows of one size that lie on a grid fixed to the
image, each overlapping the next, and values are cross-faded where windows overlap: the
weights of a place sum to 1, and fall to 0 where a window ends. So there are no seams,
and a tile gets what the whole image would, up to rounding. Beyond the image its
reflection is shown; as the grid begins before the image, no border of a window lies
on that of the image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

import torch

from napari_ood_seg.core.config.deep import WINDOW
from napari_ood_seg.core.features.filters import reflect_index
from napari_ood_seg.core.parallel import spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    Encode = Callable[[Tensor], Sequence[Tensor]]
    Span = tuple[int, int]

OVERLAP: Final = 64
STEP: Final = WINDOW - OVERLAP
COARSEST: Final = 32
"""Windows begin at multiples of it, so factors must divide it."""

_BATCH: Final = {"cpu": 4}
_BATCH_ELSEWHERE: Final = 16


class Windowed(ABC):
    """An encoder that is shown windows of an image; a `PlacedEncoder`.

    Attributes
    ----------
    factors
        How many times coarser than the image each stage is.
    """

    __slots__ = ()

    factors: tuple[int, ...]

    @abstractmethod
    def on(self, device: torch.device) -> Encode:
        """Return what gives the stages of windows that are on a device."""

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the stages of a whole image; see `placed`."""
        return self.placed(x, origin=(0, 0))

    def placed(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int],
        spans: Sequence[Span] | None = None,
    ) -> tuple[Tensor, ...]:
        """Return the stages of a region of an image; see `blended`.

        Parameters
        ----------
        x
            `(c, h, w)`: red, green, blue in [0, 1], or the channels of a network.
        origin
            Row and column of the region's first pixel in the image.
        spans
            The rows and columns of the region that are wanted; all without.
        """
        encode = self.on(x.device)
        return blended(encode, x, self.factors, origin=origin, spans=spans)


def window_starts(first: int, last: int) -> range:
    """Return where the windows begin that cover pixels `first` to `last` of an axis.

    Examples
    --------
    >>> list(window_starts(0, 1)), list(window_starts(0, 97))
    ([-64], [-64, 96])
    >>> list(window_starts(160, 512))
    [96, 256, 416]
    """
    lowest = (first + OVERLAP - WINDOW) // STEP + 1
    highest = (last - 1 + OVERLAP) // STEP
    return range(lowest * STEP - OVERLAP, highest * STEP - OVERLAP + 1, STEP)


def ramp(factor: int) -> Tensor:
    """Return the weights of the cells of a window along one axis.

    Examples
    --------
    >>> ramp(32).tolist()
    [0.25, 0.75, 1.0, 1.0, 1.0, 0.75, 0.25]
    """
    centre = torch.arange(WINDOW // factor) * factor + factor / 2
    return (torch.minimum(centre, WINDOW - centre) / OVERLAP).clamp_max(1)


def blended(
    encode: Encode,
    x: Tensor,
    factors: Sequence[int],
    *,
    origin: tuple[int, int] = (0, 0),
    spans: Sequence[Span] | None = None,
) -> tuple[Tensor, ...]:
    """Return the stages of an encoder on a region of an image.

    Parameters
    ----------
    encode
        Gives `(b, c_i, WINDOW / f, WINDOW / f)` of `(b, c, WINDOW, WINDOW)`.
    x
        `(c, h, w)`, with `WINDOW` pixels of context around `spans` wherever the image
        goes on.
    factors
        `f` of each stage; divisors of `COARSEST`.
    origin
        Row and column of the region's first pixel in the image.
    spans
        The rows and columns of the region that are wanted; all without.

    Returns
    -------
    Per stage `(c_i, ceil(h/f), ceil(w/f))` of what is wanted.
    """
    shape = (int(x.shape[1]), int(x.shape[2]))
    inner = spans or [(0, n) for n in shape]
    wanted = [(a + o, b + o) for (a, b), o in zip(inner, origin, strict=True)]
    rows, columns = (window_starts(a, b) for a, b in wanted)
    places = [(top, left) for top in rows for left in columns]
    size = _BATCH.get(x.device.type, _BATCH_ELSEWHERE)
    batches = [places[i : i + size] for i in range(0, len(places), size)]

    def run(batch: Sequence[tuple[int, int]]) -> Sequence[Tensor]:
        windows = [_window(x, at, origin) for at in batch]
        with torch.no_grad():
            return encode(torch.stack(windows))

    found = spread(run, batches, on=x.device)
    return tuple(
        _joined([z for part in found for z in part[i]], places, wanted, factor)
        for i, factor in enumerate(factors)
    )


def _window(x: Tensor, at: tuple[int, int], origin: tuple[int, int]) -> Tensor:
    """Return the window that begins `at` a place of the image, reflected beyond it."""
    for axis, (start, first) in enumerate(zip(at, origin, strict=True), start=1):
        known = reflect_index(int(x.shape[axis]), WINDOW, WINDOW, device=x.device)
        begin = start - first + WINDOW
        x = x.index_select(axis, known[begin : begin + WINDOW])
    return x


def _joined(
    parts: Sequence[Tensor],
    places: Sequence[tuple[int, int]],
    wanted: Sequence[Span],
    factor: int,
) -> Tensor:
    """Return the cells of a stage, cross-faded from those of the windows."""
    cells = [(a // factor, -(-b // factor)) for a, b in wanted]
    (top, bottom), (left, right) = cells
    out = parts[0].new_zeros(parts[0].shape[0], bottom - top, right - left)
    weight = ramp(factor).to(out)
    both = weight[:, None] * weight
    n = len(weight)
    for part, place in zip(parts, places, strict=True):
        inside, there = [], []
        for start, (a, b) in zip(place, cells, strict=True):
            at = start // factor
            first, last = max(at, a), min(at + n, b)
            inside.append(slice(first - at, last - at))
            there.append(slice(first - a, last - a))
        mine = (slice(None), *inside)
        out[(slice(None), *there)] += part[mine] * both[tuple(inside)]
    return out
