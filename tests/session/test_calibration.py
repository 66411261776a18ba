"""Counts become reflectance, and strokes stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.device import one_thread
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled
from napari_ood_seg.session.calibration import is_spectral
from napari_ood_seg.session.session import Session
from tests.contracts.owner import InlineExecutor
from tests.contracts.scenes import (
    CPU,
    LEFT,
    MIDDLE,
    SHAPE,
    assert_same_model,
    drive,
    strip,
    three_textures,
)

if TYPE_CHECKING:
    from pathlib import Path

BANDS = 10
CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
TRUE = np.round(three_textures(BANDS) * 100) / 100
"""The reflectance."""
WHITE = np.linspace(2000, 4000, BANDS) + 100 * np.arange(SHAPE[1])[:, None]
"""`(w, c)`: another lamp for each band, brighter to the right."""
DARK = np.linspace(100, 300, BANDS)
COUNTS = TRUE * (WHITE - DARK) + DARK


def image(data: Any, name: str, axes: str = "YXC") -> ImageSource:
    return ImageSource.from_array(data, axes=axes, name=name, rgb=False)


def read(source: ImageSource, plane: tuple[int, ...] = ()) -> Any:
    return source.read(slice(0, source.height), slice(0, source.width), plane=plane)


class Scene(NamedTuple):
    """A session with counts and strokes on them, and the references."""

    session: Session
    counts: ImageSource
    white: ImageSource
    dark: ImageSource
    told: list[tuple[str, str]]


@pytest.fixture
def scene() -> Scene:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    session.set_config(CONFIG)
    session.set_device("cpu")
    told: list[tuple[str, str]] = []
    session.message.connect(lambda text, kind: told.append((text, kind)))
    counts = image(COUNTS, "counts")
    session.set_image(counts)
    for row in (12, 30, 48):
        session.paint(1, strip(row, LEFT))
        session.paint(2, strip(row, MIDDLE))
    white = image(WHITE[None], "tile")
    dark = image(DARK[None, None], "shutter")
    return Scene(session, counts, white, dark, told)


def test_the_values_are_reflectance(scene: Scene) -> None:
    session = scene.session
    session.calibrate(scene.white, scene.dark)
    assert session.source is not None
    np.testing.assert_allclose(read(session.source), TRUE.transpose(2, 0, 1), atol=1e-5)
    assert session.calibration == (scene.counts, scene.white, scene.dark)
    text = "calibrated to reflectance by white 'tile' and dark 'shutter'"
    assert scene.told[-1] == (text, "info")


def test_without_a_dark_reference_it_is_0(scene: Scene) -> None:
    scene.session.calibrate(scene.white)
    assert scene.session.source is not None
    expected = (COUNTS / WHITE).transpose(2, 0, 1)
    np.testing.assert_allclose(read(scene.session.source), expected, rtol=1e-5)


def test_references_may_be_files(scene: Scene, tmp_path: Path) -> None:
    np.save(tmp_path / "white.npy", np.broadcast_to(WHITE, COUNTS.shape))
    np.save(tmp_path / "dark.npy", np.broadcast_to(DARK, COUNTS.shape))
    scene.session.calibrate(tmp_path / "white.npy", tmp_path / "dark.npy")
    assert scene.session.source is not None
    found = read(scene.session.source)
    np.testing.assert_allclose(found, TRUE.transpose(2, 0, 1), atol=1e-5)


def test_each_frame_of_a_series_is_calibrated(scene: Scene) -> None:
    session = scene.session
    frames = np.stack([COUNTS, 0.5 * (COUNTS - DARK) + DARK])
    session.set_image(image(frames.transpose(0, 3, 1, 2), "series", "TCYX"))
    session.set_plane((1,))
    session.calibrate(scene.white, scene.dark)
    assert session.plane == (1,)
    assert session.source is not None
    expected = 0.5 * TRUE.transpose(2, 0, 1)
    np.testing.assert_allclose(read(session.source, (1,)), expected, atol=1e-5)


def test_strokes_undo_and_what_is_left_out_stay(scene: Scene) -> None:
    session = scene.session
    before, classes = session.scribbles, session.classes
    session.learn_from(scene.counts, learn=False)
    told: list[tuple[ImageSource, ImageSource]] = []
    session.image_exchanged.connect(lambda *both: told.append(both))
    session.calibrate(scene.white)
    after = session.source
    assert after is not None
    assert told == [(scene.counts, after)]
    assert session.scribbles is before
    assert session.classes is classes
    assert session.left_out == {after}
    assert session.images == (after,)
    session.take_back()
    assert session.left_out == {scene.counts}
    assert session.images == (scene.counts,)


def test_what_is_learned_is_reflectance(scene: Scene) -> None:
    session = scene.session
    session.calibrate(scene.white, scene.dark)
    session.train()
    assert session.source is not None
    trainer = InstantTrainer(CONFIG, device=CPU)
    images = [Scribbled(session.source, session.scribbles)]
    with one_thread():  # as the worker does: sums of two threads round otherwise
        expected = drive(trainer.fit(images, session.classes))
    assert session.model is not None
    assert_same_model(session.model, expected)
    assert session.result is not None
    assert (session.result.labels(1.0)[LEFT] == 1).mean() > 0.9


def test_results_of_other_values_go(scene: Scene) -> None:
    session = scene.session
    session.train()
    model, result = session.model, session.result
    assert result is not None
    started: list[object] = []
    session.result_started.connect(lambda: started.append(session.result))
    session.calibrate(scene.white)
    assert session.result is None
    assert started == [None]
    assert session.model is model
    assert "train again" in scene.told[-1][0]


def test_nothing_is_predicted_by_a_model_of_other_values(scene: Scene) -> None:
    session = scene.session
    session.train()
    session.calibrate(scene.white)
    session.predict_ahead()
    assert session.result is None


def test_live_mode_trains_again(scene: Scene) -> None:
    session = scene.session
    session.set_live(True)
    model = session.model
    assert model is not None
    session.calibrate(scene.white, scene.dark)
    assert session.model is not model
    assert session.result is not None
    calibrated = session.model
    session.take_back()
    assert session.model is not calibrated
    assert session.source is scene.counts


def test_it_is_taken_back(scene: Scene) -> None:
    session = scene.session
    session.take_back()  # nothing to take back
    assert session.source is scene.counts
    session.calibrate(scene.white)
    session.calibrate(scene.white, scene.dark)  # anew, from the counts
    assert session.source is not None
    found = read(session.source)
    np.testing.assert_allclose(found, TRUE.transpose(2, 0, 1), atol=1e-5)
    assert session.counts_of(session.source) is scene.counts
    session.take_back()
    assert session.source is scene.counts
    assert session.calibration is None
    assert scene.told[-1] == ("values are as they were opened", "info")


def test_a_reference_that_is_calibrated_itself_is_read_as_it_was(scene: Scene) -> None:
    session = scene.session
    session.set_image(scene.white)
    session.calibrate(image(2 * WHITE[None], "brighter"))
    calibrated = session.source
    assert calibrated is not None
    np.testing.assert_allclose(read(calibrated), 0.5, rtol=1e-6)
    session.set_image(scene.counts)
    session.calibrate(calibrated)
    assert session.calibration is not None
    assert session.calibration.white is scene.white


@pytest.mark.parametrize(
    ("white", "words"),
    [
        (np.ones((*SHAPE, 7)), "has 7 bands, the image 10"),
        (np.ones((5, 7, BANDS)), "has 5 x 7 pixels, the image 64 x 96"),
        (np.zeros((1, 1, BANDS)), "nowhere brighter"),
    ],
    ids=["bands", "size", "black"],
)
def test_what_does_not_fit_is_told(scene: Scene, white: Any, words: str) -> None:
    ended: list[int] = []
    scene.session.calibration_changed.connect(lambda: ended.append(1))
    scene.session.calibrate(image(white, "tile"))
    text, kind = scene.told[-1]
    assert (words in text, kind) == (True, "error")
    assert "\n" not in text
    assert ended == [1]
    assert scene.session.source is scene.counts
    assert scene.session.calibration is None


def test_a_file_that_is_not_there_is_told(scene: Scene, tmp_path: Path) -> None:
    scene.session.calibrate(tmp_path / "none.hdr")
    text, kind = scene.told[-1]
    assert ("none.hdr" in text, kind) == (True, "error")


def test_without_an_image(scene: Scene) -> None:
    scene.session.set_image(None)
    scene.session.calibrate(scene.white)
    assert scene.told[-1] == ("choose an image to calibrate first", "warning")
    scene.session.take_back()
    assert scene.session.calibration is None


def test_images_that_are_gone_are_forgotten(scene: Scene) -> None:
    session = scene.session
    session.calibrate(scene.white)
    after = session.source
    assert after is not None
    session.set_images((scene.white,))
    assert session.counts_of(after) is after


def test_others_with_other_values_are_told(scene: Scene) -> None:
    session = scene.session
    session.set_image(image(COUNTS, "second"))
    session.paint(1, strip(12, LEFT))
    session.calibrate(scene.white)
    text, kind = scene.told[-1]
    assert kind == "warning"
    assert text.endswith("still not calibrated and learned from: 'counts'")


def test_spectra_are_told_by_wavelengths_or_channels() -> None:
    few = ImageSource.from_array(
        np.zeros((4, 4, 4)), axes="YXC", rgb=False, wavelengths=(1, 2, 3, 4)
    )
    assert is_spectral(few)
    assert not is_spectral(image(np.zeros((4, 4, 8)), "eight"))
