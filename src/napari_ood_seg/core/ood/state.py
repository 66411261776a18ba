"""Fitted tensors of a detector, moved to where they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from napari_ood_seg.core.errors import NotFittedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class FittedTensors:
    """Base of detectors whose fitted state is a few named tensors."""

    def __init__(self) -> None:
        self._fitted: dict[str, Tensor] = {}

    def tensors(self) -> dict[str, Tensor]:
        """Return what was fitted, for a model file."""
        return dict(self._fitted)

    def restore(self, tensors: Mapping[str, Tensor]) -> Self:
        """Take over what `tensors` returned."""
        self._fitted = dict(tensors)
        return self

    def _like(self, features: Tensor) -> dict[str, Tensor]:
        """Return the fitted tensors on the device and of the type of `features`."""
        if not self._fitted:
            name = type(self).__name__
            raise NotFittedError(f"call {name}.fit before {name}.score")
        return {k: v.to(features) for k, v in self._fitted.items()}
