"""Choose the compute device."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from napari_ood_seg.core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator


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
