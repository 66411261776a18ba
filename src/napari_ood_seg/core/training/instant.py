"""Fit the instant engine, keeping what can be kept from one stroke to the next."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import torch

from napari_ood_seg.core.data.scribbles import Scribbles, require_same_shape
from napari_ood_seg.core.errors import ModelMismatchError
from napari_ood_seg.core.features.descriptor import Descriptor
from napari_ood_seg.core.features.store import (
    FeatureStore,
    sample_regions,
    sample_tiles,
)
from napari_ood_seg.core.models.instant import InstantModel
from napari_ood_seg.core.ood.base import StrokePixels, TrainingPixels
from napari_ood_seg.core.ood.distance import Mahalanobis
from napari_ood_seg.core.training.crossfit import crossfit
from napari_ood_seg.core.training.folds import Piece, deal
from napari_ood_seg.core.types import ClassInfo, Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.data.source import ImageSource

    Steps = Generator[Progress, None, None]

_MAX_TILES = 16
"""Tiles of an image that the unlabelled pixels are drawn from."""


class Scribbled(NamedTuple):
    """An image and what was painted on it."""

    source: ImageSource
    scribbles: Scribbles


class InstantTrainer:
    """Fits models on the same images again and again as scribbles come and go.

    Features, and the statistics of strokes that did not change, are kept; taking
    a stroke away gives bit for bit the model that would have been without it.
    Not thread-safe: one thread at a time.

    Parameters
    ----------
    config
        Settings of the engine.
    device
        Where features are computed.
    """

    def __init__(self, config: InstantConfig, *, device: torch.device) -> None:
        self.config = config
        self.device = device
        self._stores: dict[ImageSource, FeatureStore] = {}
        self._unlabelled: dict[ImageSource, Tensor] = {}
        self._strokes: dict[tuple[object, ...], StrokePixels] = {}

    def fit(
        self, images: Sequence[Scribbled], classes: Sequence[ClassInfo]
    ) -> Generator[Progress, None, InstantModel]:
        """Fit to all scribbles on all images.

        Parameters
        ----------
        images
            At least one, with scribbles of the image's own size.
        classes
            Name and colour of at least the painted classes.

        Raises
        ------
        ScribbleError
            If nothing is painted, or scribbles and image differ in size.
        ImageError
            If an image is constant or cannot be read.
        ModelMismatchError
            If the images differ in their channels.
        """
        check(images)
        sources = [image.source for image in images]
        yield from self._prepare(sources)
        strokes: list[StrokePixels] = []
        for image in images:
            strokes += self._collect(image)
        pixels = TrainingPixels(
            strokes=tuple(strokes),
            unlabelled=torch.cat([self._unlabelled[s] for s in sources]),
        )
        ensemble, calibration = yield from crossfit(pixels, self.config)
        painted = set(pixels.class_ids)
        return InstantModel(
            config=self.config,
            classes=tuple(c for c in _named(classes, painted) if c.id in painted),
            descriptor=self._stores[sources[0]].descriptor,
            classifier=Mahalanobis(shrinkage=self.config.shrinkage).fit(pixels),
            ensemble=ensemble,
            calibration=calibration,
            facts=facts_of(images),
        )

    def store(self, source: ImageSource) -> FeatureStore | None:
        """Return the features of an image that was trained on."""
        return self._stores.get(source)

    def forget(self, source: ImageSource) -> None:
        """Drop everything that is kept about an image."""
        self._stores.pop(source, None)
        self._unlabelled.pop(source, None)
        self._strokes = {k: v for k, v in self._strokes.items() if k[0] is not source}

    def _prepare(self, sources: Sequence[ImageSource]) -> Steps:
        """Compute descriptors, and the features of unlabelled pixels, where missing."""
        if all(s in self._stores for s in sources):
            return
        yield Progress(done=0, total=0, stage="measuring the image")
        base = self._base_descriptor(sources)
        for source in sources:
            descriptor = base
            if len(sources) > 1:
                descriptor = base.adapted(sample_regions(source, device=self.device))
            store = FeatureStore(
                source, descriptor, device=self.device, size=self.config.tile
            )
            yield from self._draw_unlabelled(store)
            self._stores[source] = store

    def _base_descriptor(self, sources: Sequence[ImageSource]) -> Descriptor:
        for source in sources:
            if source in self._stores:
                return self._stores[source].descriptor
        pooled = [sample_regions(s, device=self.device) for s in sources]
        return Descriptor.fit(
            self.config.filters, lambda: (x for regions in pooled for x in regions())
        )

    def _draw_unlabelled(self, store: FeatureStore) -> Steps:
        chosen = tuple(sample_tiles(store.tiles, _MAX_TILES))
        generator = torch.Generator().manual_seed(self.config.seed)
        each = -(-self.config.n_unlabelled // len(chosen))
        parts = []
        plane = (0,) * len(store.source.plane_shape)
        for i, index in enumerate(chosen):
            yield Progress(done=i, total=len(chosen), stage="computing features")
            flat = store.tile(plane, index).flatten(1)
            at = torch.randperm(flat.shape[1], generator=generator)[:each]
            parts.append(flat[:, at.to(flat.device)].T)
        self._unlabelled[store.source] = torch.cat(parts)

    def _collect(self, image: Scribbled) -> list[StrokePixels]:
        """Return the strokes of an image with their features."""
        store = self._stores[image.source]
        return [
            self._stroke(store, piece)
            for piece in deal(image.scribbles, self.config.folds)
        ]

    def _stroke(self, store: FeatureStore, piece: Piece) -> StrokePixels:
        digest = zlib.crc32(piece.coords.tobytes())
        key = (store.source, piece.plane, piece.class_id, len(piece.coords), digest)
        key = (*key, piece.stroke_id, piece.part, piece.fold)
        if key not in self._strokes:
            step = -(-len(piece.coords) // self.config.n_per_stroke)
            self._strokes[key] = StrokePixels(
                class_id=piece.class_id,
                group=piece.fold,
                features=store.rows(piece.plane, piece.coords[::step]),
            )
        return self._strokes[key]


def train(
    images: Sequence[Scribbled],
    *,
    config: InstantConfig,
    device: torch.device,
    classes: Sequence[ClassInfo] = (),
) -> Generator[Progress, None, InstantModel]:
    """Fit a model once; see `InstantTrainer.fit`."""
    return (yield from InstantTrainer(config, device=device).fit(images, classes))


def check(images: Sequence[Scribbled]) -> None:
    """Raise one clear error unless the images can be trained on."""
    channels = images[0].source.n_channels
    for source, scribbles in images:
        require_same_shape(scribbles, (source.height, source.width))
        if source.n_channels != channels:
            raise ModelMismatchError(
                f"the images differ: {images[0].source.name!r} has {channels} channels, "
                f"{source.name!r} has {source.n_channels}: train on alike images only"
            )
    painted = [s for _, scribbles in images for s in scribbles.strokes]
    if not painted:
        images[0].scribbles.require_paint()


def facts_of(images: Sequence[Scribbled]) -> dict[str, object]:
    """Return what a model file tells about the images trained on."""
    source = images[0].source
    return {
        "channel_names": list(source.channel_names),
        "wavelengths": None if source.wavelengths is None else list(source.wavelengths),
        "pixel_size": list(source.pixel_size),
        "unit": source.unit,
        "trained_on": [i.source.name for i in images],
        "n_strokes": sum(len(i.scribbles.strokes) for i in images),
    }


def _named(classes: Sequence[ClassInfo], painted: set[int]) -> list[ClassInfo]:
    """Return the classes, with a plain name for painted ones that have none."""
    known = {c.id for c in classes}
    spare = [
        ClassInfo(id=i, name=f"class {i}", color="#bbbbbb") for i in painted - known
    ]
    return sorted([*classes, *spare], key=lambda c: c.id)
