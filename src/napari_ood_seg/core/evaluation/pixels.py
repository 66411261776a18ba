"""What a model says at single pixels, without computing whole maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from napari_ood_seg.core.features.pyramid import Footprint
from napari_ood_seg.core.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.models.instant import InstantModel

    Tiles = dict[tuple[FeatureStore, tuple[int, ...], int], Prediction]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Site:
    """Some pixels of an image, and all that a model needs to know of them.

    One serves every model on the same features: fits differ, features do not.

    Attributes
    ----------
    store, plane, pixels
        Where it is; `(n, 2)` rows and columns.
    levels
        Per scale the footprint of the pixels, and the features of its cells.
    invalid
        `(n,)` bool: pixels that are not finite.
    """

    store: FeatureStore = field(repr=False)
    plane: tuple[int, ...]
    pixels: Tensor = field(repr=False)
    levels: tuple[tuple[Footprint, Tensor], ...] = field(repr=False)
    invalid: Tensor = field(repr=False)

    @classmethod
    def of(
        cls,
        store: FeatureStore,
        pixels: Tensor,
        *,
        smoothing: float,
        plane: tuple[int, ...] = (),
    ) -> Self:
        """Look up what is needed of `(n, 2)` rows and columns.

        Parameters
        ----------
        smoothing
            Of the models that will be asked.
        """
        size = (store.source.height, store.source.width)
        footprints = [
            Footprint.of(pixels, size, f, smoothing=smoothing) for f in store.factors
        ]
        return cls(
            store=store,
            plane=plane,
            pixels=pixels,
            levels=tuple(
                (footprint, store.rows(plane, level, footprint.cells))
                for level, footprint in enumerate(footprints)
            ),
            invalid=_invalid(store, pixels, plane),
        )


def predict_at(
    model: InstantModel, site: Site, tiles: Tiles | None = None
) -> Prediction:
    """Return what `model` predicts at the pixels of a site, as an image of one row.

    The same as a prediction of the whole image gives there, up to rounding. Where
    scores are smoothed along edges, which is not linear, whole tiles are predicted.

    Parameters
    ----------
    tiles
        Tiles that the model has predicted; new ones are added.
    """
    if model.config.edge_aware:
        return _picked(model, site, {} if tiles is None else tiles)
    with torch.inference_mode():
        columns = model.ensemble.columns_at(site.levels)
        best = columns[: len(model.classes)].argmin(0)
        score = model.ensemble.score(columns)
        typicality = model.calibration.typicality(score, best)
        typicality[site.invalid] = 0.0
    ids = np.array(model.class_ids, np.uint8)
    return Prediction(
        classes=ids[best.numpy()][None],
        score=score.numpy()[None],
        typicality=typicality.numpy()[None],
    )


def _picked(model: InstantModel, site: Site, tiles: Tiles) -> Prediction:
    n = len(site.pixels)
    out = Prediction(
        classes=np.zeros((1, n), np.uint8),
        score=np.zeros((1, n), np.float32),
        typicality=np.zeros((1, n), np.float32),
    )
    for index, mine, rows, columns in _owners(site.store, site.pixels):
        key = (site.store, site.plane, index)
        if key not in tiles:
            tiles[key] = model.predict_tile(site.store.tile(site.plane, index))
        out.classes[0, mine] = tiles[key].classes[rows, columns]
        out.score[0, mine] = tiles[key].score[rows, columns]
        out.typicality[0, mine] = tiles[key].typicality[rows, columns]
    return out


def _invalid(store: FeatureStore, pixels: Tensor, plane: tuple[int, ...]) -> Tensor:
    out = torch.zeros(len(pixels), dtype=torch.bool)
    for index, mine, rows, columns in _owners(store, pixels):
        broken = store.tile(plane, index).invalid
        if broken is not None:
            out[mine] = broken.cpu()[rows, columns]
    return out


def _owners(
    store: FeatureStore, pixels: Tensor
) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Yield the tiles that hold some of the pixels: index, which, rows, columns."""
    low, high = pixels.amin(0).tolist(), pixels.amax(0).tolist()
    for index, tile in enumerate(store.tiles):
        spans = list(zip(tile.inner, low, high, strict=True))
        if any(s.stop <= first or s.start > last for s, first, last in spans):
            continue
        at = pixels - torch.tensor([s.start for s in tile.inner])
        size = torch.tensor([s.stop - s.start for s in tile.inner])
        mine = torch.nonzero(((at >= 0) & (at < size)).all(1))[:, 0]
        if len(mine):
            yield index, mine, at[mine, 0], at[mine, 1]
