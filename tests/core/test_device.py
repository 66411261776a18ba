from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from napari_ood_seg.core.device import available_devices, one_thread, pick_device
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
