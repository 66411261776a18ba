"""What a descriptor sees of a region, before the statistics of an image come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class Seen(NamedTuple):
    """What there is to see of a region.

    Attributes
    ----------
    channels
        `(k, h, w)`, see `ChannelMap`.
    colors
        `(3, h, w)` for the encoder, if it wants colours.
    unusable
        `(h, w)` which pixels say nothing: those that are not finite, and those that
        are left out for their exposure.
    """

    channels: Tensor
    colors: Tensor | None
    unusable: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Seen]) -> Seen:
        """Return what is seen of rows, one part below the other."""
        colors = [p.colors for p in parts if p.colors is not None]
        return cls(
            torch.cat([p.channels for p in parts], 1),
            torch.cat(colors, 1) if colors else None,
            torch.cat([p.unusable for p in parts]),
        )


class Look(NamedTuple):
    """What does not depend on the statistics of an image.

    Attributes
    ----------
    seen
        Of a region.
    raw
        Its features, not reduced; see `Descriptor.raw`.
    """

    seen: Seen
    raw: tuple[Tensor, ...]
