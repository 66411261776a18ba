from __future__ import annotations

import errno
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from napari_ood_seg.core.errors import EncoderError
from napari_ood_seg.core.io.download import download
from napari_ood_seg.core.io.hub import CHUNK, find, is_on_disk
from tests.core.io.hub_server import COMMIT, Hub, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

WEIGHTS = bytes(range(256)) * (3 * CHUNK // 256) + b"end"
FILES = {
    "README.md": b"# tiny",
    "config.json": b'{"model_type": "tiny"}',
    "preprocessor_config.json": b'{"image_mean": [0, 0, 0]}',
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"pickled",
}
NAME = "owner/tiny"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def hub(cache: Path) -> Iterator[Hub]:
    with serve(Hub(dict(FILES))) as hub:
        yield hub


def fails(hub: Hub, name: str = NAME) -> str:
    with pytest.raises(EncoderError) as caught:
        list(download(name, endpoint=hub.endpoint))
    text = str(caught.value)
    assert "\n" not in text
    assert name in text or "hub" in text
    return text


def test_what_arrives(hub: Hub, cache: Path) -> None:
    events = list(download(NAME, endpoint=hub.endpoint))
    found = find(NAME)
    assert found is not None
    assert found.revision == COMMIT
    there = {p.name: p.read_bytes() for p in found.folder.iterdir()}
    wanted = ("config.json", "preprocessor_config.json", "model.safetensors")
    assert there == {name: FILES[name] for name in wanted}
    total = sum(map(len, there.values()))
    assert events[-1].done == events[-1].total == total
    steps = [e.done for e in events]
    assert steps == sorted(steps)
    assert len(set(steps)) > 4  # the weights come in pieces
    assert find(NAME, COMMIT) is not None
    assert not list((cache / "models--owner--tiny" / "blobs").iterdir())


def test_others_find_it_too(hub: Hub, cache: Path) -> None:
    from huggingface_hub import scan_cache_dir, try_to_load_from_cache

    list(download(NAME, endpoint=hub.endpoint))
    path = try_to_load_from_cache(NAME, "model.safetensors", cache_dir=cache)
    assert isinstance(path, str)
    assert Path(path).read_bytes() == WEIGHTS
    assert [r.repo_id for r in scan_cache_dir(cache).repos] == [NAME]


def test_once_is_enough(hub: Hub) -> None:
    list(download(NAME, endpoint=hub.endpoint))
    asked = len(hub.asked)
    assert list(download(NAME, endpoint=hub.endpoint)) == []
    assert len(hub.asked) == asked


def stop_within_the_weights(hub: Hub) -> int:
    """Stop once something of the weights has come; returns how many bytes."""
    small = len(FILES["config.json"]) + len(FILES["preprocessor_config.json"])
    steps = download(NAME, endpoint=hub.endpoint)
    for event in steps:
        if event.done > small:
            steps.close()
            return event.done - small
    raise AssertionError


@pytest.mark.parametrize("ranges", [True, False], ids=["from there", "anew"])
def test_stopped_and_taken_up(hub: Hub, cache: Path, ranges: bool) -> None:
    hub.ranges = ranges
    n = stop_within_the_weights(hub)
    assert not is_on_disk(NAME)
    (partial,) = (cache / "models--owner--tiny" / "blobs").iterdir()
    assert partial.read_bytes() == WEIGHTS[:n]
    hub.asked.clear()
    list(download(NAME, endpoint=hub.endpoint))
    files = [(path.rpartition("/")[2], span) for path, span in hub.asked[1:]]
    assert files == [("model.safetensors", f"bytes={n}-")]
    found = find(NAME)
    assert found is not None
    assert (found.folder / "model.safetensors").read_bytes() == WEIGHTS


def test_shards(hub: Hub) -> None:
    del hub.files["model.safetensors"]
    hub.files["model.safetensors.index.json"] = (
        b'{"weight_map": {"a": "model-00001-of-00002.safetensors", '
        b'"b": "model-00002-of-00002.safetensors"}}'
    )
    hub.files["model-00001-of-00002.safetensors"] = b"first"
    hub.files["model-00002-of-00002.safetensors"] = b"second"
    list(download(NAME, endpoint=hub.endpoint))
    assert is_on_disk(NAME)


def test_cut_off(hub: Hub) -> None:
    hub.cut_at = CHUNK
    assert "broke off at" in fails(hub)
    assert not is_on_disk(NAME)
    hub.cut_at = None
    list(download(NAME, endpoint=hub.endpoint))
    assert is_on_disk(NAME)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_another_content(hub: Hub, cache: Path, file: str) -> None:
    hub.lies[file] = FILES[file][:-1] + b"!"
    assert "damaged" in fails(hub)
    assert not is_on_disk(NAME)
    assert not list((cache / "models--owner--tiny" / "blobs").iterdir())
    del hub.lies[file]
    list(download(NAME, endpoint=hub.endpoint))
    assert is_on_disk(NAME)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((401, "GatedRepo"), "accept their terms"),
        ((403, "GatedRepo"), "hf auth login"),
        ((403, ""), "accept their terms"),
        ((404, "RepoNotFound"), "no encoder"),
        ((500, ""), "answered 500"),
    ],
)
def test_refused(hub: Hub, refusal: tuple[int, str], words: str) -> None:
    hub.refusal = refusal
    assert words in fails(hub)


def test_absent(hub: Hub) -> None:
    assert "there is no encoder 'owner/nothing'" in fails(hub, "owner/nothing")
    assert "owner/name" in fails(hub, "a name/with blanks")


def test_no_encoder(hub: Hub) -> None:
    del hub.files["model.safetensors"]
    assert "no model.safetensors" in fails(hub)


def test_unreachable(cache: Path) -> None:
    with serve(Hub({})) as hub:
        pass
    assert "cannot be reached" in fails(hub)


def test_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in fails(hub)
    assert hub.asked == []


def test_no_room(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    free = SimpleNamespace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: free)
    assert "free some" in fails(hub)


def test_disk_full(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *args: object) -> None:
            self.file.close()

        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = Path.open

    def full(path: Path, mode: str = "r", *args: Any, **kw: Any) -> Any:
        file = opened(path, mode, *args, **kw)
        return Full(file) if path.suffix == ".part" and mode == "wb" else file

    monkeypatch.setattr(Path, "open", full)
    text = fails(hub)
    assert "No space left" in text
    assert "HF_HOME" in text


def test_without_huggingface_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(EncoderError, match="pip install"):
        list(download(NAME))
