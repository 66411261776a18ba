from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING

import pytest

from napari_ood_seg.core.errors import EncoderError
from napari_ood_seg.core.io.hub import (
    cache_folder,
    digest,
    find,
    is_name,
    is_on_disk,
    weight_files,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A downloaded encoder."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    home = tmp_path / "models--owner--tiny"
    folder = home / "snapshots" / "c0ffee"
    folder.mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("c0ffee")
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.mark.parametrize(
    "text", ["", "dinov2", "a/b/c", "/tmp/x", "..", "a b/c", "w/v.safetensors", "a\\b"]
)
def test_what_is_no_name(text: str) -> None:
    assert not is_name(text)


def test_found_by_name_and_by_commit(snapshot: Path, tmp_path: Path) -> None:
    for found in (find("owner/tiny"), find("owner/tiny", "c0ffee")):
        assert found is not None
        assert (found.name, found.revision) == ("owner/tiny", "c0ffee")
        assert found.folder == snapshot
    assert is_on_disk("owner/tiny")
    assert find("owner/tiny", "decaf") is None
    assert find("owner/other") is None
    assert cache_folder() == tmp_path


def test_weights_must_be_whole(snapshot: Path) -> None:
    (snapshot / "model.safetensors").unlink()
    assert not is_on_disk("owner/tiny")
    shards = {"a": "model-2.safetensors", "b": "model-1.safetensors"}
    index = snapshot / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": shards}))
    (snapshot / "model-2.safetensors").write_bytes(b"two")
    assert not is_on_disk("owner/tiny")
    (snapshot / "model-1.safetensors").write_bytes(b"one")
    assert is_on_disk("owner/tiny")
    assert [f.name for f in weight_files(snapshot)] == sorted(shards.values())
    assert digest(snapshot) == hashlib.sha256(b"onetwo").hexdigest()
    index.write_text("{}")
    assert weight_files(snapshot) == []


def test_without_huggingface_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert find("owner/tiny") is None
    with pytest.raises(EncoderError, match="pip install"):
        cache_folder()
