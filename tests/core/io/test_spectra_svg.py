from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from napari_ood_seg.core.data.spectra import Spectrum
from napari_ood_seg.core.io.spectra_svg import SpectrumLine, spectra_svg, ticks

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

BANDS = np.linspace(500.0, 900.0, 5)
SVG = "{http://www.w3.org/2000/svg}"


def line(mean: Floats, *, n: int = 9, dash: int = 0) -> SpectrumLine:
    spectrum = Spectrum(mean=mean, spread=np.full(len(mean), 0.1), n=n)
    return SpectrumLine(name="a < b", color="#56b4e9", dash=dash, spectrum=spectrum)


def drawn(lines: list[SpectrumLine], bands: Floats = BANDS) -> ET.Element:
    axis = (bands, "wavelength (nm)")
    return ET.fromstring(spectra_svg(lines, axis, y_label="value"))


def curves_of(svg: ET.Element) -> list[ET.Element]:
    return [p for p in svg.iter(f"{SVG}polyline") if p.get("stroke") == "#56b4e9"]


def points_of(element: ET.Element) -> Floats:
    pairs = element.attrib["points"].split()
    return np.array([p.split(",") for p in pairs], float)


def test_a_line_is_where_its_values_are() -> None:
    mean = np.array([0.0, 1.0, 2.0, 1.0, 0.5])
    svg = drawn([line(mean)])
    curve = curves_of(svg)[0]
    points = points_of(curve)
    np.testing.assert_allclose(np.diff(points[:, 0]), points[1, 0] - points[0, 0])
    slope = (points[2, 1] - points[0, 1]) / (mean[2] - mean[0])
    np.testing.assert_allclose(points[:, 1], points[0, 1] + slope * mean, atol=0.11)
    assert slope < 0  # upwards
    (band,) = svg.iter(f"{SVG}polygon")
    edge = points_of(band)
    np.testing.assert_allclose(edge[:5, 1] - points[:, 1], 0.1 * slope, atol=0.11)


def test_everything_is_inside_and_names_are_text() -> None:
    svg = drawn([line(np.full(5, 3.0), dash=i) for i in range(20)])
    width, height = float(svg.attrib["width"]), float(svg.attrib["height"])
    for shape in svg.iter(f"{SVG}polyline"):
        points = points_of(shape)
        assert points.min() >= 0
        assert (points <= [width, height]).all()
    texts = [t.text for t in svg.iter(f"{SVG}text")]
    assert texts.count("a < b") == 20


def test_lines_differ_by_dashes_too() -> None:
    svg = drawn([line(np.ones(5), dash=i) for i in range(6)])
    dashes = [c.get("stroke-dasharray") for c in curves_of(svg)]
    assert len(set(dashes)) == 6


def test_one_pixel_has_no_band_and_one_band_is_a_spot() -> None:
    assert not list(drawn([line(np.ones(5), n=1)]).iter(f"{SVG}polygon"))
    grey = drawn([line(np.ones(1))], np.array([1.0]))
    assert len(list(grey.iter(f"{SVG}circle"))) == 1


@pytest.mark.parametrize("lines", [[], [line(np.full(5, np.nan), n=0)]])
def test_nothing_to_draw(lines: list[SpectrumLine]) -> None:
    assert drawn(lines).tag == f"{SVG}svg"


def test_ticks_are_round_and_inside(rng: np.random.Generator) -> None:
    for low, span in zip(
        rng.normal(0, 50, 50), rng.uniform(0.01, 900, 50), strict=True
    ):
        found = ticks(low, low + span)
        assert 3 <= len(found) <= 12
        assert low - 1e-6 <= found[0]
        assert found[-1] <= low + span + 1e-6
        steps = [b - a for a, b in pairwise(found)]
        np.testing.assert_allclose(steps, steps[0], rtol=1e-5)
