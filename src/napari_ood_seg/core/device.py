"""Choose the compute device, and give back its memory."""

from __future__ import annotations

import ctypes
import gc
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from napari_ood_seg.core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TORCH: Final = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
"""On Linux; MKL is in it, or what it depends on."""


def available_devices() -> tuple[tuple[str, str], ...]:
    """Return `(key, label)` of every device that works here, the best first.

    Keys are what `pick_device` and `torch.device` take.
    """
    found = []
    for i in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(i)
        memory = facts.total_memory / 2**30
        found.append((f"cuda:{i}", f"{facts.name}, {memory:.0f} GB"))
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple GPU"))
    threads = torch.get_num_threads()
    found.append(("cpu", f"CPU, {threads} thread{'s' if threads != 1 else ''}"))
    return tuple(found)


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called `name`, or the best one for ``"auto"``.

    Raises
    ------
    DeviceError
        If there is no such device; the message lists those that there are.
    """
    keys = [key for key, _ in available_devices()]
    if name == "auto":
        return torch.device(keys[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in keys:
        raise DeviceError(
            f"there is no device {name!r} here: choose auto or one of {', '.join(keys)}"
        )
    return torch.device(wanted)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on the calling thread alone meanwhile.

    Where many small steps follow each other, waiting for a second thread at each one
    takes longer than the steps, the more so beside a busy window.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def release_memory(*devices: torch.device) -> None:
    """Give back what is kept of the memory of some devices and not in use.

    Collects what only refers to itself first: a model that was dropped, and frames of
    an error, may still hold tensors.
    """
    gc.collect()
    kinds = {device.type for device in devices}
    if "cuda" in kinds:
        torch.cuda.empty_cache()
    if "mps" in kinds:
        torch.mps.empty_cache()
    trim()


def trim() -> None:
    """Give the system back the memory that is not in use and that libraries still keep.

    MKL, with which torch computes on most Linux machines, keeps buffers of 4 to 9 MB
    for each thread that ever multiplied matrices, also when that has ended (oneMKL
    Developer Guide, "Avoiding Memory Leaks in oneMKL"); glibc keeps what lies between
    blocks in use. Elsewhere nothing happens.
    """
    with suppress(OSError, AttributeError):  # what `mkl_free_buffers` is called inside
        ctypes.CDLL(str(_TORCH)).mkl_serv_free_buffers()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def unused_gpu(*, has_card: Callable[[], bool] | None = None) -> str:
    """Return a sentence if there is an NVIDIA card that this torch cannot use.

    Parameters
    ----------
    has_card
        Whether there is one; looks for NVIDIA's driver if not given.
    """
    if torch.version.cuda is not None or torch.cuda.is_available():
        return ""
    if not (has_card or has_nvidia_card)():
        return ""
    return (
        "this machine has an NVIDIA graphics card, but torch was installed for the CPU "
        "only: install torch with CUDA from https://pytorch.org to use the card"
    )


def has_nvidia_card(*, driver: Path = Path("/proc/driver/nvidia")) -> bool:
    """Whether NVIDIA's driver is installed here.

    Parameters
    ----------
    driver
        What the driver makes on Linux.
    """
    return driver.exists() or shutil.which("nvidia-smi") is not None
