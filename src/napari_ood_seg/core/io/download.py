"""Download an encoder from the Hugging Face hub, file by file, checked."""

from __future__ import annotations

import hashlib
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from napari_ood_seg.core.errors import EncoderError, OutputError
from napari_ood_seg.core.io.files import reason, write_bytes
from napari_ood_seg.core.io.hub import (
    CHUNK,
    CONFIG,
    INSTALL,
    SHARDS,
    WEIGHTS,
    cache_folder,
    is_name,
    is_on_disk,
)
from napari_ood_seg.core.types import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    Steps = Generator[Progress, None, None]

ASKING: Final = "asking for the encoder"
STAGE: Final = "downloading"
_SMALL: Final = (CONFIG, "preprocessor_config.json")
_SHARD: Final = re.compile(r"model-\d+-of-\d+\.safetensors")
_REFUSED: Final = (401, 403)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file on the hub.

    Attributes
    ----------
    size
        In bytes.
    sha256
        Of large files.
    blob
        Of small ones: git's own SHA-1.
    """

    name: str
    size: int
    sha256: str | None
    blob: str | None

    @property
    def checksum(self) -> str:
        """What its content must have."""
        return self.sha256 or self.blob or ""

    def hasher(self) -> Any:  # noqa: ANN401 - hashlib does not name its type
        """Return what computes the checksum, bytes to be added."""
        if self.sha256:
            return hashlib.sha256()
        return hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)


def download(name: str, *, endpoint: str | None = None) -> Steps:
    """Bring an encoder onto this machine; nothing if it is there already.

    Only its configuration and safetensors weights are taken. What was got until it was
    stopped is kept, and the next download goes on from there. A file counts only once
    its checksum is that of the hub.

    Parameters
    ----------
    name
        ``owner/name``.
    endpoint
        Address of the hub, if not the usual one.

    Yields
    ------
    Bytes so far and in all.

    Raises
    ------
    EncoderError
        If it cannot be had; says why and what to do.
    """
    cache = cache_folder()
    if not is_name(name):
        raise EncoderError(
            f"{name!r} is no name of an encoder on the hub: write it as owner/name"
        )
    if is_on_disk(name):
        return
    yield Progress(done=0, total=0, stage=ASKING)
    with _explained(name):
        revision, files = _listing(name, endpoint)
    home = cache / f"models--{name.replace('/', '--')}"
    snapshot = home / "snapshots" / revision
    total, done = sum(f.size for f in files), 0
    with _written(name, cache):
        snapshot.mkdir(parents=True, exist_ok=True)
        (home / "blobs").mkdir(exist_ok=True)
        missing = [f for f in files if not (snapshot / f.name).is_file()]
        _require_room(name, cache, sum(f.size for f in missing))
    for file in files:
        if file in missing:
            partial = home / "blobs" / f"{file.checksum}.part"
            with _written(name, cache), _explained(name):
                for n in _fetch(name, revision, file, partial, endpoint):
                    yield Progress(done=done + n, total=total, stage=STAGE)
                partial.replace(snapshot / file.name)
        done += file.size
        yield Progress(done=done, total=total, stage=STAGE)
    with _written(name, cache):
        (home / "refs").mkdir(exist_ok=True)
        write_bytes(home / "refs" / "main", revision.encode())


def _listing(name: str, endpoint: str | None) -> tuple[str, list[Wanted]]:
    """Return the newest commit, and the files that are needed of it."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import OfflineModeIsEnabled

    if constants.HF_HUB_OFFLINE:
        raise OfflineModeIsEnabled
    info = HfApi(endpoint=endpoint).model_info(name, files_metadata=True)
    found = {s.rfilename: s for s in info.siblings or ()}
    weights = [WEIGHTS]
    if WEIGHTS not in found and SHARDS in found:
        weights = [SHARDS, *sorted(filter(_SHARD.fullmatch, found))]
    names = [n for n in (*_SMALL, *weights) if n in found]
    if CONFIG not in names or not set(weights) <= set(names) or info.sha is None:
        raise EncoderError(
            f"{name!r} has no {CONFIG} or no {WEIGHTS} on the hub, so it is no encoder "
            "that can be used here: choose another one"
        )
    return info.sha, [_wanted(found[n]) for n in names]


def _wanted(sibling: Any) -> Wanted:  # noqa: ANN401 - huggingface_hub's RepoSibling
    large = sibling.lfs
    return Wanted(
        name=sibling.rfilename,
        size=int(sibling.size),
        sha256=None if large is None else large.sha256,
        blob=sibling.blob_id,
    )


def _fetch(
    name: str, revision: str, file: Wanted, partial: Path, endpoint: str | None
) -> Iterator[int]:
    """Write a file, going on from what there is of it; yields the bytes there are."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import (
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    sha, n = file.hasher(), 0
    if partial.is_file():
        n = _hash(partial, sha)
    headers = build_hf_headers()
    headers["Accept-Encoding"] = "identity"  # sizes are those of the file
    if n:
        headers["Range"] = f"bytes={n}-"
    url = hf_hub_url(name, file.name, revision=revision, endpoint=endpoint)
    if n < file.size:
        stream = get_session().stream
        with stream("GET", url, headers=headers, follow_redirects=True) as answer:
            if answer.is_error:
                answer.read()
            hf_raise_for_status(answer)
            if n and answer.status_code != 206:  # it begins anew
                sha, n = file.hasher(), 0
            with partial.open("ab" if n else "wb") as out:
                for chunk in answer.iter_bytes(CHUNK):
                    out.write(chunk)
                    sha.update(chunk)
                    n += len(chunk)
                    yield n
    if n < file.size:
        raise EncoderError(
            f"the download of {name!r} broke off at {n / 1e6:.1f} of "
            f"{file.size / 1e6:.1f} MB: start it again, it goes on from there"
        )
    if sha.hexdigest() != file.checksum:
        partial.unlink()
        raise EncoderError(
            f"{file.name} of {name!r} arrived damaged (its checksum is another one "
            "than the hub's) and was deleted: download it again"
        )


def _hash(path: Path, sha: Any) -> int:  # noqa: ANN401 - hashlib does not name it
    """Add a file to a checksum; returns its size."""
    n = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha.update(chunk)
            n += len(chunk)
    return n


def _require_room(name: str, cache: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(cache).free
    if n_bytes > free:
        raise EncoderError(
            f"{name!r} needs {n_bytes / 1e6:.0f} MB but {str(cache)!r} has only "
            f"{free / 1e6:.0f} MB left: free some, or choose another disk with HF_HOME"
        )


@contextmanager
def _written(name: str, cache: Path) -> Iterator[None]:
    """Say in one sentence that something could not be written."""
    try:
        yield
    except EncoderError:
        raise
    except OutputError as error:
        raise EncoderError(str(error)) from error
    except OSError as error:
        raise EncoderError(
            f"cannot keep {name!r} in {str(cache)!r} ({error.strerror}): free some "
            "space there, or choose another folder with HF_HOME"
        ) from error


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Say in one sentence why the hub does not give what was asked for."""
    try:
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            OfflineModeIsEnabled,
            RepositoryNotFoundError,
        )
    except ImportError as error:
        raise EncoderError(f"a download needs huggingface-hub: {INSTALL}") from error
    # of the library that goes online for it, which is not always the same one
    bases = HfHubHTTPError.__bases__
    unreachable = tuple(b for b in bases if issubclass(b, Exception))[:1]
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise EncoderError(
            f"{name!r} is not on this machine and HF_HUB_OFFLINE forbids downloads: "
            "unset it, or choose an encoder that is on disk"
        ) from error
    except GatedRepoError as error:
        raise _gated(name) from error
    except RepositoryNotFoundError as error:
        raise EncoderError(
            f"there is no encoder {name!r} on the hub that you may see: check the "
            "name, or log in with 'hf auth login' if it is private"
        ) from error
    except HfHubHTTPError as error:
        if error.response.status_code in _REFUSED:
            raise _gated(name) from error
        raise EncoderError(
            f"the hub did not give {name!r} (it answered {error.response.status_code})"
            ": try again later"
        ) from error
    except unreachable as error:
        raise EncoderError(
            f"the hub cannot be reached ({reason(error)}): check the connection, then "
            "start the download again; it goes on where it was"
        ) from error


def _gated(name: str) -> EncoderError:
    return EncoderError(
        f"the owners of {name!r} give it only to those who accept their terms: do so "
        f"at huggingface.co/{name}, then log in here with 'hf auth login'"
    )
