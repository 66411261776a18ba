from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.features.weights import read_state

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(1)}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_both_kinds_of_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({**WEIGHTS, "epoch": 3}, path)
    else:
        save_file(WEIGHTS, path)
    found = read_state(path)
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[k], v) for k, v in WEIGHTS.items())


@pytest.mark.parametrize("content", [None, b"", b"no weights", b"PK\x03\x04"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_no_state_dict(tmp_path: Path, content: bytes | None, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"there are no weights|are damaged"):
        read_state(path)


def test_something_else_that_torch_can_read(tmp_path: Path) -> None:
    path = tmp_path / "list.pth"
    torch.save([1, 2, 3], path)
    with pytest.raises(FileFormatError, match="are damaged or no state dict"):
        read_state(path)
