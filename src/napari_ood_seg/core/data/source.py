"""`ImageSource`: a lazy, axes-labelled image that is read region by region."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import numpy as np

from napari_ood_seg.core.data.resampling import Resampling
from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

MAX_CHANNELS: Final = 1024
"""More entries than this along an axis are taken for space, not for channels."""

_AXES: Final = frozenset("TZYXC")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class ImageSource:
    """An image of any size over numpy, dask, zarr or a multiscale list.

    Nothing is read until `read` is called, and only the region asked for.

    Attributes
    ----------
    levels
        Arrays of the same image, finest first; one unless multiscale.
    axes
        One letter of ``TZYXC`` per array axis, for example ``"YXC"``.
    pixel_size
        Height and width of a pixel of the finest level, in `unit`.
    unit
        Unit of `pixel_size`, for example ``"micrometer"``; ``"pixel"`` if unknown.
    rgb
        Whether the channels are red, green, blue (and perhaps alpha, not used).
    wavelengths
        Band centres in nm, one per channel that is used, where known.
    bands
        Indices of the channels that are used, ascending; all where `None`. See
        `with_bands`.
    resampling
        Makes other bands of those that are used, when they are read; see `resampled`.
    """

    levels: tuple[Any, ...] = field(repr=False)
    axes: str
    name: str = "image"
    pixel_size: tuple[float, float] = (1.0, 1.0)
    unit: str = "pixel"
    rgb: bool = False
    channel_names: tuple[str, ...] = ()
    wavelengths: tuple[float, ...] | None = None
    bands: tuple[int, ...] | None = None
    resampling: Resampling | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.levels[0].shape)
        if len(self.axes) != len(shape) or not _valid_axes(self.axes):
            raise ImageError(
                f"axes {self.axes!r} do not fit an array of shape {shape}: "
                "give one letter of T, Z, Y, X, C per axis, Y and X among them"
            )
        if self.bands is not None and not _ascend(self.bands, self._n_stored):
            raise ImageError(
                f"bands {self.bands} do not fit {self._n_stored} channels: give "
                "ascending indices from 0"
            )
        if self.height == 0 or self.width == 0 or self.n_channels == 0:
            raise ImageError(f"the image is empty: its shape is {shape}")
        if not _is_numeric(self.levels[0].dtype):
            raise ImageError(
                f"pixels of type {self.levels[0].dtype} are not supported: "
                "use integers, floats or booleans"
            )
        if self.wavelengths is not None and len(self.wavelengths) != self.n_channels:
            raise ImageError(
                f"{len(self.wavelengths)} wavelengths for {self.n_channels} channels: "
                "give one per channel"
            )

    @classmethod
    def from_array(
        cls,
        data: Any,  # noqa: ANN401 - any array: numpy, dask, zarr, or a list of them
        *,
        axes: str | None = None,
        rgb: bool | None = None,
        **facts: Any,  # noqa: ANN401 - the other attributes of this class
    ) -> Self:
        """Wrap an array or a multiscale list of arrays, finest first.

        Parameters
        ----------
        data
            Any object with `shape`, `dtype` and basic slicing.
        axes
            As the attribute; guessed by `guess_axes` when not given.
        rgb
            Whether the last axis holds colours; guessed when not given.
        **facts
            Further attributes, for example ``pixel_size=(0.5, 0.5)``.

        Raises
        ------
        ImageError
            If the axes cannot be told, or the image is empty or not numeric.
        """
        levels = tuple(data) if isinstance(data, list | tuple) else (data,)
        if not levels:
            raise ImageError("the image has no resolution level")
        shape = tuple(int(n) for n in levels[0].shape)
        if axes is None:
            axes = guess_axes(shape, rgb=rgb)
        axes = axes.upper()
        if rgb is None:
            rgb = axes.endswith("YXC") and shape[-1] in (3, 4)
        return cls(levels=levels, axes=axes, rgb=rgb, **facts)

    @property
    def height(self) -> int:
        """Rows of the finest level."""
        return int(self.levels[0].shape[self.axes.index("Y")])

    @property
    def width(self) -> int:
        """Columns of the finest level."""
        return int(self.levels[0].shape[self.axes.index("X")])

    @property
    def n_channels(self) -> int:
        """Channels that are used; alpha is not, nor what `bands` leave out."""
        if self.resampling is not None:
            return len(self.resampling.shares)
        return self._n_stored if self.bands is None else len(self.bands)

    @property
    def _n_stored(self) -> int:
        """Channels that the array has, without alpha."""
        if "C" not in self.axes:
            return 1
        n = int(self.levels[0].shape[self.axes.index("C")])
        return 3 if self.rgb and n == 4 else n

    @property
    def plane_axes(self) -> str:
        """The axes that a plane index has to fix, for example ``"TZ"``."""
        return "".join(a for a in self.axes if a in "TZ")

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """Length of each of the `plane_axes`."""
        return tuple(
            int(self.levels[0].shape[self.axes.index(a)]) for a in self.plane_axes
        )

    def read(
        self, rows: slice, columns: slice, *, plane: Sequence[int] = ()
    ) -> npt.NDArray[np.float32]:
        """Return the region as `(c, h, w)` float32, values and memory order as stored.

        It may be a view of the image: nobody may write to it. Spectra that are stored
        pixel by pixel stay so: to rearrange them takes longer than to use them.

        Parameters
        ----------
        rows, columns
            In pixels of the finest level, within the image.
        plane
            One index per letter of `plane_axes`; missing ones are 0.

        Raises
        ------
        ImageError
            If the data behind the image can no longer be read.
        """
        index = self._index(rows, columns, plane)
        try:
            block = values_of(self.levels[0][index])
        except OSError as error:
            raise ImageError(f"cannot read image {self.name!r}: {error}") from error
        left = [a for a in self.axes if a not in "TZ"]
        if self.bands is not None and "C" in left:
            block = block.take([b - self.bands[0] for b in self.bands], left.index("C"))
        order = [left.index(a) for a in "CYX" if a in left]
        with np.errstate(over="ignore"):  # too large for float32: not finite, so unused
            block = block.astype(np.float32, copy=False).transpose(order)
        block = block if "C" in left else block[None]
        return block if self.resampling is None else self.resampling(block)

    def _index(
        self, rows: slice, columns: slice, plane: Sequence[int]
    ) -> tuple[slice | int, ...]:
        fixed = dict(zip(self.plane_axes, plane, strict=False))
        where: dict[str, slice | int] = {
            "Y": rows,
            "X": columns,
            "C": self._channels(),
        }
        return tuple(where.get(a, fixed.get(a, 0)) for a in self.axes)

    def _channels(self) -> slice:
        """Return the part of the channel axis that holds all that are used."""
        if self.bands is None:
            return slice(0, self._n_stored)
        return slice(self.bands[0], self.bands[-1] + 1)

    def with_axes(self, axes: str) -> Self:
        """Return the same image with other axes."""
        return replace(
            self, axes=axes.upper(), rgb=self.rgb and axes.upper().endswith("YXC")
        )

    def with_bands(self, used: Sequence[bool]) -> Self:
        """Return the same image with fewer channels; nothing is read or copied.

        Parameters
        ----------
        used
            For each of the channels that are used now, whether it still is.

        Raises
        ------
        ImageError
            If none is left, or there is not one value per channel.
        """
        if len(used) != self.n_channels or not any(used):
            raise ImageError(
                f"{sum(map(bool, used))} of {len(used)} bands are to be used of "
                f"{self.n_channels}: give one value per band and use one at least"
            )
        now = self.bands or tuple(range(self._n_stored))
        names, nm = self.channel_names, self.wavelengths
        if self.resampling is not None:
            return replace(
                self,
                resampling=self.resampling.kept(used),
                wavelengths=None if nm is None else _kept(nm, used),
            )
        return replace(
            self,
            bands=None if all(used) and self.bands is None else _kept(now, used),
            channel_names=_kept(names, used) if names else (),
            wavelengths=None if nm is None else _kept(nm, used),
        )

    def resampled(self, wavelengths: Sequence[float]) -> Self:
        """Return the same image with bands at other wavelengths, in nm.

        Spectra are joined by straight lines, pixel by pixel, when they are read.

        Raises
        ------
        ImageError
            If wavelengths are unknown, or bands are too far apart or not covered; see
            `Resampling.between`.
        """
        if self.wavelengths is None:
            raise ImageError(
                f"the wavelengths of {self.name!r} are unknown: it cannot be resampled"
            )
        if self.resampling is not None:
            raise ImageError(f"{self.name!r} was resampled before: use the original")
        return replace(
            self,
            resampling=Resampling.between(self.wavelengths, wavelengths),
            wavelengths=tuple(float(nm) for nm in wavelengths),
            channel_names=(),
        )


def guess_axes(shape: tuple[int, ...], *, rgb: bool | None = None) -> str:
    """Return the likely axes of an array.

    Two axes are space. A last axis of 3 or 4 is colour unless `rgb` is False.
    Otherwise the shorter of the first and last of three axes is the channels,
    and further leading axes are Z, then T.

    Raises
    ------
    ImageError
        If the array has fewer than 2 or more than 5 axes.

    Examples
    --------
    >>> guess_axes((480, 640)), guess_axes((480, 640, 3)), guess_axes((100, 480, 640))
    ('YX', 'YXC', 'CYX')
    >>> guess_axes((480, 640, 100)), guess_axes((9, 3, 480, 640))
    ('YXC', 'ZCYX')
    """
    if not 2 <= len(shape) <= 5:
        raise ImageError(
            f"an image needs 2 to 5 axes, got shape {shape}: choose a single plane"
        )
    if len(shape) == 2:
        return "YX"
    lead = {3: "", 4: "Z", 5: "TZ"}[len(shape)]
    first, last = shape[-3], shape[-1]
    if rgb or (rgb is None and last in (3, 4)):
        return lead + "YXC"
    if last < min(shape[-3:-1]) and last <= MAX_CHANNELS and last < first:
        return lead + "YXC"
    return lead + "CYX"


def _kept(values: Sequence[_V], used: Sequence[bool]) -> tuple[_V, ...]:
    return tuple(v for v, u in zip(values, used, strict=True) if u)


def _ascend(bands: Sequence[int], n: int) -> bool:
    return tuple(sorted(set(bands) & set(range(n)))) == tuple(bands) != ()


def _valid_axes(axes: str) -> bool:
    letters = set(axes)
    return len(letters) == len(axes) and letters <= _AXES and {"Y", "X"} <= letters


def values_of(part: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - see `from_array`
    """Return the values of a part of an array.

    Nobody who watches dask is told: napari has it keep what was computed, for which it
    notes times in a dictionary that two threads at once break (`dask.cache`).
    """
    if hasattr(part, "__dask_graph__"):
        part = part.compute(callbacks=())
    return np.asarray(part)


def _is_numeric(dtype: Any) -> bool:  # noqa: ANN401 - numpy, dask or zarr dtype
    return np.dtype(dtype).kind in "buif"
