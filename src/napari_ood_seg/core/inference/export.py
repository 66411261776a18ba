"""Predict an image tile by tile into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_ood_seg.core.inference.predict import predict_tiles
from napari_ood_seg.core.io.predictions import open_writer
from napari_ood_seg.core.types import UNKNOWN, Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.types import ClassInfo


def export(  # noqa: PLR0913 - one keyword for each thing that a user chooses
    model: InstantModel,
    store: FeatureStore,
    path: Path,
    *,
    plane: tuple[int, ...] = (),
    keep: float = 0.95,
    probabilities: bool = False,
    overwrite: bool = False,
    classes: Sequence[ClassInfo] | None = None,
) -> Generator[Progress, None, dict[int, float]]:
    """Write the prediction of one plane; memory holds a tile at a time.

    A generator that is closed, or that fails, leaves nothing behind.

    Parameters
    ----------
    path
        As of `open_writer`: its suffix chooses the format.
    plane
        Which plane of a stack.
    keep
        Share of the scribbles that is taken to be typical; pixels that are less
        typical are saved as `UNKNOWN`.
    probabilities
        Whether to save them as well.
    overwrite
        Whether to replace an output that is not an earlier result of ours.
    classes
        Names and colours, where they changed since training.

    Returns
    -------
    dict
        Share of the area per class id, ascending, `UNKNOWN` included.

    Raises
    ------
    OutputError
        If the output cannot be written.
    """
    renamed = {c.id: c for c in classes or ()}
    counts = np.zeros(UNKNOWN + 1, np.int64)
    writer = open_writer(
        path,
        source=store.source,
        classes=[renamed.get(c.id, c) for c in model.classes],
        keep=keep,
        probabilities=probabilities,
        overwrite=overwrite,
    )
    n_tiles = len(store.tiles)
    with writer:
        yield Progress(done=0, total=n_tiles, stage="predicting")
        for part in predict_tiles(
            model, store, plane=plane, probabilities=probabilities
        ):
            rows, columns = part.tile.inner
            writer.write(rows, columns, part.prediction)
            labels = part.prediction.labels(keep=keep)
            counts += np.bincount(labels.ravel(), minlength=len(counts))
            yield Progress(done=part.done, total=part.total, stage="predicting")
        yield Progress(done=n_tiles, total=n_tiles, stage="finishing the file")
    shares = counts / counts.sum()
    return {int(i): float(shares[i]) for i in [*model.class_ids, UNKNOWN]}
