"""What to do when memory runs out: less at a time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from napari_ood_seg.core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS: Final = ("out of memory", "can't allocate memory", "not enough memory")
"""What allocators write: of CUDA and MPS; of the CPU on Linux; and on Windows."""


class Size(NamedTuple):
    """Patches at a time, and their edge in pixels."""

    batch: int
    patch: int

    def halved(self, stride: int) -> Size:
        """Return half the patches, or if there is one only, a smaller one.

        Parameters
        ----------
        stride
            Edges are multiples of it, and at least two of it.

        Raises
        ------
        DeviceError
            If nothing is left to halve.

        Examples
        --------
        >>> Size(5, 96).halved(8), Size(1, 96).halved(32), Size(1, 40).halved(8)
        (Size(batch=2, patch=96), Size(batch=1, patch=64), Size(batch=1, patch=16))
        """
        if self.batch > 1:
            return Size(self.batch // 2, self.patch)
        smaller = max(self.patch // 2 // stride * stride, 2 * stride)
        if smaller >= self.patch:
            raise DeviceError(
                f"the memory of the device does not hold one patch of {self.patch} "
                "pixels: close other programs, or choose a smaller network or device"
            )
        return Size(1, smaller)

    def __str__(self) -> str:
        patches = "patch" if self.batch == 1 else "patches"
        return f"{self.batch} {patches} of {self.patch} pixels"


def is_full(error: BaseException) -> bool:
    """Whether an error says that memory ran out.

    Examples
    --------
    >>> is_full(RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"))
    True
    >>> is_full(RuntimeError("shapes cannot be multiplied"))
    False
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(w in text for w in _WORDS)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say in one sentence that memory ran out, where nothing can be done about it.

    Parameters
    ----------
    what
        Was being done: ``taking a step``.

    Raises
    ------
    DeviceError
        If it did.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_full(error):
            raise
        raise DeviceError(
            f"the memory of the device ran out while {what}: choose fewer or smaller "
            "patches, a smaller network or another device"
        ) from error
