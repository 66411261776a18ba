from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.data.tissue import (
    INDICES,
    extinction,
    haemoglobin,
    haemoglobin_amount,
    oxygenation,
    tissue_map,
    water,
)
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.optics import TISSUES, Tissue, reflectance
from napari_ood_seg.samples import TRUTH, load_sample

if TYPE_CHECKING:
    import numpy.typing as npt

NM = np.linspace(500.0, 1000.0, 101)


def blood(oxygen: Any, amount: Any = 2e-5) -> npt.NDArray[np.float64]:
    """Return what Beer and Lambert expect, with light and scattering."""
    oxy, deoxy = (e[:, None] for e in extinction(NM))
    absorbance = np.asarray(amount) * (oxygen * oxy + (1 - np.asarray(oxygen)) * deoxy)
    spectra: npt.NDArray[np.float64] = 0.7 * 10 ** -(
        absorbance + 0.002 * (NM[:, None] - 500)
    )
    return spectra


def test_extinctions_are_those_of_the_table() -> None:
    oxy, deoxy = extinction([500.0, 576.0, 577.0, 1000.0])
    np.testing.assert_allclose(oxy, [20932.8, 55540, 55134, 1024])
    np.testing.assert_allclose(deoxy, [20862, 40092, 39279.8, 206.784])
    isosbestic = np.diff(np.sign(np.subtract(*extinction(np.arange(520.0, 600.0)))))
    assert np.flatnonzero(isosbestic).tolist() == [9, 25, 50, 64]  # 529 545 570 584 nm
    with pytest.raises(ImageError, match="from 400 to 1000 nm, not at 380 to 500"):
        extinction([380, 500])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.65, 1.0])
def test_blood_of_beer_and_lambert_is_found_exactly(share: float) -> None:
    found = blood(np.array([share]))
    assert oxygenation(found, NM)[0] == pytest.approx(share, abs=1e-6)
    assert haemoglobin_amount(found, NM)[0] == pytest.approx(0.02)
    oxy, deoxy = haemoglobin(found, NM)
    np.testing.assert_allclose(
        [oxy[0], deoxy[0]], [0.02 * share, 0.02 - 0.02 * share], atol=1e-12
    )


def test_light_and_order_of_bands_do_not_matter() -> None:
    found = blood(np.linspace(0, 1, 7), np.linspace(1e-5, 4e-5, 7))
    light = np.linspace(0.3, 4, 7)
    for index in INDICES.values():
        expected = index.compute(found, NM)
        np.testing.assert_allclose(index.compute(found * light, NM), expected)
        np.testing.assert_allclose(index.compute(found[::-1], NM[::-1]), expected)


def test_oxygenation_rises_with_that_of_simulated_tissue() -> None:
    shares = np.linspace(0.1, 1.0, 10)
    for tissue in (TISSUES["bowel"], TISSUES["liver"]):
        spectra = np.stack(
            [
                reflectance(
                    Tissue(
                        tissue.blood,
                        share,
                        tissue.water,
                        tissue.fat,
                        tissue.scattering,
                        tissue.power,
                    ),
                    NM,
                )
                for share in shares
            ],
            axis=1,
        )
        found = oxygenation(spectra, NM)
        assert (np.diff(found) > 0).all()
        assert np.abs(found - shares).max() < 0.3  # as the docstring says


def test_haemoglobin_rises_with_blood_and_water_with_water() -> None:
    bowel = TISSUES["bowel"]
    more_blood = reflectance(bowel, NM, blood=np.linspace(0.5, 3, 8)).T
    assert (np.diff(haemoglobin_amount(more_blood, NM)) > 0).all()
    wet = np.stack(
        [
            reflectance(Tissue(0.02, 0.7, share, 0.05, 13.0, 0.9), NM)
            for share in np.linspace(0, 0.9, 8)
        ],
        axis=1,
    )
    assert (np.diff(water(wet, NM)) > 0).all()


def test_what_is_dark_or_not_finite_has_no_value() -> None:
    found = blood(np.full(4, 0.5))
    found[:, 0] = 0
    found[NM == 550, 1] = np.nan
    found[(NM == 970) | (NM == 575), 2] = -0.1
    for index in INDICES.values():
        values = index.compute(found, NM)
        assert np.isnan(values[[0, 2]]).all()
        assert np.isfinite(values[3])
    flat = np.ones((len(NM), 1))
    assert np.isnan(oxygenation(flat, NM)[0])


@pytest.mark.parametrize(
    ("name", "nm", "message"),
    [
        ("oxygenation", np.arange(620.0, 1000.0, 5), "haemoglobin needs bands at most"),
        ("haemoglobin", np.arange(500.0, 620.0, 20), "12 nm apart from 520 to 600 nm"),
        ("oxygenation", np.array([520.0, 530, 590, 600]), "there are 4 from 520 to"),
        ("water", np.arange(500.0, 900.0, 5), "water needs bands at 900 and 970 nm"),
    ],
)
def test_wavelengths_that_are_missing_are_one_clear_error(
    name: str, nm: npt.NDArray[np.float64], message: str
) -> None:
    with pytest.raises(ImageError, match=message):
        INDICES[name].compute(np.ones(len(nm)), nm.tolist())


def test_maps_of_an_image() -> None:
    sample = load_sample("hyperspectral")
    assert sample.truth is not None
    wavelengths = sample.image.wavelengths
    assert wavelengths is not None
    found = {name: tissue_map(sample.image, name) for name in INDICES}
    cube = sample.image.levels[0].transpose(2, 0, 1)
    np.testing.assert_allclose(
        found["water"], water(cube, wavelengths), rtol=1e-6, equal_nan=True
    )
    middle = {
        name: np.nanmedian(found["haemoglobin"][sample.truth == TRUTH.index(name)])
        for name in ("fat", "bowel", "liver")
    }
    assert middle["fat"] < middle["bowel"] < middle["liver"]


def test_maps_that_cannot_be_made_say_why() -> None:
    plain = ImageSource.from_array(np.ones((9, 4, 5), np.float32), axes="CYX")
    with pytest.raises(ImageError, match="no map 'bile': choose oxygenation, haem"):
        tissue_map(plain, "bile")
    with pytest.raises(ImageError, match="wavelengths of 'image' are unknown"):
        tissue_map(plain, "water")
