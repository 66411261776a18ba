"""How typicality is spread, class by class: on held-out strokes, and in the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from napari_ood_seg.core.types import UNKNOWN

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_ood_seg.core.models.instant import InstantModel

    Floats = npt.NDArray[np.float64]

BINS: Final = 20
"""Of equal width from 0 to 1, so that the usual threshold lies between two."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassTypicality:
    """The distribution of typicality within one class.

    Attributes
    ----------
    held
        `(BINS,)` shares of held-out scribbled pixels, which sum to 1; the strokes
        weigh the same. Were the promise to hold for each class, all bins would be
        alike. Zeros if nothing was held out.
    predicted
        `(BINS,)` shares of the pixels that are nearest to this class, those below
        the threshold included. Zeros if there are none.
    n_strokes
        How many strokes (or parts of one) were held out.
    share
        Of the image that is nearest to this class, in [0, 1].
    """

    class_id: int
    held: Floats = field(repr=False)
    predicted: Floats = field(repr=False)
    n_strokes: int
    share: float


def typicalities(
    model: InstantModel,
    classes: npt.NDArray[np.uint8],
    typicality: npt.NDArray[np.float32],
) -> tuple[ClassTypicality, ...]:
    """Return the distribution of typicality for each class of a model.

    Parameters
    ----------
    classes
        `(...)` best class id of pixels of a result.
    typicality
        `(...)` of the same pixels; NaN where nothing is predicted yet.
    """
    there = np.isfinite(typicality)
    counts = np.bincount(
        classes[there].astype(np.int64) * BINS + _bins(typicality[there]),
        minlength=(UNKNOWN + 1) * BINS,
    ).reshape(-1, BINS)
    total = max(int(counts.sum()), 1)
    found = []
    for index, class_id in enumerate(model.class_ids):
        held = _held(model, index, class_id)
        found.append(
            ClassTypicality(
                class_id=class_id,
                held=_shares(sum(held, np.zeros(BINS))),
                predicted=_shares(counts[class_id]),
                n_strokes=len(held),
                share=float(counts[class_id].sum() / total),
            )
        )
    return tuple(found)


def _held(model: InstantModel, index: int, class_id: int) -> list[Floats]:
    """Return the shares of each held-out stroke of a class."""
    out = []
    for scores in model.calibration.held.get(class_id, ()):
        own = torch.full(scores.shape, index)
        found = model.calibration.typicality(scores, own).cpu().numpy()
        out.append(_shares(np.bincount(_bins(found), minlength=BINS)))
    return out


def _bins(typicality: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return the bin of each value; 1 belongs to the last one."""
    return np.minimum((typicality * BINS).astype(np.int64), BINS - 1)


def _shares(counts: npt.NDArray[np.generic]) -> Floats:
    values = np.asarray(counts, np.float64)
    shares: Floats = values / max(float(values.sum()), 1e-12)
    return shares
