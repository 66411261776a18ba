"""Which images are learned from, and the prediction of them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_ood_seg.plugin.panels.learned import Learned

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_ood_seg.plugin.panels.image import ImagePanel
    from napari_ood_seg.plugin.sources import Sources
    from napari_ood_seg.session.session import Session


class LearnControl(QObject):
    """Shows the images of the session, and lets the user leave some out.

    Parameters
    ----------
    viewer
        Has the layers.
    panel
        Shows the images.
    session
        Learns from them.
    sources
        Knows their layers.
    """

    def __init__(
        self, viewer: Viewer, panel: ImagePanel, session: Session, sources: Sources
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._session = session
        self._sources = sources
        panel.learn_toggled.connect(self._on_toggled)
        panel.predict_all_requested.connect(session.predict_all)
        session.scribbles_changed.connect(self._show)
        session.images_changed.connect(self._show)
        self._show()

    def close(self) -> None:
        """Stop following."""
        self._session.scribbles_changed.disconnect(self._show)
        self._session.images_changed.disconnect(self._show)

    def _show(self) -> None:
        """Show what is learned from, and how much is painted on each image."""
        session, current = self._session, self._session.source
        alike = () if current is None else (current, *session.others_like(current))
        self._panel.set_learned(
            [
                Learned(
                    name=layer.name,
                    n_strokes=len(session.scribbles_on(source).strokes),
                    learned=source not in session.left_out,
                    fits=source in alike,
                )
                for source in session.images
                if (layer := self._sources.layer_of(source)) is not None
            ]
        )

    def _on_toggled(self, name: str, learn: bool) -> None:
        if name in self._viewer.layers:
            source = self._sources.of(self._viewer.layers[name])
            self._session.learn_from(source, learn=learn)
