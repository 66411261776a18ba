from __future__ import annotations

import pytest

from napari_ood_seg.optics import TISSUES, absorption, reflectance


def test_absorption_is_the_published_one() -> None:
    pure = absorption([500, 541, 577, 758, 797, 930, 975])
    grams = 2.302585 * 150 / 64500
    assert pure["oxy"][1] == pytest.approx(53200 * grams, rel=1e-6)
    assert pure["oxy"][2] == pytest.approx(55500 * grams, rel=1e-6)
    assert pure["oxy"][4] == pytest.approx(pure["deoxy"][4], rel=0.2)  # isosbestic
    assert pure["water"][6] == pytest.approx(0.48, rel=1e-6)
    assert pure["fat"][5] == pytest.approx(0.13, rel=1e-6)


def test_reflectance_of_tissue() -> None:
    wavelengths = [541, 560, 577, 650, 800]
    for tissue in TISSUES.values():
        spectrum = reflectance(tissue, wavelengths)
        assert ((spectrum > 0) & (spectrum < 1)).all()
        assert spectrum[3] > spectrum[1]
    bowel = TISSUES["bowel"]
    spectrum = reflectance(bowel, wavelengths)
    assert spectrum[1] > max(spectrum[0], spectrum[2])  # the two oxygen bands
    darker = reflectance(bowel, wavelengths, blood=[2.0, 4.0])
    assert darker.shape == (2, 5)
    assert (darker[1] < darker[0]).all()
    assert (darker[0] < spectrum).all()
