"""A pretrained encoder by what a person calls it: a file, a folder or a name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_ood_seg.core.errors import EncoderError
from napari_ood_seg.core.features.backbone import Origin
from napari_ood_seg.core.features.backbone_files import load_backbone
from napari_ood_seg.core.features.encoder import load_encoder
from napari_ood_seg.core.io.hub import digest, find, is_name

if TYPE_CHECKING:
    from napari_ood_seg.core.features.stages import StageEncoder


def load_pretrained(what: str) -> StageEncoder:
    """Return a frozen encoder; nothing is downloaded.

    Parameters
    ----------
    what
        A file of weights (see `load_encoder`), a folder that ``save_pretrained`` made,
        or ``owner/name`` of an encoder that was downloaded from Hugging Face.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, or of no known architecture.
    EncoderError
        If the folder or name has no encoder that can be used.
    """
    path = Path(what)
    if path.is_dir():
        return load_backbone(path, name=path.name)
    if path.is_file() or not is_name(what):
        return load_encoder(path)
    found = find(what)
    if found is None:
        raise EncoderError(
            f"the encoder {what!r} is not on this machine: download it in the settings "
            f"or with 'napari-ood-seg encoders download {what}'"
        )
    origin = Origin(name=what, revision=found.revision, sha256=digest(found.folder))
    return load_backbone(found.folder, name=what, origin=origin)
