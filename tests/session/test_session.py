from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import EncoderError, ScribbleError
from napari_ood_seg.core.evaluation.protocol import audit
from napari_ood_seg.core.inference.view import View
from napari_ood_seg.core.types import MAX_CLASS_ID, UNLABELLED, ClassInfo, Progress
from napari_ood_seg.session.session import Session
from tests.contracts.owner import (
    PATIENCE_S,
    BrokenImage,
    GatedImage,
    InlineExecutor,
    Owner,
)
from tests.contracts.scenes import (
    LEFT,
    MIDDLE,
    RIGHT,
    assert_same_model,
    fit,
    strip,
    strokes,
    three_textures,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor
    from pathlib import Path

    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.session.result import Result

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
SIGNALS = (
    "image_changed",
    "classes_changed",
    "scribbles_changed",
    "live_changed",
    "busy_changed",
    "progressed",
    "model_changed",
    "result_started",
    "tile_done",
    "keep_changed",
    "config_changed",
    "message",
)


class Heard:
    """Everything that a session said, in order."""

    def __init__(self, session: Session) -> None:
        self.said: list[tuple[str, tuple[Any, ...]]] = []
        for name in SIGNALS:
            getattr(session, name).connect(self._ear(name))

    def _ear(self, name: str) -> Callable[..., None]:
        def hear(*args: Any) -> None:
            self.said.append((name, args))

        return hear

    def of(self, name: str) -> list[Any]:
        """Return what one signal said; a single argument is unpacked."""
        return [a[0] if len(a) == 1 else a for n, a in self.said if n == name]

    def names(self) -> list[str]:
        return [n for n, _ in self.said]


def model_of(session: Session) -> InstantModel:
    assert session.model is not None
    return session.model


def result_of(session: Session) -> Result:
    assert session.result is not None
    return session.result


def has_result(session: Session) -> bool:
    return session.result is not None


def is_busy(session: Session) -> bool:
    return session.busy


def ready(
    image: Any = None,
    *,
    executor: Executor | None = None,
    post: Callable[..., None] | None = None,
) -> tuple[Session, Heard]:
    """Return a session with an image and strokes of two classes."""
    session = Session(
        executor=executor or InlineExecutor(), post=post or (lambda call: call())
    )
    session.set_config(CONFIG)
    session.set_device("cpu")
    array = three_textures() if image is None else image
    session.set_image(ImageSource.from_array(array, axes="YXC", rgb=True))
    session.set_scribbles(strokes())
    return session, Heard(session)


# ------------------------------------------------------------------------ training


def test_train_tells_progress_model_and_tiles() -> None:
    session, heard = ready()
    session.train()
    names = heard.names()
    assert names[0] == "busy_changed"
    assert names[-2:] == ["busy_changed", "message"]
    assert heard.of("busy_changed") == [True, False]
    assert all(isinstance(p, Progress) for p in heard.of("progressed"))
    assert names.index("progressed") < names.index("model_changed")
    assert names.index("model_changed") < names.index("tile_done")
    assert names.index("result_started") < names.index("tile_done")
    assert names.count("model_changed") == names.count("result_started") == 1
    tiles = heard.of("tile_done")
    assert [(t.done, t.total) for t in tiles] == [(i, 6) for i in range(1, 7)]
    ((text, kind),) = heard.of("message")
    assert text.startswith("done in ")
    assert kind == "info"


def test_result_is_complete_and_right() -> None:
    session, _ = ready()
    session.train()
    assert session.model is not None
    expected = fit(three_textures(), config=CONFIG)
    assert_same_model_but_names(session)
    assert (result_of(session).classes != UNLABELLED).all()
    assert np.isfinite(result_of(session).typicality).all()
    np.testing.assert_allclose(
        result_of(session).typicality, expected.prediction.typicality, atol=0.01
    )
    assert (result_of(session).classes[LEFT] == 1).mean() > 0.99
    assert (result_of(session).labels(0.95)[RIGHT] == 255).mean() > 0.9


def assert_same_model_but_names(session: Session) -> None:
    assert session.model is not None
    plain = fit(three_textures(), session.scribbles, config=CONFIG).model
    np.testing.assert_array_equal(
        session.model.calibration.quantiles, plain.calibration.quantiles
    )
    assert session.model.classes == session.classes


def test_training_again_replaces_the_result_in_place() -> None:
    session, heard = ready()
    session.train()
    first = session.result
    session.paint(3, strip(30, RIGHT))
    session.train()
    assert session.result is first
    assert first is not None
    assert (first.classes[RIGHT] == 3).mean() > 0.9
    assert heard.names().count("result_started") == 1


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("train", "there is no image: open one, then choose it here"),
        ("predict", "there is no image: open one, then choose it here"),
    ],
)
def test_no_image(act: str, message: str) -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    heard = Heard(session)
    getattr(session, act)()
    assert heard.said == [("message", (message, "warning"))]
    assert not is_busy(session)


def test_no_scribbles() -> None:
    session, _ = ready()
    session.set_scribbles(Scribbles((64, 96)))
    heard = Heard(session)
    session.train()
    message = "there are no scribbles yet: paint a stroke on at least one class"
    assert heard.said == [("message", (message, "warning"))]


def test_no_model(tmp_path: Path) -> None:
    session, heard = ready()
    session.predict()
    session.export(tmp_path / "a.npz")
    message = "there is no model yet: train one or load one first"
    assert heard.said == [("message", (message, "warning"))] * 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("disk on fire"), "cannot read image 'image': disk on fire"),
        (MemoryError(), "out of memory: use a smaller image, or the CPU"),
        (
            RuntimeError("CUDA out of memory. Tried to allocate"),
            "out of memory: use a smaller image, or the CPU",
        ),
        (
            ZeroDivisionError("oh"),
            "something went wrong inside (ZeroDivisionError: oh); see the log",
        ),
    ],
    ids=["file", "memory", "CUDA", "bug"],
)
def test_a_failure_is_one_message(error: Exception, message: str) -> None:
    session, heard = ready(BrokenImage(three_textures(), error))
    session.train()
    assert heard.of("message") == [(message, "error")]
    assert heard.of("busy_changed") == [True, False]
    assert (session.model, session.result, session.busy) == (None, None, False)


def test_a_failure_leaves_the_last_model_and_result() -> None:
    session, heard = ready()
    session.train()
    model, result = session.model, session.result
    session.set_device("tpu")
    session.train()
    assert heard.of("message")[-1][1] == "error"
    assert session.model is model
    assert session.result is result
    session.set_device("cpu")
    session.train()
    assert heard.of("message")[-1][1] == "info"


# ---------------------------------------------------------------------------- live


def test_live_trains_after_every_stroke() -> None:
    session, heard = ready()
    session.set_live(True)
    assert heard.of("live_changed") == [True]
    assert heard.names().count("model_changed") == 1  # there are strokes already
    session.paint(3, strip(30, RIGHT))
    assert heard.names().count("model_changed") == 2
    assert model_of(session).class_ids == (1, 2, 3)
    session.paint(0, strip(30, RIGHT))  # erased again
    assert model_of(session).class_ids == (1, 2)
    session.stop()
    assert heard.of("live_changed") == [True, False]
    session.paint(3, strip(30, RIGHT))
    assert heard.names().count("model_changed") == 3


def test_live_without_strokes_waits() -> None:
    session, _ = ready()
    session.set_scribbles(Scribbles((64, 96)))
    heard = Heard(session)
    session.set_live(True)
    session.set_live(True)
    assert heard.said == [("live_changed", (True,)), ("result_started", ())]
    assert not result_of(session).classes.any()  # made, and still empty
    session.paint(1, strip(30, LEFT))
    assert heard.names().count("model_changed") == 1


def test_live_follows_the_settings() -> None:
    session, heard = ready()
    session.set_live(True)
    session.set_config(InstantConfig(filters=FilterConfig(sigmas=(1.0,))))
    assert heard.names().count("model_changed") == 2


def test_an_undone_stroke_gives_the_model_back() -> None:
    session, _ = ready()
    session.set_live(True)
    before, first = session.scribbles, session.model
    session.paint(1, strip(20, LEFT))
    session.set_scribbles(before)
    assert first is not None
    assert session.model is not None
    assert_same_model(session.model, first)


# ------------------------------------------------------------------------- threads


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1, thread_name_prefix="job") as pool:
        yield pool


class Threaded:
    """A session whose job runs on a thread and waits at the gate of its image."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.owner = Owner()
        self.image = GatedImage(three_textures())
        self.session, self.heard = ready(
            self.image, executor=pool, post=self.owner.post
        )
        self.session.train()
        assert self.image.entered.wait(PATIENCE_S)

    def finish(self) -> None:
        """Let the worker run to the end, then deliver all that it posted."""
        self.image.gate.set()
        self.pool.submit(lambda: None).result(PATIENCE_S)
        self.owner.run_waiting()


@pytest.fixture
def running(pool: ThreadPoolExecutor) -> Threaded:
    return Threaded(pool)


def test_a_job_runs_beside_the_owner(running: Threaded) -> None:
    assert is_busy(running.session)
    running.finish()
    assert not is_busy(running.session)
    assert running.heard.names().count("tile_done") == 6


def test_a_second_train_replaces_the_first(running: Threaded) -> None:
    session, heard = running.session, running.heard
    session.paint(3, strip(30, RIGHT))
    session.train()
    running.finish()
    assert heard.names().count("model_changed") == 1
    assert model_of(session).class_ids == (1, 2, 3)
    assert heard.names().count("tile_done") == 6
    assert len(heard.of("message")) == 1
    assert heard.of("busy_changed") == [True, False]


def test_many_live_strokes_end_with_the_last(running: Threaded) -> None:
    session, heard = running.session, running.heard
    session.set_live(True)
    for row in range(30, 45, 3):
        session.paint(3, strip(row, RIGHT))
    running.finish()
    assert heard.names().count("model_changed") == 1
    assert model_of(session).facts["n_strokes"] == 11


def test_stop(running: Threaded) -> None:
    session, heard = running.session, running.heard
    session.stop()
    running.finish()
    assert heard.of("message") == [("stopped", "info")]
    assert heard.of("busy_changed") == [True, False]
    assert session.model is None
    assert not has_result(session)
    session.train()
    running.finish()
    assert (result_of(session).classes != UNLABELLED).all()


def test_another_image_during_a_job(running: Threaded) -> None:
    session, heard = running.session, running.heard
    session.set_image(ImageSource.from_array(np.zeros((9, 9, 3), np.uint8)))
    assert not is_busy(session)
    before = len(heard.said)
    running.finish()
    assert len(heard.said) == before
    assert (session.model, session.result) == (None, None)


def test_tiles_of_the_old_image_that_are_on_their_way() -> None:
    """The job is done, but the owner hears of it after choosing another image."""
    owner = Owner()
    session, heard = ready(post=owner.post)
    session.train()
    session.set_image(ImageSource.from_array(three_textures(seed=1)))
    before = len(heard.said)
    assert owner.run_waiting() > 6
    assert len(heard.said) == before
    assert not has_result(session)
    assert not is_busy(session)
    session.set_scribbles(strokes())
    session.train()
    owner.run_waiting()
    assert (result_of(session).classes != UNLABELLED).all()


def test_close_during_a_job(running: Threaded) -> None:
    session, heard = running.session, running.heard
    before = len(heard.said)
    session.close()
    running.image.gate.set()
    running.pool.shutdown(wait=True)
    running.owner.run_waiting()
    assert len(heard.said) == before
    session.close()


def test_events_on_their_way_when_closed() -> None:
    owner = Owner()
    session, heard = ready(post=owner.post)
    session.train()
    before = len(heard.said)
    session.close()
    owner.run_waiting()
    assert len(heard.said) == before


def test_call_owner_runs_until_closed() -> None:
    owner = Owner()
    session, _ = ready(post=owner.post)
    done: list[int] = []
    session.call_owner(lambda: done.append(1))
    assert done == []
    owner.run_waiting()
    session.call_owner(lambda: done.append(2))
    session.close()
    session.call_owner(lambda: done.append(3))
    owner.run_waiting()
    assert done == [1]


# ----------------------------------------------------------------- image and planes


def test_another_image_keeps_model_and_live_mode() -> None:
    session, heard = ready()
    session.set_live(True)
    model = session.model
    session.set_image(ImageSource.from_array(three_textures(seed=5)))
    assert session.model is model
    assert session.live
    assert not has_result(session)
    assert session.scribbles.strokes == ()
    assert heard.names()[-2:] == ["image_changed", "scribbles_changed"]
    session.predict()
    assert (result_of(session).classes[MIDDLE] == 2).mean() > 0.95


def test_no_image_again() -> None:
    session, _ = ready()
    session.set_live(True)
    session.set_image(None)
    assert not session.live
    assert (session.source, session.plane, session.result) == (None, (), None)
    assert session.scribbles.shape == (0, 0)


def stack() -> ImageSource:
    planes = [three_textures(seed=i) for i in range(2)]
    return ImageSource.from_array(np.stack(planes), axes="ZYXC", rgb=True)


def test_another_plane() -> None:
    session, _ = ready()
    session.set_image(stack())
    assert session.plane == (0,)
    for stroke in strokes().strokes:
        session.paint(stroke.class_id, stroke.coords)
    assert {s.plane for s in session.scribbles.strokes} == {(0,)}
    heard = Heard(session)
    session.train()
    session.set_plane((0,))
    first = session.result
    session.set_plane((1,))  # was predicted ahead
    assert heard.names().count("result_started") == 2
    assert result_of(session) is not first
    assert (result_of(session).classes[LEFT] == 1).mean() > 0.95
    session.set_plane((0,))
    assert result_of(session) is first


def test_live_predicts_another_plane() -> None:
    session, _ = ready()
    session.set_image(stack())
    for stroke in strokes().strokes:
        session.paint(stroke.class_id, stroke.coords)
    session.set_live(True)
    session.set_plane((1,))
    assert (result_of(session).classes != UNLABELLED).all()


def test_tiles_of_a_plane_that_is_no_longer_shown() -> None:
    owner = Owner()
    session, heard = ready(post=owner.post)
    session.set_image(stack())
    for stroke in strokes().strokes:
        session.paint(stroke.class_id, stroke.coords)
    session.train()
    session.set_plane((1,))
    owner.run_waiting()
    assert session.model is not None
    assert {t.plane for t in heard.of("tile_done")} == {(1,)}
    assert (result_of(session).classes[LEFT] == 1).mean() > 0.95


# ------------------------------------------------------------------ classes, strokes


def test_classes_get_free_ids_names_and_colours() -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    first, second = session.add_class(), session.add_class("Fat", "#123456")
    assert (first.id, first.name) == (1, "class 1")
    assert (second.id, second.name, second.color) == (2, "Fat", "#123456")
    session.remove_class(1)
    third = session.add_class()
    assert third.id == 1
    assert third.color != second.color
    assert session.classes == (second, third)  # in the order of adding


def test_there_is_an_end_of_classes() -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    session.set_classes(
        tuple(
            ClassInfo(id=i, name=str(i), color="#000000")
            for i in range(1, MAX_CLASS_ID + 1)
        )
    )
    with pytest.raises(ScribbleError, match="at most 254 classes"):
        session.add_class()


def test_rename_and_recolour_touch_one_class() -> None:
    session, heard = ready()
    one, two = session.classes
    session.rename_class(1, "  Liver ")
    session.recolor_class(1, "#010203")
    session.rename_class(1, "  ")
    assert session.classes == (ClassInfo(id=1, name="Liver", color="#010203"), two)
    assert heard.names() == ["classes_changed"] * 2
    assert one.id == 1


def test_painting_a_class_that_has_no_name() -> None:
    session, heard = ready()
    session.paint(9, [(1, 1)])
    assert [c.id for c in session.classes] == [1, 2, 9]
    assert session.classes[-1].name == "class 9"
    assert heard.names() == ["classes_changed", "scribbles_changed"]
    colours = [c.color for c in session.classes]
    assert len(set(colours)) == 3


def test_removing_a_class_removes_its_strokes() -> None:
    session, heard = ready()
    session.remove_class(1)
    assert [c.id for c in session.classes] == [2]
    assert session.scribbles.class_ids == (2,)
    assert heard.names() == ["classes_changed", "scribbles_changed"]


def test_removing_a_class_trains_when_live() -> None:
    session, _ = ready()
    session.set_live(True)
    session.remove_class(1)
    assert model_of(session).class_ids == (2,)
    assert (result_of(session).classes == 2).all()
    session.remove_class(2)  # nothing is left to train on
    assert model_of(session).class_ids == (2,)


def test_a_merge_and_its_undo_train_when_live() -> None:
    session, heard = ready()
    session.set_live(True)
    session.merge_classes(1, 2)
    assert model_of(session).class_ids == (2,)
    session.undo()
    assert model_of(session).class_ids == (1, 2)
    session.move_class(2, -1)  # an order is nothing to learn
    assert heard.names().count("model_changed") == 3


def test_the_order_of_the_table_is_not_that_of_the_model() -> None:
    session, _ = ready()
    session.move_class(2, -1)
    session.train()
    assert [c.id for c in session.classes] == [2, 1]
    assert model_of(session).class_ids == (1, 2)
    assert (result_of(session).classes[LEFT] == 1).mean() > 0.99


def test_another_image_leaves_nothing_to_undo() -> None:
    session, _ = ready()
    session.rename_class(1, "Liver")
    session.set_image(stack())
    assert session.undo() is None
    assert session.classes[0].name == "Liver"


def test_classes_that_are_not_painted_are_not_trained() -> None:
    session, _ = ready()
    session.add_class("never painted")
    session.train()
    assert model_of(session).class_ids == (1, 2)


# ----------------------------------------------------------------- result, model, file


def test_keep_is_told_and_moves_nothing_else() -> None:
    session, heard = ready()
    session.set_keep(0.8)
    assert heard.said == [("keep_changed", (0.8,))]
    assert session.keep == 0.8
    session.set_keep(0.8)
    assert len(heard.said) == 1


class TestUndoOfChoices:
    def test_moves_that_follow_each_other_are_one_step(self) -> None:
        session, _ = ready()
        for keep in (0.94, 0.9, 0.85):
            session.set_keep(keep)
        session.end_keep()
        session.set_keep(0.7)
        edit = session.undo()
        assert edit is not None
        assert edit.what == "keep 70.0% of the scribbles"
        assert session.keep == 0.85
        session.undo()
        assert session.keep == 0.95
        assert session.undo() is None
        session.redo()
        assert session.keep == 0.85
        session.redo()
        assert session.keep == 0.7
        assert session.redo() is None

    def test_a_move_and_back_is_nothing(self) -> None:
        session, _ = ready()
        session.set_keep(0.8)
        session.end_keep()
        for keep in (0.7, 0.8, 0.75):
            session.set_keep(keep)
        session.undo()
        assert session.keep == 0.8
        session.undo()
        assert session.keep == 0.95

    def test_in_one_order_with_classes_and_strokes(self) -> None:
        session, _ = ready()
        classes, first = session.classes, session.scribbles
        session.set_keep(0.9)
        session.rename_class(1, "Liver")
        session.set_keep(0.8)
        session.paint(1, [(0, 0)])
        second = session.scribbles
        session.set_keep(0.7)
        session.undo()
        assert session.keep == 0.8
        assert session.undo() is None  # the stroke is next
        session.set_scribbles(first, again=True)  # as the label image does
        session.undo()
        assert (session.keep, session.classes[0].name) == (0.9, "Liver")
        session.undo()
        assert (session.keep, session.classes) == (0.9, classes)
        session.undo()
        assert session.keep == 0.95
        for _ in range(3):
            session.redo()
        assert (session.keep, session.classes[0].name) == (0.8, "Liver")
        session.set_scribbles(second, again=True)
        session.redo()
        assert session.keep == 0.7

    def test_strokes_that_come_back_bring_it_back(self) -> None:
        session, _ = ready()
        painted = session.scribbles
        session.merge_classes(1, 2)
        session.set_keep(0.8)
        session.set_config(replace(CONFIG, smoothing=3.0))
        session.set_scribbles(painted, again=True)
        assert (session.keep, session.config) == (0.95, CONFIG)

    def test_settings(self) -> None:
        session, heard = ready()
        changed = replace(CONFIG, smoothing=3.0)
        session.set_config(replace(CONFIG, smoothing=2.0))
        session.set_config(changed)
        session.set_config(replace(changed, distance=1.0))
        edit = session.undo()
        assert edit is not None
        assert edit.what == "change Distance"
        assert session.config == changed
        assert heard.said[-1] == ("config_changed", (changed,))
        session.undo()
        assert session.config == CONFIG

    def test_live_trains_again(self) -> None:
        session, _ = ready()
        session.set_live(live=True)
        session.set_config(replace(CONFIG, smoothing=3.0))
        session.undo()
        assert model_of(session).config == CONFIG


def test_a_loaded_model_brings_its_classes() -> None:
    session, heard = ready()
    model = fit(three_textures(), strokes(2, 3), config=CONFIG).model
    painted = session.classes[0]
    session.set_model(model)
    assert session.classes == (*model.classes, painted)
    assert heard.names() == ["classes_changed", "model_changed"]
    session.predict()
    assert (result_of(session).classes[RIGHT] == 3).mean() > 0.9


def test_a_model_for_other_channels_is_one_message() -> None:
    session, heard = ready()
    spectral = fit(three_textures(12), axes="YXC", config=CONFIG).model
    session.set_model(spectral)
    session.predict()
    ((text, kind),) = heard.of("message")
    assert text.startswith("the model was trained on 12 channels but the image")
    assert kind == "error"
    assert not has_result(session)


@pytest.mark.parametrize("name", ["a.npz", "a.ome.zarr", "a.tif"])
def test_export_writes(tmp_path: Path, name: str) -> None:
    session, heard = ready()
    session.train()
    session.export(tmp_path / name)
    assert list(tmp_path.iterdir())
    assert heard.of("message")[-2] == (f"wrote {name}", "info")
    assert not is_busy(session)


def test_exported_labels_follow_the_threshold(tmp_path: Path) -> None:
    session, _ = ready()
    session.train()
    session.set_keep(0.8)
    session.export(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as archive:
        np.testing.assert_array_equal(
            archive["classes"], result_of(session).labels(0.8)
        )


def test_export_does_not_overwrite_what_is_not_ours(tmp_path: Path) -> None:
    session, heard = ready()
    session.train()
    path = tmp_path / "a.npz"
    path.write_text("precious")
    session.export(path)
    assert heard.of("message")[-1][1] == "error"
    assert path.read_text() == "precious"
    session.export(path, overwrite=True)
    assert heard.of("message")[-2] == ("wrote a.npz", "info")


LOWER_RIGHT = View(region=(slice(33, 64), slice(65, 96)))


def test_what_is_in_view_comes_first_and_the_rest_when_there_is_time() -> None:
    session, heard = ready()
    session.set_view(LOWER_RIGHT)
    session.train()
    assert [t.region for t in heard.of("tile_done")] == [(slice(32, 64), slice(64, 96))]
    assert all(t.seen for t in heard.of("tile_done"))
    classes = result_of(session).classes
    assert (classes[32:, 64:] > 0).all()
    assert (classes[:32] == UNLABELLED).all()
    assert not is_busy(session)
    session.predict_ahead()
    assert (result_of(session).classes > 0).all()
    assert [t.seen for t in heard.of("tile_done")][1:] == [False] * 5
    whole = result_of(session).classes
    session.set_view(None)
    session.train()
    np.testing.assert_array_equal(result_of(session).classes, whole)


def test_another_view_is_filled_without_training() -> None:
    session, heard = ready()
    session.set_view(LOWER_RIGHT)
    session.train()
    model = session.model
    session.set_view(View(region=(slice(0, 20), slice(0, 20))))
    assert session.model is model
    assert (result_of(session).classes[:32, :32] > 0).all()
    n = len(heard.of("tile_done"))
    session.set_view(LOWER_RIGHT)  # is there already
    assert len(heard.of("tile_done")) == n


def test_nothing_is_predicted_for_a_view_once_stopped() -> None:
    session, heard = ready()
    session.set_view(LOWER_RIGHT)
    session.train()
    session.stop()
    session.set_view(View(region=(slice(0, 20), slice(0, 20))))
    session.predict_ahead()
    assert len(heard.of("tile_done")) == 1


def test_nothing_is_done_ahead_while_somebody_paints() -> None:
    session, heard = ready()
    session.set_view(LOWER_RIGHT)
    session.train()
    session.set_painting(True)
    session.predict_ahead()
    assert len(heard.of("tile_done")) == 1
    session.set_painting(False)
    session.predict_ahead()
    assert len(heard.of("tile_done")) == 6


def test_another_model_leaves_nothing_of_the_old_result_out_of_view() -> None:
    session, _ = ready()
    session.train()
    assert (result_of(session).classes > 0).all()
    session.set_view(LOWER_RIGHT)
    session.train()
    shown = result_of(session).classes > 0
    assert shown[32:, 64:].all()
    assert not shown[:32].any()
    assert not shown[:, :64].any()


# ------------------------------------------------------------------------ audit


def test_audit_tells_the_same_as_the_api() -> None:
    session, heard = ready()
    told: list[Any] = []
    session.audited.connect(told.append)
    session.audit()
    assert session.source is not None
    expected = audit(session.source, session.scribbles, config=CONFIG, device="cpu")
    assert [c.auroc for c in told[0].classes] == [c.auroc for c in expected.classes]
    assert told[0].confusion == expected.confusion
    assert not has_result(session)  # an audit shows nothing on the image
    assert heard.of("message")[-1][1] == "info"


def test_an_audit_needs_two_classes() -> None:
    session, heard = ready()
    session.remove_class(session.classes[-1].id)
    session.audit()
    ((text, kind),) = heard.of("message")
    assert kind == "error"
    assert "class" in text


def test_an_audit_needs_scribbles() -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    heard = Heard(session)
    session.audit()
    assert heard.of("message")[0][1] == "warning"


# ----------------------------------------------------------------------- memory


def test_memory_bounds_what_is_kept() -> None:
    session, heard = ready()
    session.set_memory(0.25)
    session.train()
    assert {t.budget for t in heard.of("tile_done")} == {2**28}
    assert heard.of("tile_done")[-1].kept > 0


def test_another_plane_while_training_trains_on() -> None:
    owner = Owner()
    session, _ = ready(post=owner.post)
    session.set_image(stack())
    for stroke in strokes().strokes:
        session.paint(stroke.class_id, stroke.coords)
    session.train()
    owner.run_waiting()
    first = session.model
    session.paint(1, [(5, 5)])
    session.train()
    session.set_plane((1,))  # before the job has told of a model
    owner.run_waiting()
    assert session.model is not first
    assert session.result is not None
    assert (session.result.classes > 0).all()


def test_removing_an_image_frees_its_features() -> None:
    session, heard = ready()
    session.train()
    assert session._workshop._stores()
    session.set_image(None)
    session.set_images(())
    assert session._workshop._stores() == {}
    assert [kind for _, kind in heard.of("message") if kind == "error"] == []


def coming(*steps: Progress | Exception) -> Callable[[str], Iterator[Progress]]:
    """Return a download that takes these steps."""

    def download(name: str) -> Iterator[Progress]:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            yield step

    return download


DOWNLOAD = "napari_ood_seg.core.io.download.download"


def test_an_encoder_is_downloaded_as_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [Progress(done=i, total=3, stage="downloading") for i in range(4)]
    monkeypatch.setattr(DOWNLOAD, coming(*steps))
    session, heard = ready()
    told: list[str] = []
    session.encoder_ready.connect(told.append)
    session.download_encoder("owner/tiny")
    assert told == ["owner/tiny"]
    assert heard.of("progressed") == steps
    assert session.config.encoder == ""  # whoever asked uses it
    assert session.result is None
    assert not is_busy(session)


def test_why_a_download_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EncoderError("the hub cannot be reached: check the connection")
    monkeypatch.setattr(DOWNLOAD, coming(broken))
    session, heard = ready()
    told: list[str] = []
    session.encoder_ready.connect(told.append)
    session.download_encoder("owner/tiny")
    assert heard.of("message")[-1] == (str(broken), "error")
    assert told == []


def test_cancelling_leaves_live_mode_on(running: Threaded) -> None:
    running.session.live = True
    running.session.cancel()
    running.finish()
    assert running.session.live


def test_which_encoders_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "napari_ood_seg.core.io.hub.is_on_disk", lambda name: name == "a/b"
    )
    session, _ = ready()
    found: list[frozenset[str]] = []
    session.encoders_found.connect(found.append)
    session.look_for_encoders(["a/b", "c/d"])
    assert found == [{"a/b"}]
