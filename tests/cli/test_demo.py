from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run

MODULE = "napari_ood_seg.plugin.demo"


@pytest.mark.parametrize(
    ("arguments", "name"), [([], "histology"), (["hyperspectral"], "hyperspectral")]
)
def test_the_demo_is_opened(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], name: str
) -> None:
    opened: list[str] = []
    module = ModuleType(MODULE)
    module.run_demo = opened.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, MODULE, module)
    assert run("demo", *arguments).exit_code == 0
    assert opened == [name]


def test_without_qt(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise ImportError("No Qt bindings could be found")

    module = ModuleType(MODULE)
    module.run_demo = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, MODULE, module)
    result = run("demo")
    assert result.exit_code == 1
    assert 'pip install "napari-ood-seg[all]"' in result.stderr


def test_a_bug_of_ours_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    assert isinstance(run("demo").exception, ImportError)
