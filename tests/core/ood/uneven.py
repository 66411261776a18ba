"""Three classes of different size and shape, and what a plain implementation needs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from napari_ood_seg.core.ood.base import TrainingPixels
from napari_ood_seg.core.ood.head import LinearHead

Floats = npt.NDArray[np.float64]

D = 7
SIZES = (12, 80, 150)


class Scene:
    """Random pixels and a random head; everything again as float64 arrays."""

    def __init__(self, seed: int = 3, *, positive: bool = False) -> None:
        rng = np.random.default_rng(seed)
        classes = [
            rng.normal(size=(n, D)) @ rng.normal(size=(D, D)) + 2 * rng.normal(size=D)
            for n in SIZES
        ]
        rest = rng.normal(1, 3, size=(300, D))
        x = rng.normal(0, 3, size=(50, D))
        if positive:
            classes, rest, x = [np.abs(z) for z in classes], np.abs(rest), np.abs(x)
        z = torch.from_numpy(np.vstack(classes)).float()
        labels = torch.tensor([2, 5, 9]).repeat_interleave(torch.tensor(SIZES))
        self.x = torch.from_numpy(x).float()
        self.pixels = TrainingPixels.from_labels(
            z, labels, torch.from_numpy(rest).float()
        )
        self.head = LinearHead(
            torch.from_numpy(rng.normal(size=(3, D))).float() / 2,
            torch.from_numpy(rng.normal(size=3)).float(),
        )

    @property
    def points(self) -> Floats:
        return as_array(self.x)

    @property
    def rest(self) -> Floats:
        return as_array(self.pixels.unlabelled)

    @property
    def classes(self) -> list[Floats]:
        return [as_array(s.features) for s in self.pixels.strokes]

    @property
    def rows(self) -> Floats:
        return np.vstack(self.classes)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        return np.repeat(np.arange(3), SIZES)

    @property
    def weights(self) -> Floats:
        """Weights of the rows that make every class alike, written as a loop."""
        return np.array([1 / (3 * SIZES[i]) for i in self.labels])

    def logits(self, z: Floats) -> Floats:
        """Return the logits of the head, row by row."""
        w, b = as_array(self.head.weight), as_array(self.head.bias)
        return np.array([[w[k] @ row + b[k] for k in range(3)] for row in z])


def as_array(z: torch.Tensor) -> Floats:
    out: Floats = z.double().numpy()
    return out
