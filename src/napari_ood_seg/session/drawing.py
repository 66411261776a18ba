"""Other ways to look at a plane of an image; on the worker thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_ood_seg.core.data.preview import PICTURES, picture
from napari_ood_seg.core.data.tissue import INDICES, tissue_map
from napari_ood_seg.core.features.reading import exposure_masks
from napari_ood_seg.session.jobs import Pictured
from napari_ood_seg.session.work import EXPOSURE, PictureJob

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def drawn(job: PictureJob) -> Pictured:
    """Return what a plane looks like.

    Raises
    ------
    ImageError
        If the image has not the wavelengths that are needed, or cannot be read.
    """
    limits = None
    pixels: npt.NDArray[np.generic]
    if job.name == EXPOSURE:
        pixels = _labels(job)
    elif job.name in PICTURES:
        pixels = picture(job.source, job.name, plane=job.plane)
    else:
        pixels = tissue_map(job.source, job.name, plane=job.plane)
        limits = INDICES[job.name].limits
    return Pictured(
        source=job.source, plane=job.plane, name=job.name, pixels=pixels, limits=limits
    )


def _labels(job: PictureJob) -> npt.NDArray[np.uint8]:
    glare, dark = exposure_masks(
        job.source, device=torch.device("cpu"), plane=job.plane
    )
    found: npt.NDArray[np.uint8] = (glare.byte() + 2 * dark.byte()).numpy()
    return found
