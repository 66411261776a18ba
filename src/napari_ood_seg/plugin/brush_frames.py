"""Draws anew, of the canvas, only what a brush has touched; results in parts."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.components.overlays import BrushCircleOverlay
from qtpy.QtCore import QObject, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from vispy.gloo import gl
from vispy.scene.visuals import VisualNode

from napari_ood_seg.plugin.camera import drawer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from napari.layers import Labels
    from napari.viewer import Viewer
    from qtpy.QtGui import QImage

    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.overlays import Overlays
    from napari_ood_seg.session.session import Session

    Box = npt.NDArray[np.float64]
    Node = Any  # vispy is untyped

_KEEP: Final = QOpenGLWidget.UpdateBehavior.PartialUpdate
_FORGET: Final = QOpenGLWidget.UpdateBehavior.NoPartialUpdate

_AROUND: Final = 2
"""Pixels of the image around painted ones that may look different: contours."""

_EDGE: Final = 3
"""Pixels of the screen around a box: the width of a line, and rounding."""

_PARTS: Final = 2
"""Of the canvas, one after the other, if a processor draws it; for new results."""

_WAIT_MS: Final = 50
"""For the end of a stroke, until the next part is drawn."""

_PROCESSORS: Final = ("llvmpipe", "softpipe", "software", "swiftshader", "basic render")
"""What drivers that draw without a graphics card call themselves."""


class BrushFrames(QObject):
    """Has napari draw a small box of its canvas where no more can have changed.

    napari draws all of its canvas at each move of a brush, every layer and every pixel.
    Without a graphics card a layer takes milliseconds of that, which the hand feels.
    Here, each part of the scene that vispy wants to draw again is looked at. If it is
    painted pixels, and napari says which, or the circle at the mouse, or what cannot be
    seen, the rest of the canvas is as in the frame before: Qt is told to keep that, and
    OpenGL to leave it alone. Whatever else it is, all is drawn, as ever.

    Results change all of the canvas. Without a graphics card they are drawn a part at a
    time, so that no frame takes so long that the mouse seems to stick; but not while a
    series plays, which has no time for more frames, nor under a brush.

    Parameters
    ----------
    viewer
        Its canvas is followed while this is switched on. A second panel of the same
        viewer leaves it to the first.
    images
        Knows the layer of scribbles.
    overlays
        Say when results are read again.
    session
        Says when somebody paints: parts of results wait.

    Attributes
    ----------
    box
        What the last frame drew: left, bottom, width and height in pixels of the
        screen; `None` for all.
    """

    def __init__(
        self,
        viewer: Viewer,
        images: ImageControl,
        overlays: Overlays,
        session: Session,
    ) -> None:
        super().__init__()
        self._images = images
        self._overlays = overlays
        self._session = session
        self._layer: Labels | None = None
        self._drawer = drawer_of(viewer)
        self._scene: Any = getattr(self._drawer, "_scene_canvas", None)
        self.box: tuple[int, int, int, int] | None = None
        self._whole = True
        self._updates = self._layer_updates = 0
        self._painted: list[Box] = []
        self._circles: list[Box] = []
        self._circled = False
        self._seen: set[int] = set()
        self._results = False
        self._parts: list[Box] = []
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.timeout.connect(self._draw_next)
        self._pressing = False
        self._on = False

    def close(self) -> None:
        """Leave the canvas as it was."""
        self.switch(on=False)

    def switch(self, *, on: bool) -> None:
        """Draw only what the brush touches from now on, or everything."""
        if self._on and not on:
            self._on = False
            self._leave()
        elif on and not self._on and self._can_follow():
            self._on = True
            self._enter()

    @property
    def pending(self) -> bool:
        """Whether new results are on a part of the canvas only."""
        return bool(self._parts)

    def _can_follow(self) -> bool:
        """Whether nobody does already, and napari draws as is known of it."""
        needed = ("_scene_canvas", "view", "layer_to_visual")
        known = all(hasattr(self._drawer, name) for name in needed)
        return known and "update" not in vars(self._scene)

    def _enter(self) -> None:
        self._whole = True
        self._update = self._scene.update
        self._scene.update = self._on_update
        self._scene.native.setUpdateBehavior(_KEEP)
        self._scene.native.grabFramebuffer = self._grab
        self._scene.visual_at = self._at
        self._scene.native.resized.connect(self._draw_all)
        for event, before, after in self._around_what():
            event.connect(before, position="first")
            event.connect(after, position="last")
        self._images.changed.connect(self._on_image)
        self._on_image()

    def _leave(self) -> None:
        self._images.changed.disconnect(self._on_image)
        self._leave_layer()
        for event, before, after in self._around_what():
            event.disconnect(before)
            event.disconnect(after)
        del self._scene.update, self._scene.visual_at
        del self._scene.native.grabFramebuffer
        self.box, self._parts = None, []
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._next.stop()
            self._scene.native.resized.disconnect(self._draw_all)
            self._scene.native.setUpdateBehavior(_FORGET)
            self._scene.native.update()

    def _around_what(self) -> tuple[tuple[Any, Any, Any], ...]:
        """Return events of vispy, and what is done before and after each."""
        events = self._scene.events
        return (
            (events.draw, self._begin_frame, self._end_frame),
            (events.mouse_press, self._begin_press, self._end_press),
        )

    def _on_image(self) -> None:
        self._leave_layer()
        self._layer = self._images.scribbles
        if self._layer is not None:
            self._layer.events.labels_update.connect(self._on_painted)
            self._layer.events.set_data.connect(self._draw_all)

    def _leave_layer(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None:
            layer.events.labels_update.disconnect(self._on_painted)
            layer.events.set_data.disconnect(self._draw_all)

    def _draw_all(self, _: object = None) -> None:
        self._whole = True

    def _on_painted(self, event: Any) -> None:  # noqa: ANN401 - napari events are untyped
        """Note the rows and columns of what napari has just sent to be drawn."""
        low = np.array(event.offset, float)
        high = low + np.shape(event.data)[: len(low)]
        self._painted.append(np.array([low - _AROUND, high + _AROUND]))
        self._whole |= len(low) != 2

    def _at(self, pos: Sequence[float]) -> Node:
        """Return what would take a press or the wheel at a place of the canvas.

        vispy draws a frame in colours that stand for nodes, and reads the pixel, while
        the brush waits. With a single node that can take anything, there is no need.
        """
        nodes = [n for n in _visible(self._scene.scene) if isinstance(n, VisualNode)]
        takes = [n for n in nodes if n.interactive]
        size = self._scene.size
        inside = all(1 <= at < n - 1 for at, n in zip(pos, size, strict=True))
        if takes == [self._drawer.view] and inside:
            return self._drawer.view
        return type(self._scene).visual_at(self._scene, pos)

    def _grab(self) -> QImage:
        """Return a picture of the canvas, for which Qt draws a frame."""
        self._whole = True
        native = self._scene.native
        picture: QImage = type(native).grabFramebuffer(native)
        return picture

    def _begin_press(self, _: object) -> None:
        self._pressing = True

    def _end_press(self, _: object) -> None:
        self._pressing = False

    def _on_update(self, node: Node = None) -> None:
        """Look at what is to be drawn again, and pass it on."""
        self._updates += 1
        if self._overlays.reading:
            self._results = True
        elif not self._whole:
            if node is not None and node is self._layer_node:
                self._layer_updates += 1
            else:
                self._whole = not self._is_known(node)
        self._update(node)

    def _is_known(self, node: Node) -> bool:
        """Whether a change of a node changes no pixel but at the circle."""
        if node is None:
            return False
        if node is self._drawer.view:
            return self._pressing  # vispy hides its frame, to look what lies below
        if any(node is circle for circle, _ in self._circle_nodes()):
            self._circled = True
            return True
        return id(node) not in self._seen and not self._is_seen(node)

    @property
    def _layer_node(self) -> Node:
        """What draws the layer of scribbles."""
        visual = self._drawer.layer_to_visual.get(self._layer)
        return visual and visual.node

    def _circle_nodes(self) -> Iterator[tuple[Node, float]]:
        """Yield what draws the circle at the mouse, and how wide it is on the screen.

        With it comes a little square that napari draws behind each overlay.
        """
        for name in ("_viewer_overlay_to_visual", "_overlay_to_visual"):  # 0.9, 0.8
            for overlay, visuals in getattr(self._drawer, name, {}).items():
                if isinstance(overlay, BrushCircleOverlay):
                    for visual in visuals:
                        yield visual.node, overlay.size
                        box = getattr(visual, "box", None)
                        if box is not None:
                            yield box, max(box.width, box.height)

    def _blank_nodes(self) -> list[Node]:
        """Return what would draw the corners of a polygon, if there are none."""
        tables = getattr(self._drawer, "_layer_overlay_to_visual", {})
        table = tables.get(self._layer, {})
        return [v.node for o, v in table.items() if not getattr(o, "points", True)]

    def _is_seen(self, node: Node) -> bool:
        if node in self._blank_nodes():
            return False
        while node is not None:
            if not node.visible:
                return False
            node = node.parent
        return True

    def _begin_frame(self, _: object) -> None:
        """Let OpenGL draw what has changed, if that is known."""
        painted, self._painted = self._painted, []
        whole = self._whole or not self._updates or self._layer_updates != len(painted)
        if self._results:
            self._parts = list(self._strips())
            whole |= not self._parts
        if whole:
            self._parts = []
        self._whole = self._results = False
        self._updates = self._layer_updates = 0
        self._pressing = False  # should a press have failed
        circles, self._circles = self._circles, list(self._circle_boxes())
        circles = [*circles, *self._circles] if self._circled else []
        self._circled = False
        self.box = None
        if not whole:
            painted = [self._on_screen(box) for box in painted]
            now = 0 if self._session.painting else 1
            part, self._parts = self._parts[:now], self._parts[now:]
            self.box = self._around([*circles, *painted, *part])
            self._scene.context.set_state(scissor_test=True)
            self._scene.context.set_scissor(*self.box)

    def _end_frame(self, _: object) -> None:
        self._scene.context.set_state(scissor_test=False)
        blank = self._blank_nodes()
        self._seen = {id(n) for n in _visible(self._scene.scene) if n not in blank}
        if self._parts:
            self._next.start(_WAIT_MS if self._session.painting else 0)

    def _draw_next(self) -> None:
        """Draw the next part of the canvas, if it is not drawn already."""
        if self._parts and self._session.painting:
            self._next.start(_WAIT_MS)
        elif self._parts:
            self._updates += 1
            self._update(None)

    def _strips(self) -> Iterator[Box]:
        """Yield the parts of the canvas; none if it is not to be drawn in parts."""
        renderer = str(gl.glGetParameter(gl.GL_RENDERER)).lower()
        slow = any(name in renderer for name in _PROCESSORS)
        if slow and not self._session.playing:
            yield np.zeros((2, 2))  # nothing: OpenGL gets the new pixels meanwhile
            width, height = self._scene.size
            edges = np.linspace(0, height, _PARTS + 1)
            for top, end in pairwise(edges):
                yield np.array([[0, top], [width, end]])

    def _circle_boxes(self) -> Iterator[Box]:
        for node, diameter in self._circle_nodes():
            if node.parent is not None and self._is_seen(node):
                at = np.array(node.transform.translate[:2], float)
                yield np.array([at - diameter / 2, at + diameter / 2])

    def _on_screen(self, box: Box) -> Box:
        """Return x and y, in pixels of the canvas, around rows and columns."""
        rows, columns = box.T
        corners = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)
        at = self._layer_node.get_transform("visual", "canvas").map(corners)
        at = at[:, :2] / at[:, 3:]
        return np.array([at.min(0), at.max(0)])

    def _around(self, boxes: list[Box]) -> tuple[int, int, int, int]:
        """Return what OpenGL has to draw for some boxes; its rows count from below."""
        low, high = np.zeros((2, 2))
        if boxes:
            low, high = np.min(boxes, (0, 1)) - _EDGE, np.max(boxes, (0, 1)) + _EDGE
        size, scale = self._scene.physical_size, self._scene.pixel_scale
        left, top = np.clip(np.floor(low * scale), 0, size).astype(int).tolist()
        right, end = np.clip(np.ceil(high * scale), 0, size).astype(int).tolist()
        return left, size[1] - end, right - left, end - top


def _visible(node: Node) -> Iterator[Node]:
    """Yield a node and those below it, as far as they are drawn."""
    if node.visible:
        yield node
        for child in node.children:
            yield from _visible(child)
