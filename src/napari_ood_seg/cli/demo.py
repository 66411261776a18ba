"""``napari-ood-seg demo``."""

from napari_ood_seg.cli.sample import Name, SampleName
from napari_ood_seg.core.errors import OODSegError


class MissingQtError(OODSegError, ImportError):
    """There is no window system to show the demo with."""


def demo(name: Name = SampleName.HISTOLOGY) -> None:
    """Open napari with a sample and its scribbles."""
    try:
        from napari_ood_seg.plugin.demo import run_demo

        run_demo(str(name))
    except ImportError as error:
        if (error.name or "").startswith("napari_ood_seg"):
            raise
        raise MissingQtError(
            'the demo needs napari with a Qt binding: pip install "napari-ood-seg[all]"'
        ) from error
