"""Read and change frozen dataclasses field by field; no Qt here."""

from __future__ import annotations

import sys
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from enum import Enum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from _typeshed import DataclassInstance

    Path = tuple[str, ...]

_SIMPLE = (bool, int, float, str)


@dataclass(frozen=True, slots=True)
class Entry:
    """One field that can be edited.

    Attributes
    ----------
    path
        Names of the fields that lead to it, outermost first.
    hint
        Its type: bool, int, float, str, a Literal, an Enum; a tuple of some of the
        `choices`; a dataclass for a group.
    elsewhere
        Whether another panel edits it.
    """

    path: Path
    hint: Any
    label: str
    tooltip: str
    limits: Mapping[str, float]
    choices: tuple[str, ...] = ()
    elsewhere: bool = False

    @property
    def is_group(self) -> bool:
        """Whether the field is a dataclass itself."""
        return is_dataclass(self.hint)


def entries(settings: type[DataclassInstance], *, path: Path = ()) -> list[Entry]:
    """Return the editable fields of a dataclass; groups are not opened."""
    found = []
    for field in fields(settings):
        hint = _hint(settings, field)
        if field.init and (_is_supported(hint) or "choices" in field.metadata):
            found.append(_entry(field, hint=hint, path=(*path, field.name)))
    return found


def value_at(settings: DataclassInstance, path: Path) -> Any:  # noqa: ANN401
    """Return the value of the field that `path` leads to."""
    value: Any = settings
    for name in path:
        value = getattr(value, name)
    return value


def changed(
    settings: DataclassInstance, changes: Mapping[Path, object]
) -> DataclassInstance:
    """Return a copy with `changes`; each dataclass is rebuilt at most once.

    Raises
    ------
    ValueError
        If a `__post_init__` refuses the values.
    """
    here: dict[str, object] = {p[0]: v for p, v in changes.items() if len(p) == 1}
    below: dict[str, dict[Path, object]] = {}
    for path, value in changes.items():
        if len(path) > 1:
            below.setdefault(path[0], {})[path[1:]] = value
    for name, inner in below.items():
        here[name] = changed(getattr(settings, name), inner)
    return replace(settings, **here)


def defaults(settings: DataclassInstance) -> DataclassInstance:
    """Return a copy in which every field that has a default has it."""
    values: dict[str, object] = {}
    for field in fields(settings):
        if not field.init:
            continue
        if field.default is not MISSING:
            values[field.name] = field.default
        elif field.default_factory is not MISSING:
            values[field.name] = field.default_factory()
    return replace(settings, **values)


def to_plain(settings: DataclassInstance) -> dict[str, object]:
    """Return the editable values that are not the defaults, as JSON can hold them.

    Keys are dotted paths, such as ``filters.n_features``.
    """
    first = defaults(settings)
    return {
        ".".join(entry.path): _plain(value_at(settings, entry.path))
        for entry in _leaves(type(settings))
        if value_at(settings, entry.path) != value_at(first, entry.path)
    }


def from_plain(
    settings: DataclassInstance, plain: Mapping[str, object]
) -> DataclassInstance:
    """Return a copy with the values of `to_plain`; what is not understood is left out.

    All are left out if a `__post_init__` refuses them.
    """
    known = {".".join(entry.path): entry for entry in _leaves(type(settings))}
    changes: dict[Path, object] = {}
    for name, value in plain.items():
        entry = known.get(name)
        if entry is not None and _fits(entry, value):
            changes[entry.path] = _typed(entry, value)
    try:
        return changed(settings, changes)
    except ValueError:
        return settings


def _leaves(settings: type[DataclassInstance], path: Path = ()) -> Iterator[Entry]:
    for entry in entries(settings, path=path):
        if entry.is_group:
            yield from _leaves(entry.hint, entry.path)
        else:
            yield entry


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _typed(entry: Entry, value: Any) -> object:  # noqa: ANN401 - from JSON
    if entry.choices:
        return tuple(value)
    hint = entry.hint
    return hint(value) if isinstance(hint, type) else value


def _fits(entry: Entry, value: Any) -> bool:  # noqa: ANN401 - from JSON
    """Whether a value from a file can be that of a field."""
    if entry.choices:
        return isinstance(value, list) and set(value) <= set(entry.choices)
    if get_origin(entry.hint) is Literal:
        return value in get_args(entry.hint)
    if issubclass(entry.hint, Enum):
        return value in {member.value for member in entry.hint}
    if entry.hint in (int, float):
        return _is_number(entry, value)
    return isinstance(value, entry.hint)


def _is_number(entry: Entry, value: Any) -> bool:  # noqa: ANN401 - from JSON
    wanted = int if entry.hint is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted):
        return False
    low, high = (entry.limits.get(key, value) for key in ("min", "max"))
    return bool(low <= value <= high)


def _entry(field: Field[Any], *, hint: object, path: Path) -> Entry:
    about = field.metadata
    words = field.name.replace("_", " ")
    return Entry(
        path=path,
        hint=hint,
        label=str(about.get("label", words[:1].upper() + words[1:])),
        tooltip=str(about.get("tooltip", f"Setting: {words}.")),
        choices=tuple(about.get("choices", ())),
        elsewhere=bool(about.get("elsewhere", False)),
        limits={key: about[key] for key in ("min", "max", "step") if key in about},
    )


def _hint(settings: type, field: Field[Any]) -> object:
    """Return the type of `field`; None if its annotation cannot be resolved."""
    owner = next(
        base for base in settings.__mro__ if field.name in vars(base)["__annotations__"]
    )
    alone = SimpleNamespace(__annotations__={field.name: field.type})
    scope = vars(sys.modules[owner.__module__])
    try:  # one at a time: a name imported for type checking only must not hide others
        return get_type_hints(alone, scope)[field.name]
    except NameError:
        return None


def _is_supported(hint: Any) -> bool:  # noqa: ANN401
    if get_origin(hint) is Literal:
        return all(isinstance(choice, _SIMPLE) for choice in get_args(hint))
    if not isinstance(hint, type):
        return False
    return hint in _SIMPLE or issubclass(hint, Enum) or is_dataclass(hint)
