"""What went wrong, in words for a person."""

from __future__ import annotations

from napari_ood_seg.core.errors import OODSegError


def sentence(error: Exception | None) -> str:
    """Return one sentence about what made a job fail."""
    if isinstance(error, OODSegError):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "out of memory: use a smaller image, or the CPU"
    return f"something went wrong inside ({type(error).__name__}: {error}); see the log"
