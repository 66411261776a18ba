"""Encoders that the machine has from the Hugging Face hub; nothing here goes online.

They lie in the cache that all programs share (``HF_HOME``), so what another program
downloaded is found as well.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from napari_ood_seg.core.errors import EncoderError

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
SHARDS: Final = "model.safetensors.index.json"
CHUNK: Final = 2**20

INSTALL: Final = "pip install 'napari-ood-seg[encoders]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One revision of an encoder on this machine.

    Attributes
    ----------
    name
        ``owner/name`` on the hub.
    revision
        The commit.
    folder
        Where the files are.
    """

    name: str
    revision: str
    folder: Path


def is_name(text: str) -> bool:
    """Whether a text could be the name of an encoder on the hub.

    Examples
    --------
    >>> [is_name(t) for t in ("facebook/dinov2-small", "a/b/c", "weights/vgg.pth")]
    [True, False, False]
    """
    part = r"[A-Za-z0-9][\w.-]*"
    plain = re.fullmatch(f"{part}/{part}", text) is not None
    return plain and not text.endswith((".pth", ".pt", ".safetensors"))


def cache_folder() -> Path:
    """Return the folder of the cache.

    Raises
    ------
    EncoderError
        If huggingface-hub is not installed.
    """
    try:
        from huggingface_hub import constants
    except ImportError as error:
        raise EncoderError(
            f"encoders from Hugging Face need huggingface-hub: {INSTALL}"
        ) from error
    return Path(constants.HF_HUB_CACHE).expanduser()


def find(name: str, revision: str = "main") -> Snapshot | None:
    """Return an encoder that is on this machine with all of its weights.

    Parameters
    ----------
    name
        ``owner/name``.
    revision
        A commit, or a branch as it was when it was downloaded.
    """
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    if not is_name(name):
        return None
    config = try_to_load_from_cache(
        name, CONFIG, cache_dir=cache_folder(), revision=revision
    )
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    if not weight_files(folder):
        return None
    return Snapshot(name=name, revision=folder.name, folder=folder)


def is_on_disk(name: str) -> bool:
    """Whether an encoder can be used without a connection."""
    return find(name) is not None


def is_available(what: str) -> bool:
    """Whether there is such a file, folder or downloaded encoder."""
    try:
        return Path(what).exists() or is_on_disk(what)
    except OSError:  # too long for a path
        return False


def weight_files(folder: Path) -> list[Path]:
    """Return the files of weights in a folder; none unless all are there."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    try:
        index = json.loads((folder / SHARDS).read_text(encoding="utf-8"))
        files = [folder / name for name in sorted(set(index["weight_map"].values()))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return files if all(f.is_file() for f in files) else []


def digest(folder: Path) -> str:
    """Return the SHA-256 of the weights in a folder, of all files in order."""
    sha = hashlib.sha256()
    for path in weight_files(folder):
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                sha.update(chunk)
    return sha.hexdigest()
