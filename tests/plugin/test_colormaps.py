from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_ood_seg.core.data.palette import CLASS_COLORS, UNKNOWN_COLOR
from napari_ood_seg.core.types import UNKNOWN, UNLABELLED, ClassInfo
from napari_ood_seg.plugin.colormaps import class_colors, ood_colors, scribble_colors

CLASSES = (
    ClassInfo(id=1, name="a", color="#ff0000"),
    ClassInfo(id=7, name="b", color="#0000ff"),
)


def rgb(color: str) -> list[float]:
    return [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def luminance(colors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    out: npt.NDArray[np.float64] = colors[:, :3] @ np.array([0.2126, 0.7152, 0.0722])
    return out


def test_scribbles_show_their_classes_only() -> None:
    shown = scribble_colors(CLASSES)
    np.testing.assert_allclose(shown.map(1), [1, 0, 0, 1])
    np.testing.assert_allclose(shown.map(7), [0, 0, 1, 1])
    for other in (UNLABELLED, 3, UNKNOWN):
        assert shown.map(other)[3] == 0


def test_unknown_is_grey_or_hidden() -> None:
    np.testing.assert_allclose(
        class_colors(CLASSES).map(UNKNOWN)[:3], rgb(UNKNOWN_COLOR), atol=1e-3
    )
    assert class_colors(CLASSES, unknown=False).map(UNKNOWN)[3] == 0
    np.testing.assert_allclose(class_colors(CLASSES, unknown=False).map(7)[3], 1)


def test_no_class_starts_grey() -> None:
    assert UNKNOWN_COLOR not in CLASS_COLORS


def test_the_heatmap_hides_the_typical_and_gets_lighter() -> None:
    colors = np.asarray(ood_colors().map(np.linspace(0, 1, 101)))
    assert (colors[:51, 3] < 0.05).all()
    assert (np.diff(colors[:, 3]) >= -1e-6).all()
    assert (np.diff(luminance(colors)) >= -1e-6).all()
    assert colors[-1, 3] > 0.7
