from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from napari_ood_seg.core.errors import EncoderError, FileFormatError
from napari_ood_seg.core.features.backbone import Backbone
from napari_ood_seg.core.features.encoder import Encoder
from napari_ood_seg.core.features.pretrained import load_pretrained
from napari_ood_seg.core.io.hub import is_available
from tests.core.features import backbones

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_folder_a_name_and_a_file(cache: Path, tmp_path: Path) -> None:
    backbones.save("convnext", tmp_path / "mine")
    home = cache / "models--owner--tiny"
    backbones.save("convnext", home / "snapshots" / "c0ffee")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("c0ffee")
    torch.save({"0.weight": torch.ones(2, 3, 3, 3)}, tmp_path / "vgg.pth")

    folder = load_pretrained(str(tmp_path / "mine"))
    named = load_pretrained("owner/tiny")
    assert isinstance(load_pretrained(str(tmp_path / "vgg.pth")), Encoder)
    assert isinstance(folder, Backbone)
    assert isinstance(named, Backbone)
    assert folder.origin is None
    assert named.origin is not None
    assert named.origin.revision == "c0ffee"
    x = torch.rand(3, 33, 40)
    for a, b in zip(folder(x), named(x), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert is_available("owner/tiny")
    assert is_available(str(tmp_path / "vgg.pth"))


def test_what_is_not_there(cache: Path) -> None:
    assert not is_available("owner/tiny")
    assert not is_available("weights/none.pth")
    with pytest.raises(EncoderError, match="encoders download owner/tiny"):
        load_pretrained("owner/tiny")
    with pytest.raises(FileFormatError, match="there are no weights"):
        load_pretrained("weights/none.pth")
