"""Predict an image tile by tile."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.features.reading import is_sampled_whole, sample_regions
from napari_ood_seg.core.features.store import FeatureStore, tile_edge
from napari_ood_seg.core.types import Prediction, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.data.tiling import Tile
    from napari_ood_seg.core.models.instant import InstantModel


class PredictedTile(NamedTuple):
    """A tile and its prediction; `done` of `total` tiles are finished with it."""

    tile: Tile
    prediction: Prediction
    done: int
    total: int


def open_features(
    model: InstantModel,
    source: ImageSource,
    *,
    device: torch.device,
    plane: tuple[int, ...] = (),
) -> FeatureStore:
    """Return a feature store for an image that the model was not trained on.

    The statistics of the features are adapted to the new image, as `plane` shows it.
    An image with other wavelengths is resampled to those of the model where that can
    be done, see `InstantModel.suited`; `InstantModel.remark_on` says so.

    Raises
    ------
    ModelMismatchError
        If the image has other channels than the model.
    ImageError
        If the image is constant.
    """
    source = model.suited(source)
    regions = sample_regions(source, device=device, plane=plane)
    look = None
    if is_sampled_whole(source):  # then nothing is computed twice
        look = model.descriptor.look(next(iter(regions())))
    store = FeatureStore(
        source,
        model.descriptor.adapted(regions, look),
        device=device,
        size=tile_edge(source, model.config.tile),
        margin=model.margin,
    )
    if look is not None:
        store.take(plane, look)
    return store


def predict_tiles(
    model: InstantModel,
    store: FeatureStore,
    *,
    plane: tuple[int, ...] = (),
    focus: tuple[float, float] | None = None,
    probabilities: bool = False,
) -> Iterator[PredictedTile]:
    """Yield the predictions of all tiles, those nearest to `focus` first.

    Parameters
    ----------
    focus
        Row and column that the user looks at.

    Raises
    ------
    ImageError
        If there is no such plane.
    """
    require_plane(store.source, plane)
    order = tile_order(store.tiles, focus)
    for done, index in enumerate(order, start=1):
        prediction = model.predict_tile(
            store.tile(plane, index), probabilities=probabilities
        )
        yield PredictedTile(store.tiles[index], prediction, done, len(order))


def require_plane(source: ImageSource, plane: tuple[int, ...]) -> None:
    """Raise `ImageError` unless `source` has this plane; missing indices are 0."""
    sizes = source.plane_shape
    inside = all(0 <= i < n for i, n in zip(plane, sizes, strict=False))
    if len(plane) > len(sizes) or not inside:
        known = ", ".join(
            f"{a} from 0 to {n - 1}"
            for a, n in zip(source.plane_axes, sizes, strict=True)
        )
        raise ImageError(
            f"the image {source.name!r} has no plane {', '.join(map(str, plane))}: "
            + (f"choose {known}" if known else "it is not a stack, so leave it out")
        )


def tile_order(
    tiles: Sequence[Tile], focus: tuple[float, float] | None
) -> tuple[int, ...]:
    """Return tile indices by the distance of their centres to `focus`.

    Examples
    --------
    >>> from napari_ood_seg.core.config import TileConfig
    >>> from napari_ood_seg.core.data.tiling import iter_tiles
    >>> tiles = tuple(iter_tiles((1, 9), TileConfig(size=3, halo=0)))
    >>> tile_order(tiles, (0.0, 8.0))
    (2, 1, 0)
    """
    if focus is None:
        return tuple(range(len(tiles)))

    def distance(index: int) -> float:
        spans = tiles[index].inner
        centre = [(s.start + s.stop) / 2 for s in spans]
        return math.dist(centre, focus)

    return tuple(sorted(range(len(tiles)), key=distance))


def predict(
    model: InstantModel,
    store: FeatureStore,
    *,
    plane: tuple[int, ...] = (),
    probabilities: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Prediction:
    """Return the prediction of a whole image, in memory."""
    shape = (store.source.height, store.source.width)
    whole = Prediction(
        classes=np.empty(shape, np.uint8),
        score=np.empty(shape, np.float32),
        typicality=np.empty(shape, np.float32),
        probabilities=np.empty((len(model.classes), *shape), np.float32)
        if probabilities
        else None,
    )
    for part in predict_tiles(model, store, plane=plane, probabilities=probabilities):
        where, found = part.tile.inner, part.prediction
        whole.classes[where] = found.classes
        whole.score[where] = found.score
        whole.typicality[where] = found.typicality
        if whole.probabilities is not None:
            whole.probabilities[(slice(None), *where)] = found.probabilities
        if on_progress is not None:
            on_progress(Progress(done=part.done, total=part.total, stage="predicting"))
    return whole
