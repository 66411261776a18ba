from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_ood_seg.core.data.tissue import oxygenation
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.optics import reflectance
from napari_ood_seg.surgical import NAMES, ORGANS, Surgery, operation, things

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_ood_seg.surgical import Frame

NM = tuple(np.linspace(500.0, 1000.0, 51).tolist())
SCENE = Surgery(size=(96, 128), wavelengths=NM, seed=3)
QUIET = replace(SCENE, noise=0.0)


@pytest.fixture(scope="module")
def frame() -> Frame:
    return QUIET.frame(4)


def cosine(spectra: npt.NDArray[Any], other: npt.NDArray[Any]) -> Any:
    sizes = np.linalg.norm(spectra, axis=-1) * np.linalg.norm(other)
    return spectra @ other / sizes


def test_every_thing_is_in_the_picture(frame: Frame) -> None:
    shares = np.bincount(frame.truth.ravel(), minlength=len(NAMES)) / frame.truth.size
    assert shares[0] == 0
    assert (shares[1:] > 0.005).all()


@pytest.mark.parametrize("name", NAMES[1:])
def test_spectra_are_those_of_the_thing_under_the_light(
    frame: Frame, name: str
) -> None:
    here = (frame.truth == NAMES.index(name)) & (frame.glare == 0)
    nm = np.array(NM)
    expected = reflectance(ORGANS[name], nm) if name in ORGANS else things(nm)[name]
    likeness = cosine(frame.cube[here].astype(np.float64), expected)
    assert np.median(likeness) > 0.998
    if name not in ORGANS:  # which vary in blood and scattering
        np.testing.assert_allclose(likeness, 1, atol=1e-6)


def test_glare_adds_the_same_to_all_bands(frame: Frame) -> None:
    wet = frame.glare > 0.1
    assert 0.0005 < wet.mean() < 0.05
    raised = frame.cube[wet].astype(np.float64)
    rest = raised - frame.glare[wet][:, None]
    assert rest.min() > 0
    assert (raised.std(1) / raised.mean(1) < rest.std(1) / rest.mean(1)).all()


def test_light_is_uneven_and_noise_small() -> None:
    loud, quiet = SCENE.frame(4), QUIET.frame(4)
    np.testing.assert_array_equal(loud.truth, quiet.truth)
    difference = (loud.cube - quiet.cube).std()
    assert 0.003 < difference < 0.02
    fat = quiet.cube[quiet.truth == NAMES.index("fat")].mean(1)
    assert np.quantile(fat, 0.98) > 1.4 * np.quantile(fat, 0.02)


def test_things_move_a_little_from_frame_to_frame() -> None:
    first, next_, later = (QUIET.frame(t).truth for t in (0, 1, 20))
    assert 0 < (first != next_).mean() < 0.05
    assert (first != later).mean() > (first != next_).mean()


def test_the_seed_says_it_all() -> None:
    again = Surgery(size=(96, 128), wavelengths=NM, seed=3).frame(7)
    np.testing.assert_array_equal(SCENE.frame(7).cube, again.cube)
    other = replace(SCENE, seed=4).frame(7)
    assert (other.truth != again.truth).mean() > 0.02


def test_less_oxygen_is_seen() -> None:
    found = []
    for oxygen in (1.0, 0.3):
        one = replace(QUIET, oxygen=oxygen).frame(0)
        bowel = (one.truth == NAMES.index("bowel")) & (one.glare == 0)
        found.append(np.median(oxygenation(one.cube[bowel].T, NM)))
    assert found[0] - found[1] > 0.2


def test_a_video_is_computed_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    compute = Surgery.frame

    def spy(self: Surgery, t: int) -> Frame:
        asked.append(t)
        return compute(self, t)

    monkeypatch.setattr(Surgery, "frame", spy)
    video = SCENE.video(1000)
    assert video.image.axes == "TYXC"
    assert video.image.plane_shape == (1000,)
    assert video.image.wavelengths == NM
    assert video.truth.shape == (1000, 96, 128)
    assert asked == []
    block = video.image.read(slice(10, 20), slice(30, 50), plane=(800,))
    truth = np.asarray(video.truth[800])
    assert asked == [800, 800]
    expected = compute(SCENE, 800)
    np.testing.assert_array_equal(block, expected.cube[10:20, 30:50].transpose(2, 0, 1))
    np.testing.assert_array_equal(truth, expected.truth)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"wavelengths": (400.0, 500.0)}, "from 500 to 1000 nm"),
        ({"wavelengths": ()}, "from 500 to 1000 nm"),
        ({"size": (16, 200)}, "32 pixels at least"),
        ({"oxygen": 1.5}, "oxygen from 0 to 1"),
        ({"noise": -1.0}, "noise from 0"),
    ],
)
def test_scenes_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        Surgery(**settings)


def test_operation_is_scribbled_where_its_truth_says_so() -> None:
    sample, again = operation(4), operation(4)
    frames = sample.image.levels[0]
    assert (frames.shape, frames.dtype) == ((4, 200, 272, 50), np.uint16)
    assert sample.truth is not None
    assert {s.plane for s in sample.scribbles.strokes} == {(0,), (2,)}
    for t in (0, 2):
        labels = sample.scribbles.to_labels(plane=(t,))
        painted = labels > 0
        np.testing.assert_array_equal(labels[painted], sample.truth[t][painted])
        assert set(np.unique(labels)) == {0, 1, 2, 3}
    names = [sample.truth_names[c.id] for c in sample.classes]
    assert names == [c.name.lower() for c in sample.classes]
    np.testing.assert_array_equal(frames, again.image.levels[0])
    scene = Surgery(size=(200, 272), wavelengths=sample.image.wavelengths or ())
    expected = scene.frame(3).cube * 10_000
    np.testing.assert_allclose(frames[3], expected, atol=0.51)
