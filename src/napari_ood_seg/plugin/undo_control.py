"""Undo and redo: strokes and edits in the order they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.classes import ClassesPanel
    from napari_ood_seg.plugin.strokes import StrokeTracker
    from napari_ood_seg.session.edits import Edit
    from napari_ood_seg.session.history import Step
    from napari_ood_seg.session.session import Session

STROKE = "the last stroke"
ELSEWHERE = "a stroke that lies outside of what you see has changed"


class UndoControl(QObject):
    """Undoes what came last, wherever its history is.

    Strokes are undone by napari, on the layer; so are edits that painted. What napari
    has forgotten is undone by the tracker. Other edits are undone by the session.

    Parameters
    ----------
    panel
        Has the buttons.
    session
        Knows the edits of classes, threshold and settings.
    images
        Knows the scribbles layer.
    """

    def __init__(
        self, panel: ClassesPanel, session: Session, images: ImageControl
    ) -> None:
        super().__init__()
        self._panel = panel
        self._session = session
        self._images = images
        panel.undo_requested.connect(self.undo)
        panel.redo_requested.connect(self.redo)
        session.classes_changed.connect(self._show)
        session.scribbles_changed.connect(self._show)
        session.keep_changed.connect(self._show)
        session.config_changed.connect(self._show)
        images.changed.connect(self._show)
        self._show()

    def close(self) -> None:
        """Stop following."""
        self._session.classes_changed.disconnect(self._show)
        self._session.scribbles_changed.disconnect(self._show)
        self._session.keep_changed.disconnect(self._show)
        self._session.config_changed.disconnect(self._show)
        self._images.changed.disconnect(self._show)

    def undo(self, _key: str = "") -> None:
        """Undo the last stroke or the last edit."""
        tracker = self._up_to_date()
        session = self._session
        edit = session.edits.undoable(session.scribbles)
        if tracker is not None and _by_layer(edit, tracker.history.last):
            self._by_napari(tracker.layer.undo, tracker.undo, tracker)
        elif edit is not None:
            self._by_session(session.undo, tracker)
        self._tell("undone", edit)

    def redo(self, _key: str = "") -> None:
        """Do again what was undone last."""
        tracker = self._up_to_date()
        session = self._session
        edit = session.edits.redoable(session.scribbles)
        if tracker is not None and _by_layer(edit, tracker.history.next):
            self._by_napari(tracker.layer.redo, tracker.redo, tracker)
        elif edit is not None:
            self._by_session(session.redo, tracker)
        self._tell("done again", edit)

    def _up_to_date(self) -> StrokeTracker | None:
        tracker = self._images.tracker
        if tracker is not None:
            tracker.catch_up()
        return tracker

    def _by_napari(
        self,
        command: Callable[[], object],
        instead: Callable[[], Step | None],
        tracker: StrokeTracker,
    ) -> None:
        """Have napari do it; it cannot once the layer has covered another place."""
        before = self._session.scribbles
        command()
        tracker.catch_up()
        if self._session.scribbles is before:  # perhaps painted before we came
            tracker.sync()
        if self._session.scribbles is before:
            step, view = instead(), self._session.view
            if step is not None and view is not None and not view.overlaps(step.region):
                self._session.message.emit(ELSEWHERE, "info")

    def _by_session(
        self, command: Callable[[], object], tracker: StrokeTracker | None
    ) -> None:
        before = self._session.scribbles
        command()
        if tracker is not None:  # its layer was made anew, so napari cannot
            tracker.rewrite(before)

    def _tell(self, done: str, edit: Edit | None) -> None:
        self._show()
        if edit is not None:
            self._session.message.emit(f"{done}: {edit.what}", "info")

    def _show(self) -> None:
        session, tracker = self._session, self._images.tracker
        self._panel.set_history(
            _what(
                session.edits.undoable(session.scribbles),
                None if tracker is None else tracker.history.last,
            ),
            _what(
                session.edits.redoable(session.scribbles),
                None if tracker is None else tracker.history.next,
            ),
        )


def _by_layer(edit: Edit | None, step: Step | None) -> bool:
    """Whether napari has to do it: a stroke, or an edit that painted."""
    if edit is None:
        return True
    return step is not None and edit.painted and _same(edit, step)


def _same(edit: Edit, step: Step) -> bool:
    return step.before is edit.before.scribbles and step.after is edit.after.scribbles


def _what(edit: Edit | None, step: Step | None) -> str:
    if edit is not None:
        return edit.what
    return "" if step is None else STROKE
