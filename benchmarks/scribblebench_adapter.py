"""The engines as methods of scribblebench.

A method is called with images and dense scribbles and returns, per test image,
classes, OOD score and the reject mask at the default threshold.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from napari_ood_seg.core.config import DeepConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.device import pick_device
from napari_ood_seg.core.inference.predict import open_features, predict
from napari_ood_seg.core.training.deep import DeepTrainer
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled
from napari_ood_seg.core.types import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Image = npt.NDArray[np.float32]
    Result = tuple[npt.NDArray[np.uint8], Image, npt.NDArray[np.bool_]]


def instant_offline(
    train: Sequence[tuple[Image, npt.NDArray[np.int_]]],
    test: Sequence[Image],
    spacing: object,  # noqa: ARG001 - scribblebench passes it
) -> list[Result]:
    """The instant engine without pretrained weights."""
    return run(train, test, InstantConfig())


def instant(
    train: Sequence[tuple[Image, npt.NDArray[np.int_]]],
    test: Sequence[Image],
    spacing: object,  # noqa: ARG001 - scribblebench passes it
) -> list[Result]:
    """The instant engine with SqueezeNet weights, from ``NAPARI_OOD_SEG_WEIGHTS``."""
    return run(train, test, InstantConfig(encoder=os.environ["NAPARI_OOD_SEG_WEIGHTS"]))


def deep(
    train: Sequence[tuple[Image, npt.NDArray[np.int_]]],
    test: Sequence[Image],
    spacing: object,  # noqa: ARG001 - scribblebench passes it
) -> list[Result]:
    """The deep engine from scratch, with settings from ``NAPARI_OOD_SEG_DEEP``.

    They are JSON, such as ``{"steps": 200}``; the defaults where not given.
    """
    return run(train, test, DeepConfig(**_given()))


def deep_with_encoder(
    train: Sequence[tuple[Image, npt.NDArray[np.int_]]],
    test: Sequence[Image],
    spacing: object,  # noqa: ARG001 - scribblebench passes it
) -> list[Result]:
    """The deep engine beside the encoder of `instant`; settings as for `deep`."""
    heads = InstantConfig(encoder=os.environ["NAPARI_OOD_SEG_WEIGHTS"])
    return run(train, test, DeepConfig(**_given(), heads=heads))


def deep_spectral(
    train: Sequence[tuple[Image, npt.NDArray[np.int_]]],
    test: Sequence[Image],
    spacing: object,  # noqa: ARG001 - scribblebench passes it
) -> list[Result]:
    """The deep engine with the network of single pixels; settings as for `deep`."""
    return run(train, test, DeepConfig(**{"network": "spectral", **_given()}))


def _given() -> dict[str, Any]:
    return dict(json.loads(os.environ.get("NAPARI_OOD_SEG_DEEP", "{}")))


def run(
    train: Sequence[tuple[Image, npt.NDArray[np.int_]]],
    test: Sequence[Image],
    config: InstantConfig | DeepConfig,
) -> list[Result]:
    """Train on `train` and predict `test` with the given settings."""
    device = pick_device()
    sources = {
        id(image): ImageSource.from_array(image, axes="YXC") for image, _ in train
    }
    images = [
        Scribbled(sources[id(image)], Scribbles.from_labels(marks))
        for image, marks in train
    ]
    trainer: InstantTrainer | DeepTrainer
    if isinstance(config, DeepConfig):
        trainer = DeepTrainer(config, device=device)
    else:
        trainer = InstantTrainer(config, device=device)
    steps = trainer.fit(images, [])
    while True:
        try:
            next(steps)
        except StopIteration as end:
            model = end.value
            break
    out = []
    for image in test:
        source = sources.get(id(image)) or ImageSource.from_array(image, axes="YXC")
        known = trainer.store(source) if isinstance(trainer, InstantTrainer) else None
        store = known or open_features(model, source, device=device)
        found = predict(model, store)
        out.append((found.classes, found.score, found.labels() == UNKNOWN))
    return out
