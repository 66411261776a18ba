"""What the README tells people to type works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_ood_seg.cli.app import app

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROGRAM = "napari-ood-seg "


def _blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    assert found is not None, f"the README has no section {title!r}"
    return found[1]


def _commands() -> list[str]:
    text = "\n".join(_blocks("bash", _section("Command line"))).replace("\\\n", " ")
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith(PROGRAM)]


@pytest.mark.parametrize("code", _blocks("python", README))
def test_python(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})


def test_there_is_something_to_test() -> None:
    assert _blocks("python", _section("Python"))
    named = {line.split()[1] for line in _commands()}
    assert named == {"train", "predict", "info", "sample", "demo"}


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line in _commands():
        arguments = shlex.split(line.removeprefix(PROGRAM))
        if arguments[0] != "demo":
            result = CliRunner().invoke(app, arguments)
            assert result.exit_code == 0, f"{line}\n{result.output}"
