"""What is asked of the worker thread: frozen jobs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from napari_ood_seg.core.inference.view import Extent
from napari_ood_seg.session.sight import Sight

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from napari_ood_seg.core.config import DeepConfig, InstantConfig
    from napari_ood_seg.core.data.coverage import Coverage
    from napari_ood_seg.core.data.scribbles import Scribbles
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.types import ClassInfo
    from napari_ood_seg.session.result import Result
    from napari_ood_seg.session.shelf import Sheet


_TALLY_PIXELS: Final = 250_000
"""So many pixels say enough, and are copied in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What to predict of an image that is not shown.

    Attributes
    ----------
    planes
        In this order.
    covered
        By plane, what was predicted already with the same model.
    """

    source: ImageSource
    planes: tuple[tuple[int, ...], ...]
    covered: Mapping[tuple[int, ...], Coverage] = field(
        default_factory=dict, repr=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownJob:
    """A job whose result is shown.

    Attributes
    ----------
    images
        All that there are; what is kept about others is dropped.
    also
        Other images to predict wholly after this one.
    plane
        The one that is shown; it is predicted first.
    ahead
        Planes to predict after it.
    sight
        What is visible, now and when that changes.
    covered
        By plane, what was predicted already with the same model.
    extent
        How much to predict.
    budget
        Bytes of features to keep.
    """

    source: ImageSource
    device: str
    plane: tuple[int, ...]
    images: tuple[ImageSource, ...] = ()
    also: tuple[Target, ...] = ()
    ahead: tuple[tuple[int, ...], ...] = ()
    sight: Sight = field(default_factory=Sight, repr=False)
    covered: Mapping[tuple[int, ...], Coverage] = field(
        default_factory=dict, repr=False
    )
    extent: Extent = Extent.ALL
    budget: int = 2 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictJob(ShownJob):
    """Apply a model to an image."""

    model: InstantModel = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob(ShownJob):
    """Train on the scribbles of some images, then predict the one that is shown.

    Attributes
    ----------
    learned
        Images and their scribbles, with or without the one that is shown.
    """

    learned: tuple[Sheet, ...] = field(repr=False)
    classes: tuple[ClassInfo, ...]
    config: InstantConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineJob(ShownJob):
    """Train a network on the scribbles of some images, and show what it is good for.

    Attributes
    ----------
    fresh
        Whether to begin anew rather than go on.
    folder
        Where training is kept, see `Refinement`.
    resume
        Whether to go on from what is kept there.
    """

    learned: tuple[Sheet, ...] = field(repr=False)
    classes: tuple[ClassInfo, ...]
    config: DeepConfig
    fresh: bool = False
    folder: Path | None = None
    resume: bool = False


EXPOSURE: Final = "exposure"
"""Labels: 1 for highlights, 2 for what is too dark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureJob:
    """Look at a plane in another way.

    Attributes
    ----------
    name
        One of `preview.PICTURES`, of `tissue.INDICES`, or `EXPOSURE`.
    """

    source: ImageSource
    plane: tuple[int, ...]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """Predict a plane and write it to `path`."""

    source: ImageSource
    model: InstantModel = field(repr=False)
    device: str
    plane: tuple[int, ...]
    path: Path
    keep: float
    classes: tuple[ClassInfo, ...]
    overwrite: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditJob:
    """Hold each class of some images out in turn."""

    learned: tuple[Sheet, ...] = field(repr=False)
    classes: tuple[ClassInfo, ...]
    config: InstantConfig
    device: str
    keep: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideJob:
    """Find what a model does not know on a plane, and strokes that may be mistakes.

    Attributes
    ----------
    others
        Further images and their scribbles, which are not judged.
    near
        Row and column around which a very large image is looked at.
    """

    source: ImageSource
    model: InstantModel = field(repr=False)
    scribbles: Scribbles = field(repr=False)
    classes: tuple[ClassInfo, ...]
    config: InstantConfig
    device: str
    plane: tuple[int, ...]
    keep: float
    others: tuple[Sheet, ...] = field(default=(), repr=False)
    near: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainJob:
    """Say why a pixel is what it is; `point` is its row and column."""

    source: ImageSource
    model: InstantModel = field(repr=False)
    scribbles: Scribbles = field(repr=False)
    device: str
    plane: tuple[int, ...]
    point: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyJob:
    """Count how typical the pixels of each class are, by a sample of a result.

    Attributes
    ----------
    classes, typicality
        `(h, w)` of every so many-th row and column.
    """

    model: InstantModel = field(repr=False)
    classes: npt.NDArray[np.uint8] = field(repr=False)
    typicality: npt.NDArray[np.float32] = field(repr=False)

    @classmethod
    def of(cls, model: InstantModel, result: Result) -> Self:
        """Return the job for a result, which may go on changing."""
        step = math.ceil(math.sqrt(math.prod(result.shape) / _TALLY_PIXELS))
        return cls(
            model=model,
            classes=result.classes_in(result.whole, step=step),
            typicality=result.typicality_in(result.whole, step=step),
        )
