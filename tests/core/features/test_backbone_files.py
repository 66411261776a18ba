from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_ood_seg.core.errors import EncoderError
from napari_ood_seg.core.features.backbone import Origin
from napari_ood_seg.core.features.backbone_files import load_backbone, restored
from napari_ood_seg.core.io.hub import digest
from tests.core.features import backbones

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    backbones.save("segformer", tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.mark.parametrize("kind", ["segformer", "swin", "dinov2", "vit"])
def test_what_a_model_file_tells_is_enough(kind: str, tmp_path: Path) -> None:
    backbones.save(kind, tmp_path)
    encoder = load_backbone(tmp_path, name=kind)
    facts = json.loads(json.dumps(encoder.facts()))
    again = restored(facts, encoder.weights, None)
    x = torch.rand(3, 60, 50)
    for a, b in zip(encoder(x), again(x), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert again.factors == encoder.factors


def test_one_from_the_hub_is_known_by_its_checksum(folder: Path) -> None:
    origin = Origin(name="owner/tiny", revision="abc123", sha256=digest(folder))
    encoder = load_backbone(folder, name="owner/tiny", origin=origin)
    again = restored(encoder.facts(), {}, folder)
    assert again.origin == origin
    with pytest.raises(EncoderError, match=r"owner/tiny.*not on this machine"):
        restored(encoder.facts(), {}, None)
    weights = load_file(folder / "model.safetensors")
    name = next(iter(weights))
    weights[name] = weights[name] + 1
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderError, match="other weights than the model"):
        restored(encoder.facts(), {}, folder)


def test_colours_are_as_the_encoder_expects(folder: Path) -> None:
    about = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    encoder = load_backbone(folder, name="tiny")
    assert (encoder.mean, encoder.std) == ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    plain = load_backbone(folder, name="tiny")
    x = torch.rand(3, 40, 40)
    torch.testing.assert_close(encoder(x)[0], plain(x)[0])
    (folder / "preprocessor_config.json").unlink()
    assert load_backbone(folder, name="tiny").mean == (0.485, 0.456, 0.406)


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def unknown_kind(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "of the future"}')


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:500])


def half_of_the_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = dict(list(weights.items())[: len(weights) // 2])
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def other_sizes(folder: Path) -> None:
    about = json.loads((folder / "config.json").read_text())
    about["hidden_sizes"] = [16, 16, 16, 16]
    (folder / "config.json").write_text(json.dumps(about))


def a_language_model(folder: Path) -> None:
    from transformers import BertConfig, BertModel

    config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1)
    config.num_attention_heads, config.intermediate_size = 2, 8
    BertModel(config).save_pretrained(folder)


def odd_patches(folder: Path) -> None:
    from transformers import SegformerConfig, SegformerModel

    SegformerModel(
        SegformerConfig(
            **backbones.FOUR, num_attention_heads=[1, 1, 2, 2], strides=[3, 2, 2, 2]
        )
    ).save_pretrained(folder)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_config, "config.json.*missing, damaged"),
        (unknown_kind, "transformers does not know"),
        (no_weights, "no whole model.safetensors"),
        (cut_off, "damaged"),
        (half_of_the_weights, "are missing"),
        (other_sizes, "tiny"),
        (a_language_model, "no backbone"),
        (odd_patches, "do not lie on a grid"),
    ],
)
def test_bad_folders_end_in_one_sentence(
    spoil: Callable[[Path], None], words: str, folder: Path
) -> None:
    spoil(folder)
    with pytest.raises(EncoderError, match=words) as caught:
        load_backbone(folder, name="tiny")
    assert "\n" not in str(caught.value)
    assert "tiny" in str(caught.value)


def test_without_transformers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("transformers", "transformers.utils"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EncoderError, match=r"pip install 'napari-ood-seg\[encoders\]'"):
        load_backbone(folder, name="tiny")
