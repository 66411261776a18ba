from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_ood_seg.core.features.catalogue import CATALOGUE
from napari_ood_seg.core.io import download as downloads
from tests.core.features import backbones
from tests.core.io.hub_server import Hub, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one tiny encoder, and an empty cache."""
    backbones.save("segformer", tmp_path / "made")
    files = {p.name: p.read_bytes() for p in (tmp_path / "made").iterdir()}
    (tmp_path / "hub").mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with serve(Hub(files)) as hub:
        original = downloads.download
        monkeypatch.setattr(
            downloads, "download", lambda name: original(name, endpoint=hub.endpoint)
        )
        yield hub


def test_the_list(run: Run, hub: Hub) -> None:
    result = run("encoders")
    assert result.exit_code == 0
    for encoder in CATALOGUE:
        lines = result.output.split(f"{encoder.name}\n")[1].splitlines()
        assert f"{encoder.megabytes} MB, to download" in lines[0]
        assert encoder.licence in lines[1]
        assert ("terms to accept" in lines[1]) == encoder.gated
        assert lines[2].strip() == encoder.source
    assert hub.asked == []


def test_download_train_and_tell(
    run: Run, hub: Hub, files: Path, tmp_path: Path
) -> None:
    image, mask, model = files / "tissue.png", files / "mask.png", tmp_path / "m.oodseg"
    train = ("train", image, "-s", mask, "-o", model, "--encoder", "owner/tiny")
    refused = run(*train)
    assert refused.exit_code == 1
    assert "encoders download owner/tiny" in refused.output
    got = run("encoders", "download", "owner/tiny")
    assert got.exit_code == 0, got.output
    assert "owner/tiny is on this machine now" in got.output
    assert "already" in run("encoders", "download", "owner/tiny").output
    trained = run(*train)
    assert trained.exit_code == 0, trained.output
    assert "owner/tiny (revision c0ffeec0)" in run("info", model).output


@pytest.mark.parametrize(
    ("encoder", "engine", "words"),
    [
        ("no/such/file.pth", "instant", "check the name"),
        ("owner/tiny", "deep", "is not on this machine"),
    ],
)
def test_what_cannot_be_used(
    run: Run, files: Path, tmp_path: Path, encoder: str, engine: str, words: str
) -> None:
    image, mask, model = files / "tissue.png", files / "mask.png", tmp_path / "m.oodseg"
    options = ("--encoder", encoder, "--engine", engine)
    result = run("train", image, "-s", mask, "-o", model, *options)
    assert result.exit_code == 1
    assert words in result.output
    assert not model.exists()


def test_an_absent_one(run: Run, hub: Hub) -> None:
    result = run("encoders", "download", "owner/nothing")
    assert result.exit_code == 1
    assert "there is no encoder 'owner/nothing'" in result.output
