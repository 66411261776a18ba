"""Benchmarks are run rarely, some only with a graphics card: they must not rot."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

ALL = sorted(Path(__file__).parents[2].glob("benchmarks/*.py"))


def ours(path: Path) -> list[tuple[str, str]]:
    """Return module and name of everything a file imports from the package."""
    return [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.module is not None
        and node.module.startswith("napari_ood_seg")
        for alias in node.names
    ]


def test_there_are_benchmarks() -> None:
    assert any(ours(path) for path in ALL)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_is_there(path: Path) -> None:
    for module, name in ours(path):
        if not hasattr(import_module(module), name):
            import_module(f"{module}.{name}")
