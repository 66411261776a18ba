from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors import safe_open

from napari_ood_seg.core.config import (
    FilterConfig,
    InstantConfig,
    PUConfig,
    SpectralConfig,
)
from napari_ood_seg.core.config.filters import SPECTRAL
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import EncoderError, FileFormatError, OutputError
from napari_ood_seg.core.inference.predict import open_features, predict
from napari_ood_seg.core.io.safe_file import write_document
from napari_ood_seg.core.ood.registry import DETECTORS
from napari_ood_seg.core.training.bundle import (
    KIND,
    describe,
    load_model,
    read_model,
    save_model,
)
from tests.contracts.scenes import (
    CPU,
    Fitted,
    assert_close,
    assert_same_model,
    fit,
    three_textures,
)
from tests.core.features import backbones

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = InstantConfig(
    filters=FilterConfig(sigmas=(1.0, 2.0), kinds=("colour", "structure")),
    pu=PUConfig(steps=3, prior=0.3),
    detectors=tuple(DETECTORS),
    shrinkage=0.25,
)


def with_facts(n_channels: int) -> Fitted:
    source = ImageSource.from_array(
        three_textures(n_channels),
        axes="YXC",
        rgb=False,
        name="Gewebe µ",
        pixel_size=(0.5, 0.25),
        unit="micrometer",
        wavelengths=tuple(500.0 + 10 * i for i in range(n_channels)),
    )
    return fit(source, config=CONFIG)


@pytest.mark.parametrize("n_channels", [3, 12], ids=["colour", "spectral"])
def test_round_trip_has_the_same_bits(tmp_path: Path, n_channels: int) -> None:
    """And predicts the same, up to rounding."""
    fitted = with_facts(n_channels)
    path = tmp_path / "a.oodseg"
    save_model(path, fitted.model)
    again = load_model(path)
    assert_same_model(fitted.model, again)
    assert again.config == CONFIG.suited(n_channels)
    assert again.facts == fitted.model.facts
    assert again.facts["pixel_size"] == [0.5, 0.25]
    assert again.facts["trained_on"] == ["Gewebe µ"]
    assert again.facts["n_strokes"] == 6
    before, after = (
        predict(m, open_features(m, fitted.source, device=CPU), probabilities=True)
        for m in (fitted.model, again)
    )
    np.testing.assert_array_equal(after.classes, before.classes)
    assert_close(after.score, before.score)
    assert_close(after.typicality, before.typicality)
    assert before.probabilities is not None
    assert after.probabilities is not None
    assert_close(after.probabilities, before.probabilities)
    second = tmp_path / "b.oodseg"
    save_model(second, again)
    assert_same_model(load_model(second), again)


@pytest.mark.parametrize("spectral", SPECTRAL)
@pytest.mark.parametrize("brightness", [False, True])
def test_the_normalisation_of_spectra_is_kept(
    tmp_path: Path, spectral: Any, brightness: bool
) -> None:
    filters = replace(CONFIG.filters, spectral=spectral, brightness=brightness)
    fitted = fit(three_textures(12), config=InstantConfig(filters=filters))
    save_model(tmp_path / "a.oodseg", fitted.model)
    again = load_model(tmp_path / "a.oodseg")
    channels = again.descriptor.channels
    assert channels.normalisation == ("l1" if spectral == "auto" else spectral)
    assert channels.brightness == (brightness and spectral != "none")
    assert_same_model(fitted.model, again)
    found = predict(again, open_features(again, fitted.source, device=CPU))
    assert_close(
        found.score,
        predict(
            fitted.model, open_features(fitted.model, fitted.source, device=CPU)
        ).score,
    )


def test_a_file_from_before_spectra_had_their_own_settings(tmp_path: Path) -> None:
    config = InstantConfig(spectra=SpectralConfig(like_others=True))
    fitted = fit(three_textures(12), config=config)
    save_model(tmp_path / "new.oodseg", fitted.model)
    document, tensors = read_model(tmp_path / "new.oodseg")
    del document["settings"]["spectra"]
    path = tmp_path / "old.oodseg"
    write_document(path, kind=KIND, document=document, tensors=dict(tensors))
    again = load_model(path)
    assert again.config == config
    assert_same_model(again, fitted.model)
    found = predict(again, open_features(again, fitted.source, device=CPU))
    np.testing.assert_array_equal(found.score, fitted.prediction.score)


def test_a_file_from_before_brightness_was_a_choice(tmp_path: Path) -> None:
    filters = replace(CONFIG.filters, brightness=True)
    fitted = fit(three_textures(12), config=InstantConfig(filters=filters))
    save_model(tmp_path / "new.oodseg", fitted.model)
    document, tensors = read_model(tmp_path / "new.oodseg")
    del document["settings"]["filters"]["brightness"]
    del document["channels"]["brightness"]
    del document["channels"]["normalisation"]
    path = tmp_path / "old.oodseg"
    write_document(path, kind=KIND, document=document, tensors=dict(tensors))
    again = load_model(path)
    assert again.config == fitted.model.config
    assert_same_model(again, fitted.model)
    assert again.descriptor.channels.brightness


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(three_textures(), config=CONFIG)


@pytest.fixture
def path(tmp_path: Path, fitted: Fitted) -> Path:
    path = tmp_path / "a.oodseg"
    save_model(path, fitted.model)
    return path


def test_document_is_plain_json(path: Path, fitted: Fitted) -> None:
    document = describe(fitted.model)
    assert document["schema_version"] == 2
    assert json.loads(json.dumps(document))["n_channels"] == 3
    with safe_open(path, "np") as file:
        assert json.loads(file.metadata()["document"])["engine"] == "instant"


def _drop(name: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda document, _: document.pop(name)


def _no_tensors(_: dict[str, Any], tensors: dict[str, Any]) -> None:
    tensors.clear()


def _strange_setting(document: dict[str, Any], _: dict[str, Any]) -> None:
    document["settings"]["magic"] = 1


def _bad_class(document: dict[str, Any], _: dict[str, Any]) -> None:
    document["classes"][0]["id"] = 300


def _bad_detector(document: dict[str, Any], _: dict[str, Any]) -> None:
    document["settings"]["detectors"] = ["oracle"]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_drop("settings"), id="no settings"),
        pytest.param(_drop("classes"), id="no classes"),
        pytest.param(_drop("channels"), id="no channels"),
        pytest.param(_drop("n_held_out"), id="no count"),
        pytest.param(_no_tensors, id="no tensors"),
        pytest.param(_strange_setting, id="setting"),
        pytest.param(_bad_class, id="class"),
        pytest.param(_bad_detector, id="detector"),
    ],
)
def test_an_incomplete_file_is_one_sentence(
    path: Path, spoil: Callable[[dict[str, Any], dict[str, Any]], None]
) -> None:
    document, arrays = read_model(path)
    tensors = dict(arrays)
    spoil(document, tensors)
    write_document(path, kind="model", document=document, tensors=tensors)
    with pytest.raises(
        FileFormatError, match=r"a\.oodseg' is incomplete or damaged"
    ) as e:
        load_model(path)
    assert "\n" not in str(e.value)


def test_a_failed_save_keeps_the_old_file(
    path: Path, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    with pytest.raises(OutputError):
        save_model(path.parent / "nowhere" / "a.oodseg", fitted.model)
    fitted.model.facts["spoilt"] = float("nan")
    try:
        with pytest.raises(OutputError):
            save_model(path, fitted.model)
    finally:
        del fitted.model.facts["spoilt"]
    assert path.read_bytes() == before


SEES_WINDOWS = InstantConfig(filters=FilterConfig(sigmas=(1.0,)), tile=64)


def with_encoder(encoder: str, **settings: Any) -> Fitted:
    n = settings.pop("n_channels", 3)
    nm = np.linspace(400, 700, n) if n > 30 else None
    source = ImageSource.from_array(three_textures(n), wavelengths=nm)
    return fit(source, config=replace(SEES_WINDOWS, encoder=encoder, **settings))


def test_an_encoder_that_only_this_machine_has_is_in_the_file(tmp_path: Path) -> None:
    backbones.save("swin", tmp_path / "mine")
    fitted = with_encoder(str(tmp_path / "mine"))
    save_model(tmp_path / "a.oodseg", fitted.model)
    shutil.rmtree(tmp_path / "mine")
    again = load_model(tmp_path / "a.oodseg")
    before, after = (
        predict(m, open_features(m, fitted.source, device=CPU))
        for m in (fitted.model, again)
    )
    np.testing.assert_array_equal(after.score, before.score)


def test_one_from_the_hub_is_named_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    home = tmp_path / "models--owner--tiny"
    backbones.save("dinov2", home / "snapshots" / "c0ffee")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("c0ffee")
    fitted = with_encoder("owner/tiny")
    path = tmp_path / "a.oodseg"
    save_model(path, fitted.model)
    document, arrays = read_model(path)
    assert not [k for k in arrays if k.startswith("encoder/")]
    weights = (home / "snapshots" / "c0ffee" / "model.safetensors").read_bytes()
    assert document["encoder"]["hub"] == {
        "revision": "c0ffee",
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    # another revision that came since does not matter
    backbones.save("convnext", home / "snapshots" / "decaf")
    (home / "refs" / "main").write_text("decaf")
    again = load_model(path)
    before, after = (
        predict(m, open_features(m, fitted.source, device=CPU))
        for m in (fitted.model, again)
    )
    np.testing.assert_array_equal(after.score, before.score)
    shutil.rmtree(home)
    with pytest.raises(EncoderError, match=r"needs the encoder 'owner/tiny'"):
        load_model(path)


@pytest.mark.parametrize(
    ("n_channels", "how", "words"),
    [
        (3, "project", None),
        (1, "adapt", None),
        (5, "project", "first three principal components of 5 channels"),
        (5, "adapt", "the 5 channels in turn as red, green and blue"),
        (9, "adapt", "not used: 9 channels are taken for spectra"),
        (9, "on spectra", "first three principal components of 9 channels"),
        (31, "on spectra", "the colours in daylight of 31 channels"),
    ],
)
def test_how_an_encoder_sees_the_channels_is_told(
    n_channels: int, how: str, words: str | None, tmp_path: Path
) -> None:
    backbones.save("segformer", tmp_path / "mine")
    fitted = with_encoder(
        str(tmp_path / "mine"),
        n_channels=n_channels,
        encoder_channels="adapt" if how == "adapt" else "project",
        encoder_on_spectra=how == "on spectra",
    )
    expected = 2.2 if n_channels == 31 else 1.0
    colors = fitted.model.descriptor.colors
    assert colors is None or colors.gamma == expected
    told = [r for r in fitted.model.remarks if "encoder" in r]
    assert len(told) == (words is not None)
    assert words is None or words in told[0]
    save_model(tmp_path / "a.oodseg", fitted.model)
    again = load_model(tmp_path / "a.oodseg")
    assert again.remarks == fitted.model.remarks
    assert again.descriptor.colors is None or again.descriptor.colors.gamma == expected
