from __future__ import annotations

import ctypes
import gc
import platform
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from napari_ood_seg.core.device import (
    available_devices,
    has_nvidia_card,
    one_thread,
    pick_device,
    release_memory,
    trim,
    unused_gpu,
)
from napari_ood_seg.core.errors import DeviceError


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = SimpleNamespace(name="NVIDIA H200", total_memory=139 * 2**30)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: facts)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(("n", "label"), [(1, "CPU, 1 thread"), (2, "CPU, 2 threads")])
def test_the_cpu_is_always_there(
    monkeypatch: pytest.MonkeyPatch, n: int, label: str
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: n)
    assert available_devices() == (("cpu", label),)
    assert pick_device() == pick_device("cpu") == torch.device("cpu")


@pytest.mark.usefixtures("two_gpus")
def test_gpus_come_first() -> None:
    found = available_devices()
    assert [key for key, _ in found] == ["cuda:0", "cuda:1", "cpu"]
    assert found[0][1] == "NVIDIA H200, 139 GB"
    assert pick_device("auto") == pick_device("cuda") == torch.device("cuda:0")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("name", ["cuda", "cuda:7", "mps", "tpu", ""])
def test_a_missing_device_is_one_sentence(name: str) -> None:
    with pytest.raises(DeviceError) as caught:
        pick_device(name)
    assert str(caught.value) == (
        f"there is no device {name!r} here: choose auto or one of cpu"
    )


def test_one_thread_meanwhile() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("device", "emptied"), [("cpu", []), ("cuda:1", ["cuda"]), ("mps", ["mps"])]
)
def test_memory_is_given_back(
    monkeypatch: pytest.MonkeyPatch, device: str, emptied: list[str]
) -> None:
    """What only refers to itself is freed before the cache is emptied."""

    class Holder:
        me: object = None

    holder = Holder()
    holder.me = holder
    kept = weakref.ref(holder)
    told: list[str] = []

    def empty(name: str) -> None:
        assert kept() is None, "collected first"
        told.append(name)

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: empty("cuda"))
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: empty("mps"))
    gc.disable()
    try:
        del holder
        assert kept() is not None
        release_memory(torch.device(device))
    finally:
        gc.enable()
    assert kept() is None
    assert told == emptied


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps it")
def test_memory_that_was_freed_is_given_back() -> None:
    """A block that stays, at the end of the heap, would keep all before it."""
    code = """
import psutil, torch
from napari_ood_seg.core.device import release_memory
own = psutil.Process()
blocks = [torch.zeros(20_000) for _ in range(2_000)]
del blocks[:-1]
before = own.memory_info().rss
release_memory()
print((before - own.memory_info().rss) / 2**20)
"""
    run = [sys.executable, "-c", code]
    given = float(subprocess.run(run, capture_output=True, check=True).stdout)
    assert given > 0.9 * 2_000 * 80_000 / 2**20


@pytest.mark.skipif(
    sys.platform != "linux" or not torch.backends.mkl.is_available(),
    reason="MKL is asked on Linux only",
)
def test_buffers_of_threads_that_ended_are_given_back() -> None:
    torch_cpu = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    kept = ctypes.CDLL(str(torch_cpu)).mkl_serv_mem_stat
    kept.restype, kept.argtypes = ctypes.c_longlong, [ctypes.POINTER(ctypes.c_int)]
    n_buffers = ctypes.c_int()

    def multiply() -> None:
        x = torch.ones(300, 300)
        assert float((x @ x)[0, 0]) == 300

    multiply()
    thread = threading.Thread(target=multiply)
    thread.start()
    thread.join()
    assert kept(n_buffers) > 1e6
    trim()
    assert kept(n_buffers) == 0
    multiply()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_memory_of_a_card_is_really_free() -> None:
    device = torch.device("cuda")
    release_memory(device)
    before = torch.cuda.memory_reserved(device)
    block = [torch.zeros(2**28, device=device)]
    block.append(block)  # type: ignore[arg-type]
    assert torch.cuda.memory_reserved(device) >= before + 2**30
    del block
    release_memory(device)
    assert torch.cuda.memory_reserved(device) == before


@pytest.mark.parametrize(
    ("built", "card", "told"),
    [(None, True, True), (None, False, False), ("12.8", True, False)],
)
def test_a_card_that_this_torch_cannot_use(
    monkeypatch: pytest.MonkeyPatch, built: str | None, card: bool, told: bool
) -> None:
    monkeypatch.setattr(torch.version, "cuda", built)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    sentence = unused_gpu(has_card=lambda: card)
    assert bool(sentence) == told
    if told:
        assert sentence.startswith("this machine has an NVIDIA graphics card, but ")
        assert "https://pytorch.org" in sentence


def test_where_the_driver_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not has_nvidia_card(driver=tmp_path / "nvidia")
    tool = tmp_path / "nvidia-smi"
    tool.touch(mode=0o755)
    monkeypatch.setenv("PATHEXT", "")
    assert has_nvidia_card(driver=tmp_path / "nvidia")
    tool.unlink()
    (tmp_path / "nvidia").mkdir()
    assert has_nvidia_card(driver=tmp_path / "nvidia")
