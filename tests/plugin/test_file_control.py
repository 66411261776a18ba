from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog

from napari_ood_seg.plugin.file_control import settings
from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.plugin.driver import Driver


@pytest.fixture
def trained(driver: Driver) -> Driver:
    driver.add_image(two_halves())
    driver.paint_both()
    driver.session.rename_class(1, "Dark")
    driver.train()
    return driver


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Make the next file dialog answer, and note what it was asked."""

    def prepare(path: str, chosen: str = "") -> list[Any]:
        asked: list[Any] = []

        def dialog(*args: Any) -> tuple[str, str]:
            asked.append(args[1:])
            return path, chosen

        monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
        monkeypatch.setattr(QFileDialog, "getOpenFileName", dialog)
        return asked

    return prepare


def test_the_settings_are_not_the_users(tmp_path: Path) -> None:
    assert Path(settings().fileName()).is_relative_to(tmp_path)


def test_save_and_load_give_the_same_result(trained: Driver, tmp_path: Path) -> None:
    assert trained.session.result is not None
    before = trained.session.result.classes.copy()
    trained.panel.files.save(tmp_path / "m.oodseg")
    assert trained.message == ("saved m.oodseg", "info")
    trained.session.remove_class(1)
    trained.panel.files.load(tmp_path / "m.oodseg")
    trained.until(lambda: not trained.session.busy)
    assert [c.name for c in trained.session.classes] == ["Dark", "class 2"]
    np.testing.assert_array_equal(trained.session.result.classes, before)


def test_a_model_can_be_loaded_before_there_is_an_image(
    trained: Driver, tmp_path: Path
) -> None:
    trained.panel.files.save(tmp_path / "m.oodseg")
    trained.viewer.layers.clear()
    assert trained.session.source is None
    trained.panel.files.load(tmp_path / "m.oodseg")
    assert trained.session.model is not None
    assert not trained.session.busy


def test_save_without_a_model(driver: Driver, tmp_path: Path) -> None:
    driver.panel.files.save(tmp_path / "m.oodseg")
    assert driver.message == ("there is no model yet: train one", "warning")
    assert not (tmp_path / "m.oodseg").exists()


def test_export(trained: Driver, tmp_path: Path) -> None:
    trained.session.export(tmp_path / "out.tif")
    trained.until(lambda: not trained.session.busy)
    assert tifffile.imread(tmp_path / "out_classes.tif").shape == (64, 64)


def test_dialogs_save_then_load(
    trained: Driver, tmp_path: Path, answer: Callable[..., list[Any]]
) -> None:
    asked = answer(str(tmp_path / "mine"))
    trained.push("Save model...")
    assert (tmp_path / "mine.oodseg").is_file()
    assert asked[0][0] == "Save model"
    asked = answer(str(tmp_path / "mine.oodseg"))
    trained.push("Load model...")
    assert asked[0][1] == str(tmp_path)  # where the last file was
    trained.until(lambda: not trained.session.busy)
    assert trained.message[1] == "info"


@pytest.mark.parametrize(
    ("chosen", "written"),
    [
        ("OME-Zarr (*.zarr)", "out.zarr"),
        ("TIFF (*.tif)", "out_classes.tif"),
        ("", "out.zarr"),
    ],
)
def test_dialog_export(
    trained: Driver,
    tmp_path: Path,
    answer: Callable[..., list[Any]],
    chosen: str,
    written: str,
) -> None:
    answer(str(tmp_path / "out"), chosen)
    trained.push("Export...")
    trained.until(lambda: not trained.session.busy)
    assert trained.message[1] == "info", trained.message
    assert (tmp_path / written).exists()


def test_a_cancelled_dialog_does_nothing(
    trained: Driver, answer: Callable[..., list[Any]]
) -> None:
    before = trained.message
    for button in ("Save model...", "Load model...", "Export..."):
        assert len(answer("")) == 0
        trained.push(button)
    assert not trained.session.busy
    assert trained.message == before


def test_an_export_replaces_what_the_dialog_asked_about(
    trained: Driver, tmp_path: Path, answer: Callable[..., list[Any]]
) -> None:
    (tmp_path / "out.npz").write_text("the user agreed to lose this")
    answer(str(tmp_path / "out.npz"), "NumPy (*.npz)")
    trained.push("Export...")
    trained.until(lambda: not trained.session.busy)
    assert trained.message[1] == "info", trained.message
    with np.load(tmp_path / "out.npz") as written:
        assert written["classes"].shape == (64, 64)


@pytest.mark.parametrize(
    ("answered", "chosen", "there"),
    [
        ("out", "NumPy (*.npz)", "out.npz"),
        ("out.tif", "TIFF (*.tif)", "out_classes.tif"),
    ],
)
def test_an_export_replaces_nothing_else(
    trained: Driver,
    tmp_path: Path,
    answer: Callable[..., list[Any]],
    answered: str,
    chosen: str,
    there: str,
) -> None:
    (tmp_path / there).write_text("precious")
    answer(str(tmp_path / answered), chosen)
    trained.push("Export...")
    trained.until(lambda: not trained.session.busy)
    assert trained.message[1] == "error"
    assert "exists already" in trained.message[0]
    assert (tmp_path / there).read_text() == "precious"


class TestClassLists:
    def test_export_and_import(self, trained: Driver, tmp_path: Path) -> None:
        trained.session.move_class(2, -1)
        before = trained.session.classes
        for name in ("a.csv", "a.json"):
            trained.panel.files.export_classes(tmp_path / name)
            assert trained.message == (f"wrote {name}", "info")
            trained.session.rename_class(1, "Something else")
            trained.panel.files.import_classes(tmp_path / name)
            assert trained.session.classes == before
            assert trained.message == (f"read 2 classes from {name}", "info")

    def test_what_is_painted_stays(self, trained: Driver, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("id,name,color\n7,Fat,#112233\n2,Bright,#ffffff\n")
        before = trained.session.classes
        trained.panel.files.import_classes(path)
        assert trained.message == (
            "read 2 classes from a.csv; kept what is painted and not in it: Dark",
            "info",
        )
        names = [c.name for c in trained.session.classes]
        assert names == ["Fat", "Bright", "Dark"]
        np.testing.assert_allclose(trained.layer.colormap.map(2), [1, 1, 1, 1])
        trained.undo()
        assert trained.session.classes == before

    @pytest.mark.parametrize("text", ["", "id,name\n1,a\n", "id,name,color\n1,a,red\n"])
    def test_a_bad_file_changes_nothing(
        self, trained: Driver, tmp_path: Path, text: str
    ) -> None:
        path = tmp_path / "a.csv"
        path.write_text(text)
        before, undoable = trained.session.classes, trained.button("↶").toolTip()
        trained.panel.files.import_classes(path)
        message, kind = trained.message
        assert kind == "error"
        assert message.startswith("cannot read classes from 'a.csv' (")
        assert trained.session.classes == before
        assert trained.button("↶").toolTip() == undoable

    def test_a_folder_that_is_not_there(self, trained: Driver, tmp_path: Path) -> None:
        trained.panel.files.export_classes(tmp_path / "none" / "a.csv")
        assert trained.message[1] == "error"

    @pytest.mark.parametrize(
        ("name", "chosen", "written"),
        [
            ("a", "JSON (*.json)", "a.json"),
            ("a", "", "a.csv"),
            ("a.json", "Comma-separated values (*.csv)", "a.json"),
        ],
    )
    def test_dialogs(
        self,
        trained: Driver,
        answer: Callable[..., list[Any]],
        tmp_path: Path,
        name: str,
        chosen: str,
        written: str,
    ) -> None:
        answer(str(tmp_path / name), chosen)
        menu = trained.panel.classes_panel._more.menu()
        assert menu is not None
        read, write = menu.actions()[-2:]
        write.trigger()
        assert [p.name for p in tmp_path.glob("a*")] == [written]
        trained.session.rename_class(1, "Something else")
        answer(str(tmp_path / written))
        read.trigger()
        assert trained.session.classes[0].name == "Dark"

    def test_cancelled(
        self, trained: Driver, answer: Callable[..., list[Any]], tmp_path: Path
    ) -> None:
        before = trained.session.classes
        asked = answer("")
        panel = trained.panel.classes_panel
        panel.import_requested.emit()
        panel.export_requested.emit()
        assert len(asked) == 2
        assert trained.session.classes == before
