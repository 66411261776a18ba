"""What the files of a prediction say about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.core.types import UNKNOWN, UNLABELLED, ClassInfo

if TYPE_CHECKING:
    import numpy.typing as npt

SOFTWARE: Final = "napari-ood-seg"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultArray:
    """One array of a result: its type, fill value and number of channels."""

    dtype: str
    fill: float
    channels: int = 0

    def shape(self, info: ResultInfo) -> tuple[int, ...]:
        """Return `(h, w)`, or `(c, h, w)` if it has channels."""
        return (self.channels, *info.shape) if self.channels else info.shape

    def filled(self, info: ResultInfo) -> npt.NDArray[Any]:
        """Return the array in memory, before any tile."""
        return np.full(self.shape(info), self.fill, self.dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultInfo:
    """Size, classes and threshold of a prediction.

    Attributes
    ----------
    shape
        Height and width in pixels.
    classes
        In the order of the probabilities.
    keep
        Share of what is typical; pixels below are `UNKNOWN`.
    pixel_size, unit
        As of `ImageSource`.
    probabilities
        Whether they are saved.
    """

    shape: tuple[int, int]
    classes: tuple[ClassInfo, ...]
    keep: float
    pixel_size: tuple[float, float]
    unit: str
    probabilities: bool

    @property
    def arrays(self) -> dict[str, ResultArray]:
        """The arrays of the result by name."""
        arrays = {
            "classes": ResultArray(dtype="uint8", fill=UNLABELLED),
            "ood": ResultArray(dtype="float32", fill=float("nan")),
        }
        if self.probabilities:
            arrays["probabilities"] = ResultArray(
                dtype="float32", fill=float("nan"), channels=len(self.classes)
            )
        return arrays

    @property
    def legend(self) -> dict[int, tuple[str, str]]:
        """Name and colour of every value of the class image but `UNLABELLED`."""
        known = {c.id: (c.name, c.color) for c in self.classes}
        return {**known, UNKNOWN: ("unknown", UNKNOWN_COLOR)}

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values for the metadata of a file."""
        return {
            "schema_version": 1,
            "keep": self.keep,
            "unit": self.unit,
            "pixel_size": list(self.pixel_size),
            "classes": [
                {"value": value, "name": name, "color": color}
                for value, (name, color) in self.legend.items()
            ],
        }

    def as_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the entries that an NPZ file carries beside its images."""
        legend = self.legend
        return {
            "class_values": np.array(list(legend), np.uint8),
            "class_names": np.array([name for name, _ in legend.values()]),
            "class_colors": np.array([color for _, color in legend.values()]),
            "pixel_size": np.array(self.pixel_size),
            SOFTWARE: np.array(json.dumps(self.as_dict())),
        }


def rgb_bytes(color: str) -> tuple[int, int, int]:
    """Return the three bytes of a ``#rrggbb`` colour.

    Examples
    --------
    >>> rgb_bytes("#0072b2")
    (0, 114, 178)
    """
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue
