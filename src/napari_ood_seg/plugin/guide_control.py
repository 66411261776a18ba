"""Next unknown, new classes from suggestions, and strokes in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR, next_color
from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.core.types import UNKNOWN, UNLABELLED
from napari_ood_seg.plugin.look import look_at, show_stroke, take_away
from napari_ood_seg.plugin.panels.areas import percent
from napari_ood_seg.plugin.panels.pick_list import PickRow
from napari_ood_seg.session.guide import Guide

if TYPE_CHECKING:
    from napari.layers import Layer, Points
    from napari.viewer import Viewer

    from napari_ood_seg.core.guidance.doubts import Doubt
    from napari_ood_seg.core.guidance.groups import Group, Region
    from napari_ood_seg.plugin.class_control import ClassControl
    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.guide import GuidePanel
    from napari_ood_seg.session.session import Session


class GuideControl(QObject):
    """Connects the guide panel with session, camera and scribbles.

    Parameters
    ----------
    viewer
        Its camera is moved.
    panel
        Asks and shows.
    session
        Runs the search as a job.
    images
        Knows the scribbles layer.
    classes
        Selects a new class.
    """

    def __init__(
        self,
        viewer: Viewer,
        panel: GuidePanel,
        session: Session,
        images: ImageControl,
        classes: ClassControl,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._session = session
        self._images = images
        self._classes = classes
        self.guide = Guide(session)
        self.here: Region | None = None
        self._offered: Region | None = None
        self._preview: Points | None = None
        self._jump = False
        panel.next_requested.connect(self.go_next)
        panel.check_requested.connect(self.check)
        panel.group_picked.connect(self._on_group)
        panel.class_requested.connect(self.offer)
        panel.class_confirmed.connect(self.confirm)
        panel.class_cancelled.connect(self.cancel)
        panel.doubt_picked.connect(self._on_doubt)
        panel.delete_requested.connect(self.delete)
        self.guide.changed.connect(self._show)
        session.guided.connect(self._on_guided)
        session.busy_changed.connect(self._on_busy)
        session.painting_changed.connect(self._on_painting)
        session.classes_changed.connect(self._show)
        images.layer_removed.connect(self._on_layer_removed)
        self._show()

    def close(self) -> None:
        """Stop following, and take a suggested stroke away."""
        self.guide.changed.disconnect(self._show)
        self._session.guided.disconnect(self._on_guided)
        self._session.busy_changed.disconnect(self._on_busy)
        self._session.painting_changed.disconnect(self._on_painting)
        self._session.classes_changed.disconnect(self._show)
        self._images.layer_removed.disconnect(self._on_layer_removed)
        self.guide.close()
        take_away(self._viewer, self._preview)

    def go_next(self, _: object = None) -> None:
        """Go to the next region; look for regions first, if nobody has yet."""
        if self._session.painting:
            return
        if self._session.busy:
            self._session.message.emit("wait until the job has ended", "info")
        elif self.guide.ready:
            self._visit(self.guide.next())
        else:
            self._jump = True
            self._session.guide()

    def check(self) -> None:
        """Look for doubtful strokes, and for regions, again."""
        if self._images.tracker is not None:
            self._images.tracker.sync()
        self._jump = False
        self._session.guide()

    def offer(self, group: int) -> None:
        """Show a stroke for a group, and ask how the class is called."""
        image, source = self._images.image, self._session.source
        if image is None or source is None or group >= len(self.guide.groups):
            return
        regions = self.guide.groups[group].regions
        self.cancel()
        self._offered = self.here if self.here in regions else regions[0]
        self._go_to(self._offered)
        color = next_color({c.color for c in self._session.classes})
        stroke = self._offered.stroke
        self._preview = show_stroke(self._viewer, image, source, stroke, color)
        self._panel.set_naming(f"class {len(self._session.classes) + 1}")

    def confirm(self, name: str) -> None:
        """Add a class and paint the stroke that is shown, as one step of undo."""
        region, tracker = self._offered, self._images.tracker
        self.cancel()
        if region is None or tracker is None:
            return
        try:
            added = self._session.add_class(name)
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
            return
        self._classes.select(added.id)
        tracker.paint(self._session.plane, region.stroke, added.id)

    def cancel(self, *, soon: bool = False) -> None:
        """Take the suggested stroke away, see `take_away`."""
        preview, self._preview, self._offered = self._preview, None, None
        take_away(self._viewer, preview, soon=soon)
        self._panel.set_naming(None)

    def delete(self, row: int) -> None:
        """Erase a doubtful stroke; undo brings it back."""
        tracker = self._images.tracker
        stroke = self.guide.stroke(self.guide.doubts[row].stroke_id)
        if tracker is not None and stroke is not None:
            tracker.paint(stroke.plane, stroke.coords, UNLABELLED)

    def _on_guided(self, _: object) -> None:
        if self._jump:
            self._jump = False
            self._visit(self.guide.next())

    def _on_group(self, row: int) -> None:
        self._visit(self.guide.next(row))

    def _visit(self, region: Region | None) -> None:
        if region is None:
            self._session.message.emit(self._nothing(), "info")
            return
        self.here = region
        self._panel.set_current_group(region.group)
        self._go_to(region)

    def _nothing(self) -> str:
        """Say why there is no further region."""
        if self.guide.is_part:
            return (
                "nothing is left to look at around here: go elsewhere on the image and "
                "press Check scribbles"
            )
        if self.guide.groups:
            return "nothing is left to look at: all was visited until the next training"
        return "nothing in this image is unlike your classes"

    def _go_to(self, place: Region | Doubt) -> None:
        layer = self._images.scribbles
        if layer is not None:
            plane = getattr(place, "plane", self._session.plane)
            look_at(self._viewer, layer, plane, place.point, place.box)

    def _on_doubt(self, row: int) -> None:
        self._go_to(self.guide.doubts[row])

    def _on_busy(self, busy: bool) -> None:
        self._panel.set_running(busy)
        if not busy:
            self._jump = False

    def _on_painting(self, painting: bool) -> None:
        """Who has begun to paint is not taken elsewhere when the regions are there."""
        if painting:
            self._jump = False

    def _on_layer_removed(self, layer: Layer) -> None:
        if layer is self._preview:
            self._preview = None
            self.cancel()

    def _show(self) -> None:
        """Show what the guide knows."""
        if not self.guide.ready:
            self.here = None
            self.cancel(soon=True)
        self._panel.set_groups([self._group_row(g) for g in self.guide.groups])
        self._panel.set_doubts([self._doubt_row(d) for d in self.guide.doubts])
        self._panel.set_current_group(-1 if self.here is None else self.here.group)
        self._panel.set_note(self._note())

    def _note(self) -> str:
        if not self.guide.ready:
            return ""
        n, seen = len(self.guide.regions), len(self.guide.visited)
        if n == 0:
            return f"Nothing here is unlike your classes.{self._looked()}"
        doubts = len(self.guide.doubts)
        words = "no stroke" if not doubts else f"{doubts} stroke{'s'[: doubts > 1]}"
        return f"Visited {seen} of {n} places; {words} in doubt.{self._looked()}"

    def _looked(self) -> str:
        """Say where was looked, if not everywhere."""
        if self.guide.part is None or not self.guide.is_part:
            return ""
        rows, columns = (s.stop - s.start for s in self.guide.part)
        return f" Looked at {columns:,} x {rows:,} pixels around the view."

    def _group_row(self, group: Group) -> PickRow:
        near = self._class(group.near)
        number = group.regions[0].group + 1
        unknown = group.kind == "unknown"
        seen = sum(r.point in self.guide.visited for r in group.regions)
        name = f"Unknown {number}" if unknown else f"Unsure {number}"
        return PickRow(
            color=UNKNOWN_COLOR if unknown else near[1],
            cells=(
                f"{name}, taken for {near[0]}",
                percent(group.share),
                f"{seen}/{len(group.regions)}",
            ),
            tip=(
                f"{name}: {percent(group.share)} of the image, {seen} of "
                f"{len(group.regions)} places visited, would be called {near[0]}."
                " Click to go to the next place."
            ),
        )

    def _doubt_row(self, doubt: Doubt) -> PickRow:
        name, color = self._class(doubt.class_id)
        other, _ = self._class(doubt.looks_like)
        how = "by a model without it" if doubt.held_out else "though it was learned"
        return PickRow(
            color=color,
            cells=(f"{name}: looks {'' if other == 'unknown' else 'like '}{other}",),
            tip=(
                f"A stroke of {name}: {doubt.agreement:.0%} of it would be called"
                f" {name} {how}; typicality {doubt.typicality:.2f}."
                " Click to go there, Delete to remove it."
            ),
        )

    def _class(self, class_id: int) -> tuple[str, str]:
        """Return name and colour of a class."""
        if class_id == UNKNOWN:
            return "unknown", UNKNOWN_COLOR
        for info in self._session.classes:
            if info.id == class_id:
                return info.name, info.color
        return f"class {class_id}", UNKNOWN_COLOR
