"""What all settings are made of."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def setting(
    default: Any,  # noqa: ANN401 - the field's own type
    label: str,
    tooltip: str,
    **more: float | tuple[str, ...],
) -> Any:  # noqa: ANN401 - dataclasses.field is typed so
    """Return a dataclass field that a form can show."""
    facts = {"label": label, "tooltip": tooltip, **more}
    return field(default=default, metadata=facts)


def require(ok: bool, message: str) -> None:
    """Raise `ValueError` with a message unless something holds."""
    if not ok:
        raise ValueError(message)
