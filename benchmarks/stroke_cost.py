"""What a stroke costs without a window: fitting, and predicting what is in view.

1024 x 1024 pixels are in view, at every second pixel, as on a laptop's screen. Prints
medians over strokes, in milliseconds, by size of the image and device; `cold` is the
first stroke, with all features of the view. No display is needed.

    python -m benchmarks.stroke_cost [--size 1024 4096 16384] [--device cpu cuda]
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from benchmarks.scene import CLASSES, IN_VIEW, Stroke, middle, picture, strokes
from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.data.coverage import Coverage
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.inference.live import predict_live
from napari_ood_seg.core.inference.predict import predict
from napari_ood_seg.core.inference.view import Extent, Goal, View
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.types import Prediction

Result = TypeVar("Result")
STROKES = 30


def drive(steps: Generator[object, None, Result]) -> Result:
    """Run a generator to its end, and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


class Painting:
    """An image that is painted on, and trained and predicted as the session does."""

    def __init__(self, size: int, device: torch.device) -> None:
        self._size = size
        self._source = ImageSource.from_array(picture(size))
        self._trainer = InstantTrainer(InstantConfig(), device=device)
        self._scribbles = Scribbles((size, size))
        self._model: InstantModel | None = None

    def add(self, stroke: Stroke) -> None:
        """Paint a stroke."""
        self._scribbles = self._scribbles.add(stroke.class_id, stroke.pixels)

    def fit(self) -> None:
        """Train on all strokes."""
        image = Scribbled(self._source, self._scribbles)
        self._model = drive(self._trainer.fit([image], ()))

    def predict_view(self) -> None:
        """Predict the middle of the image at every second pixel."""
        first = middle(self._size)
        view = View(region=(slice(first, first + IN_VIEW),) * 2, stride=2)
        model, store = self._trained()
        coverage = Coverage.none((self._size, self._size), store.cell)
        for _ in predict_live(
            model, store, coverage, look=lambda: view, goal=Goal(Extent.VIEW)
        ):
            pass

    def predict_whole(self) -> Prediction:
        """Predict every pixel."""
        return predict(*self._trained())

    def _trained(self) -> tuple[InstantModel, FeatureStore]:
        store = self._trainer.store(self._source)
        assert self._model is not None
        assert store is not None
        return self._model, store


def measure(size: int, device: torch.device) -> tuple[float, float, float, float]:
    """Return cold, and the medians of fit, view and both, in ms."""
    painting = Painting(size, device)
    fits, views = [], []
    for stroke in strokes(size, STROKES):
        painting.add(stroke)
        begin = time.perf_counter()
        painting.fit()
        fitted = time.perf_counter()
        painting.predict_view()
        fits.append(1000 * (fitted - begin))
        views.append(1000 * (time.perf_counter() - fitted))
    both = np.array(fits) + np.array(views)
    warm = slice(CLASSES, None)
    medians = (float(np.median(v[warm])) for v in (np.array(fits), np.array(views)))
    fit, seen = medians
    return float(both[0]), fit, seen, float(np.median(both[warm]))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", default=[1024, 4096])
    parser.add_argument("--device", nargs="+", default=["cpu"])
    args = parser.parse_args()
    print("device,size,cold_ms,fit_ms,view_ms,stroke_ms")
    for name in args.device:
        device = torch.device(name)
        label = name
        if device.type == "cuda":
            label = torch.cuda.get_device_name(device)
        for size in args.size:
            figures = ",".join(f"{v:.0f}" for v in measure(size, device))
            print(f"{label},{size},{figures}", flush=True)


if __name__ == "__main__":
    main()
