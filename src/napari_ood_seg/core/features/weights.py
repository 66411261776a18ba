"""Read tensors from a file; nothing in it is run."""

from __future__ import annotations

from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch

from napari_ood_seg.core.errors import FileFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor


def load(path: Path) -> Any:  # noqa: ANN401 - whatever was written
    """Return the tensors, numbers and texts that torch wrote into a file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is damaged, or holds something else.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (
        AttributeError,
        EOFError,
        KeyError,
        RuntimeError,
        UnpicklingError,
    ) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a state dict in a file.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged or something else.
    """
    from safetensors import SafetensorError

    if not path.is_file():
        raise FileFormatError(f"there are no weights at {str(path)!r}: check the name")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        found: Mapping[str, Any] = load(path)
        return {k: v for k, v in found.items() if isinstance(v, torch.Tensor)}
    except (OSError, ValueError, AttributeError, SafetensorError) as error:
        raise FileFormatError(
            f"the weights {path.name!r} are damaged or no state dict: "
            "download them again"
        ) from error
