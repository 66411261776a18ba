from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

import napari_ood_seg.core as ood
from napari_ood_seg.core.api import finish, training_set
from napari_ood_seg.core.device import pick_device
from napari_ood_seg.core.errors import (
    DeviceError,
    FileFormatError,
    ImageError,
    ModelMismatchError,
    ScribbleError,
)
from napari_ood_seg.core.inference.predict import predict as predict_store
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from napari_ood_seg.core.types import Progress

SIZE = 64


def _image(seed: int = 0, channels: int = 3) -> npt.NDArray[np.uint8]:
    """Return two textures side by side, with something else in a corner."""
    rng = np.random.default_rng(seed)
    image = rng.normal(90, 8, (SIZE, SIZE, channels))
    image[:, SIZE // 2 :] += rng.normal(60, 20, (SIZE, SIZE // 2, channels))
    image[48:, 48:] = 10
    return image.clip(0, 255).astype(np.uint8)


def _mask() -> npt.NDArray[np.uint8]:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for i in range(4):
        mask[4 + 10 * i : 10 + 10 * i, 6:22] = 1
        mask[4 + 10 * i : 10 + 10 * i, 38:56] = 2
    return mask


@pytest.fixture(scope="module")
def model() -> ood.InstantModel:
    return ood.train(_image(), _mask(), classes=["smooth", "rough"], device="cpu")


def test_classes_and_the_unknown_are_found(model: ood.InstantModel) -> None:
    labels = ood.predict(model, _image(), device="cpu").labels()
    assert (labels[4:40, 4:24] == 1).mean() > 0.9
    assert (labels[4:40, 38:58] == 2).mean() > 0.9
    assert (labels[52:60, 52:60] == ood.UNKNOWN).all()


def test_names_and_colours(model: ood.InstantModel) -> None:
    assert [(c.id, c.name) for c in model.classes] == [(1, "smooth"), (2, "rough")]
    assert len({c.color for c in model.classes}) == 2


def test_the_image_trained_on_gives_the_features_trained_on() -> None:
    source = ood.ImageSource.from_array(_image())
    trainer = InstantTrainer(ood.InstantConfig(), device=pick_device("cpu"))
    steps = trainer.fit([Scribbled(source, ood.Scribbles.from_labels(_mask()))], ())
    model = finish(steps)
    store = trainer.store(source)
    assert store is not None
    one, two = predict_store(model, store), ood.predict(model, source, device="cpu")
    np.testing.assert_array_equal(one.classes, two.classes)
    np.testing.assert_allclose(one.score, two.score, rtol=1e-5)


def test_every_form_of_input_is_the_same(
    model: ood.InstantModel, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "i.tif", _image(), photometric="rgb")
    tifffile.imwrite(tmp_path / "m.tif", _mask())
    ood.save_scribbles(
        tmp_path / "m.oodscribbles", ood.Scribbles.from_labels(_mask()), model.classes
    )
    source = ood.ImageSource.from_array(_image())
    forms: list[tuple[Any, Any]] = [
        (source, ood.Scribbles.from_labels(_mask())),
        ([_image()], (_mask(),)),
        (str(tmp_path / "i.tif"), tmp_path / "m.tif"),
        (tmp_path / "i.tif", str(tmp_path / "m.oodscribbles")),
    ]
    expected = ood.predict(model, _image(), device="cpu")
    for image, scribbles in forms:
        other = ood.train(image, scribbles, device="cpu")
        found = ood.predict(other, source, device="cpu")
        np.testing.assert_array_equal(found.classes, expected.classes)
        np.testing.assert_array_equal(found.score, expected.score)


def test_several_images() -> None:
    second = np.zeros_like(_mask())
    second[:40, 40:50] = 3
    model = ood.train([_image(), _image(1)], [_mask(), second], device="cpu")
    assert [c.id for c in model.classes] == [1, 2, 3]
    assert [c.name for c in model.classes] == ["class 1", "class 2", "class 3"]


def test_the_kind_of_the_scribbles_names_the_classes(tmp_path: Path) -> None:
    info = ood.ClassInfo(id=2, name="Rough", color="#123456")
    path = tmp_path / "m.oodscribbles"
    ood.save_scribbles(path, ood.Scribbles.from_labels(_mask()), [info])
    classes = training_set(_image(), path).classes
    assert classes[1] == info
    assert classes[0].name == "class 1"
    named = training_set(_image(), path, ["a", "b"]).classes
    assert [(c.name, c.color) for c in named][1] == ("b", "#123456")
    replaced = training_set(_image(), path, [ood.ClassInfo(id=2, name="c", color="#0")])
    assert replaced.classes[1].name == "c"


def test_progress_and_probabilities(model: ood.InstantModel) -> None:
    steps: list[Progress] = []
    config = ood.InstantConfig(tile=32)
    small = ood.train(_image(), _mask(), config=config, on_progress=steps.append)
    assert {s.stage for s in steps} >= {"computing features", "fitting"}
    steps.clear()
    found = ood.predict(
        small, _image(), device="cpu", probabilities=True, on_progress=steps.append
    )
    assert steps[-1].done == steps[-1].total > 0
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities.sum(0), 1, atol=1e-5)
    by_posterior = np.array(small.class_ids)[found.probabilities.argmax(0)]
    np.testing.assert_array_equal(by_posterior, found.classes)


def test_plane_of_a_stack(model: ood.InstantModel) -> None:
    stack = ood.ImageSource.from_array(
        np.stack([_image(), _image()[::-1]]), axes="ZYXC", rgb=True
    )
    first = ood.predict(model, stack, device="cpu", plane=(0,))
    second = ood.predict(model, stack, device="cpu", plane=(1,))
    np.testing.assert_array_equal(second.labels()[::-1][52:60, 52:60], ood.UNKNOWN)
    assert (first.classes != second.classes).any()
    with pytest.raises(ImageError, match="choose Z from 0 to 1"):
        ood.predict(model, stack, device="cpu", plane=(2,))
    with pytest.raises(ImageError, match="not a stack"):
        ood.predict(model, _image(), device="cpu", plane=(0,))


@pytest.mark.parametrize(
    ("images", "scribbles", "error", "words"),
    [
        ([], [], ImageError, "no image"),
        ([_image()], [_mask(), _mask()], ScribbleError, "1 images but 2"),
        (_image(), np.zeros_like(_mask()), ScribbleError, "no scribbles yet"),
        (_image(), _mask()[:9], ScribbleError, "9 x 64 pixels but"),
        ([_image()] * 2, [_mask(), _mask()[:9]], ScribbleError, "'image'"),
        (_image(), _mask().astype(float), ScribbleError, "whole numbers"),
        (_image(), _mask() + np.uint8(254), ScribbleError, "class ids 1 to 254"),
        (None, _mask(), ImageError, "got nothing"),
        (_image(), 7, ScribbleError, "got a int"),
        ("none.tif", _mask(), ImageError, "no file"),
        (_image(), "none.png", ImageError, "no file"),
        (_image(), "none.oodscribbles", FileFormatError, "no file"),
        (np.full((64, 64), 3.0), _mask(), ImageError, "constant"),
        (np.full((64, 64), np.nan), _mask(), ImageError, "no finite pixel"),
        ([_image(), _image()[..., 0]], [_mask()] * 2, ModelMismatchError, "differ"),
    ],
)
def test_training_errors(
    images: Any, scribbles: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        ood.train(images, scribbles, device="cpu")
    assert "\n" not in str(caught.value)


def test_two_files_that_disagree_on_a_class(tmp_path: Path) -> None:
    for name in ("a", "b"):
        ood.save_scribbles(
            tmp_path / f"{name}.oodscribbles",
            ood.Scribbles.from_labels(_mask()),
            [ood.ClassInfo(id=1, name=name, color="#000000")],
        )
    paths = sorted(tmp_path.glob("*.oodscribbles"))
    with pytest.raises(ScribbleError, match="'a' in one scribble file and 'b'"):
        ood.train([_image()] * 2, paths, device="cpu")


def test_prediction_errors(model: ood.InstantModel) -> None:
    with pytest.raises(ModelMismatchError, match="3 channels"):
        ood.predict(model, _image()[..., 0], device="cpu")
    with pytest.raises(DeviceError, match="choose auto"):
        ood.predict(model, _image(), device="abacus")
    with pytest.raises(ImageError, match="no finite pixel"):
        ood.predict(model, np.full((9, 9, 3), np.nan), device="cpu")


def test_an_error_in_the_callback_stops_the_task() -> None:
    def fail(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ood.train(_image(), _mask(), device="cpu", on_progress=fail)


def test_the_kind_of_the_settings_chooses_the_engine() -> None:
    """A network that is trained so little is no help, but it is there, and no harm."""
    told: list[Progress] = []
    config = ood.DeepConfig(
        width=8, steps=20, patch=32, batch=4, check_every=10, evidence="both"
    )
    deep = ood.train(
        _image(), _mask(), config=config, device="cpu", on_progress=told.append
    )
    assert deep.descriptor.network is not None
    assert [p.done for p in told if p.stage == "training the network"] == list(
        range(1, 21)
    )
    labels = ood.predict(deep, _image(), device="cpu").classes
    assert (labels[8:40, 6:22] == 1).mean() > 0.95
    assert (labels[8:40, 38:56] == 2).mean() > 0.95
