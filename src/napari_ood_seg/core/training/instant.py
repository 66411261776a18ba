"""Fit the instant engine, keeping what can be kept from one stroke to the next."""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch

from napari_ood_seg.core.config import SPECTRAL_FROM
from napari_ood_seg.core.data.alike import joined, same_view
from napari_ood_seg.core.data.scribbles import Scribbles, require_same_shape
from napari_ood_seg.core.features import pyramid
from napari_ood_seg.core.features.descriptor import Descriptor
from napari_ood_seg.core.features.pretrained import load_pretrained
from napari_ood_seg.core.features.pyramid import Footprint
from napari_ood_seg.core.features.reading import sample_regions
from napari_ood_seg.core.features.store import BUDGET, FeatureStore, tile_edge
from napari_ood_seg.core.features.tile_features import usable_cells
from napari_ood_seg.core.models.instant import InstantModel
from napari_ood_seg.core.ood.base import StrokePixels, TrainingPixels
from napari_ood_seg.core.parallel import spread
from napari_ood_seg.core.training.about import facts_of, on_encoder
from napari_ood_seg.core.training.crossfit import Gathered, Probe, crossfit
from napari_ood_seg.core.training.folds import Piece, deal
from napari_ood_seg.core.types import ClassInfo, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from torch import Tensor

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.features.stages import StageEncoder

    Regions = Callable[[], Sequence[Tensor]]
    Steps = Generator[Progress, None, None]
    Weigh = Callable[[Sequence[TrainingPixels], Sequence[Probe], InstantConfig], Tensor]

_FEW_TILES = 4
"""Unlabelled pixels are drawn from all tiles of images with no more than these."""


class Scribbled(NamedTuple):
    """An image and what was painted on it."""

    source: ImageSource
    scribbles: Scribbles


class Sample(NamedTuple):
    """The features of a piece of scribble: to learn from, and to check on."""

    levels: tuple[StrokePixels, ...]
    probe: Probe


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
    budget
        Bytes of features that may be kept for each image.
    network
        Trained stages beside filters and encoder.
    hold_out
        Cuts the scribbles of an image into pieces with folds; without, every piece is
        held out once.
    weigh
        Says from scales, probes and settings what each scale counts, see
        `Ensemble.roles`; without, all alike.
    """

    def __init__(
        self,
        config: InstantConfig,
        *,
        device: torch.device,
        budget: int = BUDGET,
        network: StageEncoder | None = None,
        hold_out: Callable[[Scribbled], Sequence[Piece]] | None = None,
        weigh: Weigh | None = None,
    ) -> None:
        self.config = config
        self._suited = config
        self.device = device
        self.budget = budget
        self._stores: dict[ImageSource, FeatureStore] = {}
        self._unlabelled: dict[ImageSource, list[Tensor]] = {}
        self._samples: dict[tuple[object, ...], Sample] = {}
        self._gathered = Gathered()
        self._network = network
        self._hold_out = hold_out or partial(_in_turn, n_folds=config.folds)
        self._weigh = weigh

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
            If the images differ in their channels; images with other wavelengths
            are resampled where that can be done, see `joined`.
        """
        check(images)
        sources = [image.source for image in images]
        self._suited = self.config.suited(sources[0].n_channels)
        yield from self._prepare(images)
        samples = [s for image in images for s in self._collect(image)]
        levels = self._levels(sources, samples)
        probes = [s.probe for s in samples]
        roles = (
            None if self._weigh is None else self._weigh(levels, probes, self._suited)
        )
        ensemble, calibration = yield from crossfit(
            levels, probes, self._suited, gathered=self._gathered, roles=roles
        )
        painted = set(levels[0].class_ids)
        descriptor = self._stores[sources[0]].descriptor
        model = InstantModel(
            config=self._suited,
            classes=tuple(c for c in _named(classes, painted) if c.id in painted),
            descriptor=descriptor,
            ensemble=ensemble,
            calibration=calibration,
            remarks=(*ensemble.remarks(levels), *on_encoder(self._suited, descriptor)),
            facts=facts_of([Scribbled(self._view(i), s) for i, s in images]),
        )
        resampled = tuple(filter(None, map(model.remark_on, sources)))
        return replace(model, remarks=(*model.remarks, *resampled))

    def _view(self, source: ImageSource) -> ImageSource:
        """Return an image with the bands that it is learnt from with."""
        return self._stores[source].source

    def takes(self, images: Sequence[Scribbled]) -> bool:  # noqa: ARG002 - filters do
        """Whether it can be fitted to images with these channels."""
        return True

    def store(self, source: ImageSource) -> FeatureStore | None:
        """Return the features of an image that was trained on."""
        return self._stores.get(source)

    @property
    def stores(self) -> Mapping[ImageSource, FeatureStore]:
        """The features of all images that were trained on."""
        return self._stores

    def forget(self, source: ImageSource) -> None:
        """Drop everything that is kept about an image."""
        self._drop_features(source)

    def _drop_features(self, source: ImageSource) -> None:
        self._stores.pop(source, None)
        self._unlabelled.pop(source, None)
        self._samples = {k: v for k, v in self._samples.items() if k[0] is not source}

    def _prepare(self, images: Sequence[Scribbled]) -> Steps:
        """Compute descriptors, and the features of unlabelled pixels, where missing."""
        views = self._views([i.source for i in images])
        new = [i for i in images if i.source not in self._stores]
        if not new:
            return
        yield Progress(done=0, total=0, stage="measuring the image")
        regions = [
            sample_regions(views[i.source], device=self.device, plane=painted_plane(i))
            for i in new
        ]
        base = self._base_descriptor(views, regions)
        for image, own in zip(new, regions, strict=True):
            store = FeatureStore(
                views[image.source],
                base if len(images) == 1 else base.adapted(own),
                device=self.device,
                size=tile_edge(image.source, self._suited.tile),
                margin=pyramid.reach(base.factors, self._suited.smoothing),
                budget=self.budget,
            )
            drawn = yield from self._draw_unlabelled(store, painted_plane(image), own)
            self._unlabelled[image.source] = drawn
            self._stores[image.source] = store

    def _views(self, sources: Sequence[ImageSource]) -> dict[ImageSource, ImageSource]:
        """Return images with the bands of one of them, that of before if possible.

        What is kept of an image with other bands, or other axes, is dropped.
        """
        known = [s for s in sources if s in self._stores and self._view(s) is s]
        views = joined(sources, preferred=known)
        base: Descriptor | None = None
        for source, view in zip(sources, views, strict=True):
            store = self._stores.get(source)
            if store is None:
                continue
            like = base is None or store.descriptor.like(base)
            if like and same_view(store.source, view):
                base = base or store.descriptor
            else:
                self._drop_features(source)
        return dict(zip(sources, views, strict=True))

    def _base_descriptor(
        self,
        views: Mapping[ImageSource, ImageSource],
        regions: Sequence[Regions],
    ) -> Descriptor:
        for source in views:
            if source in self._stores:
                return self._stores[source].descriptor
        sources = list(views.values())
        return Descriptor.fit(
            self._suited.filters,
            lambda: (x for own in regions for x in own()),
            encoder=self._encoder(sources),
            adapt=self._suited.encoder_channels == "adapt",
            wavelengths=sources[0].wavelengths,
            network=self._network,
        )

    def _encoder(self, sources: Sequence[ImageSource]) -> StageEncoder | None:
        """Return the encoder, if there is one; spectra say more than colours."""
        spectra = sources[0].n_channels >= SPECTRAL_FROM
        if not self._suited.encoder or (
            spectra and not self._suited.encoder_on_spectra
        ):
            return None
        return load_pretrained(self._suited.encoder)

    def _draw_unlabelled(
        self,
        store: FeatureStore,
        plane: tuple[int, ...],
        regions: Regions,
    ) -> Generator[Progress, None, list[Tensor]]:
        """Draw pixels from all tiles of a small image, from crops of a large one."""
        few = len(store.tiles) <= _FEW_TILES
        generator = torch.Generator().manual_seed(self._suited.seed)
        usable = partial(_usable, store.descriptor)
        sets = [] if few else spread(usable, regions(), on=self.device)
        n = len(store.tiles) if few else len(sets)
        each = -(-self._suited.n_unlabelled // n)
        parts: list[list[Tensor]] = []
        for i in range(n):
            yield Progress(done=i, total=n, stage="computing features")
            levels = store.tile(plane, i).valid() if few else sets[i]
            parts.append([_draw(z, each, generator) for z in levels])
        return [torch.cat(level) for level in zip(*parts, strict=True)]

    def _levels(
        self, sources: Sequence[ImageSource], samples: Sequence[Sample]
    ) -> list[TrainingPixels]:
        """Return per scale what the detectors learn from."""
        n_levels = len(samples[0].levels)
        return [
            TrainingPixels(
                strokes=tuple(s.levels[i] for s in samples),
                unlabelled=torch.cat([self._unlabelled[s][i] for s in sources]),
            )
            for i in range(n_levels)
        ]

    def _collect(self, image: Scribbled) -> list[Sample]:
        """Return the strokes of an image with their features."""
        return [self._sample(image.source, p) for p in self._hold_out(image)]

    def _sample(self, source: ImageSource, piece: Piece) -> Sample:
        digest = zlib.crc32(piece.coords.tobytes())
        identity = (piece.stroke_id, piece.part, piece.class_id, piece.fold)
        key = (source, piece.plane, identity, len(piece.coords), digest)
        if key not in self._samples:
            self._samples[key] = self._measure(self._stores[source], piece)
        return self._samples[key]

    def _measure(self, store: FeatureStore, piece: Piece) -> Sample:
        pixels = torch.from_numpy(piece.coords).long()
        usable = store.usable(piece.plane, pixels)
        if bool(usable.any()):  # else the stroke stands for what is there
            pixels = pixels[usable]
        some = _spread(pixels, self._suited.n_per_stroke)
        levels = tuple(
            StrokePixels(
                class_id=piece.class_id,
                group=piece.fold,
                features=store.rows(piece.plane, level, some // factor),
            )
            for level, factor in enumerate(store.factors)
        )
        size = (store.source.height, store.source.width)
        few = _spread(pixels, self._suited.n_probes)
        footprints = [
            Footprint.of(few, size, f, smoothing=self._suited.smoothing)
            for f in store.factors
        ]
        probe = Probe(
            class_id=piece.class_id,
            group=piece.fold,
            levels=tuple(
                (footprint, store.rows(piece.plane, level, footprint.cells))
                for level, footprint in enumerate(footprints)
            ),
        )
        return Sample(levels, probe)


def _in_turn(image: Scribbled, n_folds: int) -> tuple[Piece, ...]:
    return deal(image.scribbles, n_folds)


def painted_plane(image: Scribbled) -> tuple[int, ...]:
    """Return the plane that was painted first."""
    painted = image.scribbles.strokes
    return painted[0].plane if painted else (0,) * len(image.source.plane_shape)


def _usable(descriptor: Descriptor, x: Tensor) -> list[Tensor]:
    """Return per scale the `(d, n)` features of a region, without invalid pixels."""
    seen = descriptor.see(x)
    invalid = seen.unusable
    levels, factors = descriptor(seen), descriptor.factors
    if not bool(invalid.any()):
        return [z.flatten(1) for z in levels]
    return [usable_cells(z, invalid, f) for z, f in zip(levels, factors, strict=True)]


def _draw(flat: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return at most `n` random pixels of `(d, n)` features as rows."""
    at = torch.randperm(flat.shape[1], generator=generator)[:n]
    return flat[:, at.to(flat.device)].T.contiguous()


def _spread(pixels: Tensor, n: int) -> Tensor:
    """Return at most `n` of the pixels, evenly spread over their order."""
    return pixels[:: -(-len(pixels) // n)]


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
    for source, scribbles in images:
        require_same_shape(scribbles, (source.height, source.width))
    joined([image.source for image in images])
    painted = [s for _, scribbles in images for s in scribbles.strokes]
    if not painted:
        images[0].scribbles.require_paint()


def _named(classes: Sequence[ClassInfo], painted: set[int]) -> list[ClassInfo]:
    """Return the classes, with a plain name for painted ones that have none."""
    known = {c.id for c in classes}
    spare = [
        ClassInfo(id=i, name=f"class {i}", color="#bbbbbb") for i in painted - known
    ]
    return sorted([*classes, *spare], key=lambda c: c.id)
