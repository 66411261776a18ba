from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_ood_seg.core.errors import DeviceError
from napari_ood_seg.core.training.memory import Size, is_full, told


@given(
    batch=st.integers(1, 64), times=st.integers(2, 30), stride=st.sampled_from([8, 32])
)
def test_halving_ends_and_always_takes_less(
    batch: int, times: int, stride: int
) -> None:
    size = Size(batch, times * stride)
    while size != (1, 2 * stride):
        smaller = size.halved(stride)
        assert smaller.patch % stride == 0
        assert smaller.batch * smaller.patch**2 < size.batch * size.patch**2
        assert (smaller.patch == size.patch) == (size.batch > 1)
        size = smaller
    with pytest.raises(DeviceError, match=f"one patch of {2 * stride} pixels: "):
        size.halved(stride)


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (torch.OutOfMemoryError("anything"), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), True),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: "
                "can't allocate memory: you tried to allocate 800 bytes."
            ),
            True,
        ),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_allocators_say(error: Exception, full: bool) -> None:
    assert is_full(error) == full


def test_the_allocator_of_this_torch_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_full(caught.value)


def test_one_sentence_where_nothing_can_be_done() -> None:
    full = pytest.raises(DeviceError, match="ran out while taking a step: choose")
    with full, told("taking a step"):
        raise torch.OutOfMemoryError
    with pytest.raises(RuntimeError, match="other") as caught, told("taking a step"):
        raise RuntimeError("other")
    assert not isinstance(caught.value, DeviceError)
