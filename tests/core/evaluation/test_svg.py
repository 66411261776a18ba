from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np

from napari_ood_seg.core.evaluation.ranking import Curve
from napari_ood_seg.core.evaluation.report import Audit
from napari_ood_seg.core.evaluation.svg import Line, line_plot, roc_svg
from tests.core.evaluation.test_report import held_out

NAMES = ("<a> & b", 'quoted "c"')
SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ET.Element:
    return ET.fromstring(text)


def picture() -> ET.Element:
    roc = Curve(x=np.linspace(0, 1, 11), y=np.linspace(0, 1, 11) ** 0.5)
    audit = Audit(
        classes=tuple(held_out(i, n) for i, n in enumerate(NAMES, start=1)),
        keep=0.9,
        folds="strokes",
        n_images=1,
        n_fits=6,
        confusion=(),
        reliability=roc,
    )
    return drawn(roc_svg(audit))


def test_names_and_measures_are_in_the_legend() -> None:
    texts = [t.text for t in picture().iter(f"{SVG}text")]
    for name in NAMES:
        assert name in texts
    assert texts.count("AUROC 0.800, FPR95 0.250") == 2
    assert "threshold that keeps 90%" in texts
    assert texts.count("0.2") == 2


def test_everything_lies_inside_the_picture() -> None:
    root = picture()
    width, height = (float(root.attrib[k]) for k in ("width", "height"))
    for line in root.iter(f"{SVG}polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
    for text in root.iter(f"{SVG}text"):
        assert float(text.attrib["x"]) < width
        assert float(text.attrib["y"]) < height


def test_a_curve_starts_in_the_corner_and_goes_where_it_should() -> None:
    line = Line(
        name="a",
        note="b",
        color="#ff0000",
        curve=Curve(x=np.array([0.0, 1.0]), y=np.array([0.5, 1.0])),
        mark=(0.5, 0.5),
    )
    root = drawn(line_plot([line], title="t", x_label="x", y_label="y", mark_label="m"))
    curve = next(
        p for p in root.iter(f"{SVG}polyline") if p.attrib["stroke"] == "#ff0000"
    )
    pairs = [p.split(",") for p in curve.attrib["points"].split()]
    points = np.array([[float(v) for v in pair] for pair in pairs])
    unit = (points - points[0]) / (points[-1] - points[0])
    expected = np.array([[0.0, 0.0], [0.0, 0.5], [1.0, 1.0]])
    np.testing.assert_allclose(unit, expected, atol=1e-3)
    mark = next(root.iter(f"{SVG}circle"))
    at = np.array([float(mark.attrib[k]) for k in ("cx", "cy")])
    np.testing.assert_allclose(at, points[[0, -1]].mean(0), atol=0.2)


def test_no_class_at_all() -> None:
    root = drawn(line_plot([], title="", x_label="", y_label="", mark_label="m"))
    assert root.tag == f"{SVG}svg"
