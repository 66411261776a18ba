from __future__ import annotations

import numpy as np

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.training.about import facts_of
from napari_ood_seg.core.training.instant import Scribbled
from tests.contracts.scenes import SHAPE, strokes


def test_facts() -> None:
    """Of the first image, but wavelengths are of the first that has some."""
    shape = (*SHAPE, 2)
    blind = ImageSource.from_array(
        np.zeros(shape), axes="YXC", name="a", pixel_size=(2, 3), unit="micrometer"
    )
    known = ImageSource.from_array(
        np.zeros(shape), axes="YXC", name="b", wavelengths=(500.0, 510.0)
    )
    images = [Scribbled(blind, strokes()), Scribbled(known, strokes(1))]
    assert facts_of(images) == {
        "channel_names": [],
        "wavelengths": [500.0, 510.0],
        "pixel_size": [2, 3],
        "unit": "micrometer",
        "trained_on": ["a", "b"],
        "n_strokes": 9,
    }
    assert facts_of(images[:1])["wavelengths"] is None
