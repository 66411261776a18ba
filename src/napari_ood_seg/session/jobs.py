"""Immutable messages that cross the thread boundary."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from napari_ood_seg.core.types import Progress

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.evaluation.report import Audit
    from napari_ood_seg.core.guidance.doubts import Doubt
    from napari_ood_seg.core.guidance.groups import Group
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.types import Prediction


class Outcome(StrEnum):
    """How a job ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """The last message of a job; sent exactly once."""

    outcome: Outcome
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model was fitted; tiles that were predicted with it follow."""

    model: InstantModel = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TileDone:
    """A tile, or a part of one, was predicted.

    Attributes
    ----------
    source
        The image.
    region
        Rows and columns in pixels.
    stride, cell
        Every how many pixels, and the edge of the smallest part.
    plane
        Index of the plane.
    prediction
        Arrays of the size of `region` over `stride`.
    done, total
        Tiles so far and in all.
    seen
        Whether it shows on the screen; what does not is done ahead.
    rough
        Whether it is one value a block, as there is nothing better yet.
    kept, budget
        Bytes of features that are kept, and that may be.
    """

    source: ImageSource
    region: tuple[slice, ...]
    stride: int
    cell: int
    plane: tuple[int, ...]
    prediction: Prediction = field(repr=False)
    done: int
    total: int
    seen: bool
    rough: bool
    kept: int
    budget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a network is good for, by strokes that it was not trained on.

    Attributes
    ----------
    step
        Steps that it was trained.
    accuracy_before, accuracy
        Share of the pixels of those strokes that get their class: by filters alone, and
        as it is now.
    used
        Whether the network is part of the model.
    verdict
        The same for a person.
    """

    step: int
    accuracy_before: float
    accuracy: float
    used: bool
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictured:
    """Another way to look at a plane of an image.

    Attributes
    ----------
    name
        See `work.PictureJob`.
    pixels
        `(h, w, 3)` uint8 colours, `(h, w)` float32 values, or `(h, w)` uint8 labels.
    limits
        Between which values are shown; `None` for colours and labels.
    """

    source: ImageSource
    plane: tuple[int, ...]
    name: str
    pixels: npt.NDArray[np.generic] = field(repr=False)
    limits: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A prediction was written to `path`."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The classes were held out in turn."""

    audit: Audit = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guided:
    """What to look at next: unknown regions, and strokes that may be mistakes.

    Attributes
    ----------
    plane
        Index of the plane that the regions lie in.
    part
        Rows and columns of it that were looked at.
    """

    plane: tuple[int, ...]
    part: tuple[slice, slice]
    groups: tuple[Group, ...] = field(repr=False)
    doubts: tuple[Doubt, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """An encoder is on this machine now."""

    name: str


Event = (
    Progress
    | Trained
    | TileDone
    | Compared
    | Pictured
    | Exported
    | Audited
    | Guided
    | Downloaded
)
"""What a job tells."""
