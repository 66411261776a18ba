from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import napari_ood_seg
from napari_ood_seg.cli import app as cli
from napari_ood_seg.core.errors import OODSegError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

HEAVY = ("torch", "numpy", "scipy", "zarr", "dask", "napari", "qtpy")


def test_help_names_every_command(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in ("train", "predict", "info", "sample", "demo"):
        assert name in result.stdout
        assert run(name, "--help").exit_code == 0


def test_version(run: Run) -> None:
    assert run("--version").stdout.strip() == napari_ood_seg.__version__


def test_importing_the_commands_is_light() -> None:
    code = "import sys, napari_ood_seg.cli.app; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(out.stdout.split()).isdisjoint(HEAVY)


def test_python_m(tmp_path: Path) -> None:
    out = subprocess.run(
        [sys.executable, "-m", "napari_ood_seg", "info", "none.oodseg"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert out.returncode == 1
    assert out.stdout == ""
    assert out.stderr.startswith("error: there is no file 'none.oodseg'")
    assert "Traceback" not in out.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OODSegError("it is too big: take less"), 1, "error: it is too big: take less"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
    ids=["ours", "ctrl-c"],
)
def test_errors_are_one_sentence(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    words: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("napari_ood_seg.samples.load_sample", fail)
    result = run("sample", "histology", "-o", "nowhere")
    assert result.exit_code == code
    assert result.stderr.startswith(words)
    assert result.stderr.count("\n") == 1


def test_a_bug_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("napari_ood_seg.samples.load_sample", fail)
    assert isinstance(run("sample", "-o", "nowhere").exception, ZeroDivisionError)


def test_main_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["napari-ood-seg", "--version"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert not caught.value.code
