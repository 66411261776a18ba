"""Make the pictures of the documentation from the running program.

    python docs/make_pictures.py                     all that are in docs/images
    python docs/make_pictures.py guide audit-light   some, by name
    python docs/make_pictures.py --to /tmp/look crowded crowded-150 crowded-large

Needs a display with OpenGL (``xvfb-run -a -s "-screen 0 1600x1000x24"`` will do).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from stage import (
    IMAGES,
    LOOKS,
    own_settings,
    save_small,
    settle,
    wait_until,
    window_picture,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_ood_seg.plugin.widget import OODSegWidget

LAPTOP = (1366, 768)
"""Pixels of the screen that must be enough."""


def as_it_opens(widget: OODSegWidget) -> None:
    """Leave all as it is."""


def guide(widget: OODSegWidget) -> None:
    """Go to the second unknown region."""
    widget.session.set_live(live=False)
    _fold(widget, "Image", "Classes", "Train")
    widget.guides.go_next()
    wait_until(lambda: widget.guides.here is not None)
    widget.guides.go_next()


def several(widget: OODSegWidget) -> None:
    """Predict a second image, beside the one that was painted on."""
    import napari

    session, image = widget.session, widget.images.image
    viewer = napari.current_viewer()
    if image is None or viewer is None:
        raise LookupError("there is no image to put another one beside")
    session.set_live(live=False)
    width = image.data.shape[1]
    other = image.data[::-1, ::-1]
    where = (0.0, 1.04 * width * image.scale[-1])
    viewer.add_image(
        other, name="next section", rgb=True, scale=image.scale, translate=where
    )
    wait_until(lambda: len(session.images) == 2)
    session.predict_all()
    wait_until(lambda: not session.busy)
    viewer.reset_view()


def explain(widget: OODSegWidget) -> None:
    """Ask why a pixel is what it is."""
    session = widget.session
    _fold(widget, "Image", "Classes", "Train", "Guide")
    widget.sections.set_expanded("Explain", expanded=True)
    session.set_live(live=False)
    widget.explains.watch(on=True)
    explainer = widget.explains.explainer
    explainer.ask(160, 300)
    wait_until(lambda: explainer.found is not None and bool(explainer.classes))


def audit(widget: OODSegWidget) -> None:
    """Run the audit."""
    _fold(widget, "Image", "Classes", "Train")
    widget.sections.set_expanded("Audit", expanded=True)
    widget.audits.start()
    wait_until(lambda: widget.audits.audit is not None)


def network(widget: OODSegWidget) -> None:
    """Train a network for a while."""
    session = widget.session
    session.set_live(live=False)
    _fold(widget, "Image", "Classes", "Result", "Guide")
    widget.sections.set_expanded("Network", expanded=True)
    session.set_deep(replace(session.deep, steps=80, seconds=600.0))
    widget.deeps.start()
    wait_until(lambda: str(session.refining) == "off", looks=20 * LOOKS)


def spectra(widget: OODSegWidget) -> None:
    """Open the spectra, with what the guide found, and point at the vessel."""
    session, control = widget.session, widget.spectra
    session.set_live(live=False)
    widget.guides.go_next()
    wait_until(lambda: widget.guides.here is not None)
    _fold(widget, "Image", "Classes", "Train")
    control.set_open(True)
    control.spectra.point_at((100, 186))
    measured = control.spectra
    wait_until(lambda: measured.pixel is not None and bool(measured.measured.groups))
    _see_all()


def operation(widget: OODSegWidget) -> None:
    """Go to a later frame of the operation, with colours rather than the heatmap."""
    session = widget.session
    wait_until(lambda: session.result is not None and not session.busy)
    frames = widget.reviews.review
    wait_until(lambda: frames.done == frames.n and not frames.stale, looks=10 * LOOKS)
    widget.overlays.set_visible("heatmap", visible=False)
    widget.reviews.go(6)
    _see_all()


def review(widget: OODSegWidget) -> None:
    """Predict all frames of the operation, and go to one with something unknown."""
    import napari

    session, viewer = widget.session, napari.current_viewer()
    session.set_live(live=False)
    wait_until(lambda: not session.busy)
    _fold(widget, "Image", "Classes", "Train", "Guide")
    widget.reviews.set_open(True)
    widget.spectra.set_open(True)
    frames = widget.reviews.review
    frames.predict()
    wait_until(lambda: frames.done == frames.n and not session.busy)
    frames.least = 0.2
    if widget.reviews.view is not None:
        widget.reviews.view.set_least(frames.least)
    widget.reviews.go(7)
    widget.reviews.go_next()
    if viewer is not None:
        viewer.dims.set_current_step(0, 20)
    widget.spectra.spectra.point_at((60, 215))
    wait_until(lambda: widget.spectra.spectra.pixel is not None)
    wait_until(lambda: not frames.stale)
    _see_all()


def _see_all() -> None:
    """Show the whole image in what the docks leave of the canvas."""
    import napari

    viewer = napari.current_viewer()
    wait_until(lambda: viewer is not None)
    settled: list[int] = []
    QTimer.singleShot(300, lambda: settled.append(1))
    wait_until(lambda: bool(settled))
    if viewer is not None:
        viewer.reset_view()


def crowded(widget: OODSegWidget) -> None:
    """Have twelve classes with long names, and a message of many words."""
    session = widget.session
    while len(session.classes) < 12:
        session.add_class()
    for info in session.classes:
        name = f"{info.name}, as in the atlas of renal histopathology"
        session.rename_class(info.id, name)
    widget.views.set_legend(True)
    session.message.emit("the scribbles have another size than the image: " * 3, "info")


def all_settings(widget: OODSegWidget) -> None:
    """Show only what is set."""
    _fold(widget, "Image", "Classes", "Train", "Result", "Guide")
    widget.sections.set_expanded("Settings", expanded=True)


def encoder(widget: OODSegWidget) -> None:
    """Choose an encoder that has to be downloaded first."""
    all_settings(widget)
    widget.encoder_panel.choose("owkin/phikon-v2")


def encoder_named(widget: OODSegWidget) -> None:
    """Name an encoder that nobody knows."""
    all_settings(widget)
    widget.encoder_panel.choose("from a folder or name")
    widget.encoders.take("somewhere else/no such folder")


def encoder_coming(widget: OODSegWidget) -> None:
    """Be in the middle of its download, after one that failed."""
    encoder(widget)
    widget.encoder_panel.set_download(412_000_000, 1_213_000_000)
    widget.encoder_panel.set_message(
        "the download of 'owkin/phikon-v2' broke off at 412.0 of 1213.0 MB: "
        "start it again, it goes on from there",
        "error",
    )


def shortcuts(widget: OODSegWidget) -> None:
    """Show only the keys."""
    _fold(widget, "Image", "Classes", "Train", "Result", "Guide")
    widget.sections.set_expanded("Shortcuts", expanded=True)


def _fold(widget: OODSegWidget, *titles: str) -> None:
    for title in titles:
        widget.sections.set_expanded(title, expanded=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is on it.

    Attributes
    ----------
    scale
        Of the desktop; at 1.5 a window of so many pixels has room for less.
    size
        Of the window in pixels.
    font
        Size in points; 0 for napari's own.
    """

    sample: str = "histology"
    do: Callable[[OODSegWidget], None] = as_it_opens
    theme: str = "dark"
    scale: float = 1.0
    size: tuple[int, int] = LAPTOP
    font: int = 0


DOCUMENTED = {
    "histology": Picture(),
    "histology-light": Picture(theme="light"),
    "histology-200": Picture(scale=2.0, size=(2732, 1536)),
    "hyperspectral": Picture(sample="hyperspectral"),
    "guide": Picture(do=guide),
    "guide-light": Picture(do=guide, theme="light"),
    "several": Picture(do=several),
    "spectra": Picture(sample="hyperspectral", do=spectra),
    "review": Picture(sample="operation", do=review),
    "explain": Picture(do=explain),
    "network": Picture(do=network),
    "audit": Picture(do=audit),
    "audit-light": Picture(do=audit, theme="light"),
    "operation": Picture(sample="operation", do=operation),  # last: hides the heatmap
}
"""Those of docs/images."""

TO_LOOK_AT = {
    "crowded": Picture(do=crowded),
    "crowded-light": Picture(do=crowded, theme="light"),
    "crowded-125": Picture(do=crowded, scale=1.25),
    "crowded-150": Picture(do=crowded, scale=1.5),
    "crowded-200": Picture(do=crowded, scale=2.0, size=(2732, 1536)),
    "crowded-large": Picture(do=crowded, font=16),
    "network-light": Picture(do=network, theme="light"),
    "spectra-light": Picture(sample="hyperspectral", do=spectra, theme="light"),
    "review-light-large": Picture(
        sample="operation", do=review, theme="light", font=14
    ),
    "guide-150": Picture(do=guide, scale=1.5),
    "audit-large": Picture(do=audit, font=16),
    "settings": Picture(do=all_settings),
    "settings-large": Picture(do=all_settings, font=16),
    "encoder": Picture(do=encoder),
    "encoder-named": Picture(do=encoder_named),
    "encoder-coming": Picture(do=encoder_coming),
    "encoder-large-light": Picture(do=encoder_coming, font=16, theme="light"),
    "shortcuts": Picture(do=shortcuts),
    "shortcuts-light-large": Picture(do=shortcuts, font=16, theme="light"),
}
"""For whoever changes a panel: crowded, small, large."""

PICTURES = {**DOCUMENTED, **TO_LOOK_AT}


def take(name: str, folder: Path) -> Path:
    """Run the program until the result is complete, and return the picture's path."""
    import napari

    from napari_ood_seg.plugin.demo import open_demo

    picture = PICTURES[name]
    viewer = napari.Viewer()
    _dress(viewer, picture)
    widget = open_demo(viewer, picture.sample)
    wait_until(lambda: widget.session.model is not None)
    settle(viewer, widget)
    widget.session.train()  # again: the first time is mostly the import of torch
    settle(viewer, widget)
    picture.do(widget)
    settle(viewer, widget)
    path = folder / f"{name}.png"
    save_small(window_picture(viewer), path)
    viewer.window.remove_dock_widget(widget)
    viewer.close()
    return path


def _dress(viewer: Viewer, picture: Picture) -> None:
    from napari.settings import get_settings

    from napari_ood_seg.plugin.file_control import settings

    settings().clear()  # the last picture may have left something
    appearance = get_settings().appearance
    appearance.reset()
    if picture.font:
        appearance.font_size = picture.font
    viewer.theme = picture.theme
    viewer.window.resize(*(round(n / picture.scale) for n in picture.size))


def main() -> None:
    """Take the pictures that are asked for; each scale needs a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *PICTURES], metavar="NAME")
    parser.add_argument("--to", type=Path, default=IMAGES, help="folder")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.to.mkdir(exist_ok=True, parents=True)
    names = asked.names or list(DOCUMENTED)
    if asked.here:
        with own_settings():
            for name in names:
                path = take(name, asked.to)
                print(path, f"{path.stat().st_size / 1000:.0f} kB", flush=True)
        return
    for scale in sorted({PICTURES[name].scale for name in names}):
        some = [name for name in names if PICTURES[name].scale == scale]
        command = [sys.executable, __file__, "--here", "--to", str(asked.to), *some]
        environment = {**os.environ, "QT_SCALE_FACTOR": str(scale)}
        subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
