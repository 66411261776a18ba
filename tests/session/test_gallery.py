"""Several images in one session: train on some, predict all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

import napari_ood_seg.core as ood
from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.resampling import Resampling
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.inference.view import View
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled
from napari_ood_seg.core.types import UNLABELLED, ClassInfo, Progress
from napari_ood_seg.session.session import Session
from tests.contracts.owner import InlineExecutor
from tests.contracts.scenes import (
    CPU,
    LEFT,
    MIDDLE,
    RIGHT,
    SHAPE,
    assert_same_model,
    drive,
    strip,
    three_textures,
)

if TYPE_CHECKING:
    import numpy.typing as npt

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
SEEN = View(region=(slice(0, SHAPE[0]), slice(0, SHAPE[1])), stride=1)


class Two(NamedTuple):
    """A session with two images; the second one is worked on."""

    session: Session
    first: ImageSource
    second: ImageSource
    told: list[tuple[str, str]]


def picture(seed: int, n_channels: int = 3) -> ImageSource:
    array = three_textures(n_channels, seed=seed)
    return ImageSource.from_array(array, axes="YXC", name=f"picture {seed}")


@pytest.fixture
def two() -> Two:
    """Left and middle are painted on the first image, right on the second."""
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    session.set_config(CONFIG)
    session.set_device("cpu")
    first, second = picture(0), picture(1)
    told: list[tuple[str, str]] = []
    session.message.connect(lambda text, kind: told.append((text, kind)))
    session.set_image(first)
    for row in (12, 30, 48):
        session.paint(1, strip(row, LEFT))
        session.paint(2, strip(row, MIDDLE))
    session.set_image(second)
    for row in (12, 30, 48):
        session.paint(3, strip(row, RIGHT))
    return Two(session, first, second, told)


def test_learns_from_all_images(two: Two) -> None:
    session = two.session
    session.train()
    images = [
        Scribbled(two.second, session.scribbles),
        Scribbled(two.first, session.scribbles_on(two.first)),
    ]
    assert session.model is not None
    trainer = InstantTrainer(CONFIG, device=CPU)
    assert_same_model(session.model, drive(trainer.fit(images, session.classes)))
    result = session.result
    assert result is not None
    for where, class_id in ((LEFT, 1), (MIDDLE, 2), (RIGHT, 3)):
        assert (result.classes[where] == class_id).mean() > 0.9


def test_images_that_are_left_out_are_not_learned_from(two: Two) -> None:
    session = two.session
    session.learn_from(two.first, learn=False)
    session.train()
    assert session.model is not None
    assert [c.id for c in session.model.classes] == [3]
    session.learn_from(two.first, learn=True)
    session.learn_from(two.second, learn=False)
    session.train()
    assert [c.id for c in session.model.classes] == [1, 2]
    session.learn_from(two.first, learn=False)
    session.train()
    assert two.told[-1][1] == "warning"
    assert "Learn from" in two.told[-1][0]


def test_live_trains_when_an_image_is_left_out(two: Two) -> None:
    session = two.session
    session.set_live(True)
    session.learn_from(two.second, learn=False)
    assert session.model is not None
    assert [c.id for c in session.model.classes] == [1, 2]


def test_images_with_other_channels_are_left_alone(two: Two) -> None:
    session = two.session
    spectral = picture(2, n_channels=5)
    session.set_image(spectral)
    session.train()
    assert two.told[-1][1] == "warning"
    session.paint(1, strip(12, LEFT))
    session.paint(1, strip(30, LEFT))
    session.train()
    assert session.model is not None
    assert session.model.n_channels == 5
    assert session.model.facts["trained_on"] == ["picture 2"]


def test_strokes_and_results_come_back(two: Two) -> None:
    session = two.session
    session.train()
    strokes, result = session.scribbles, session.result
    session.set_image(two.first)
    assert session.scribbles.class_ids == (1, 2)
    assert session.shelf.get(two.second) is strokes
    session.set_image(two.second)
    assert session.scribbles is strokes
    assert session.result is result


def test_predict_all_is_what_each_image_alone_gives(two: Two) -> None:
    session = two.session
    third = picture(3)
    session.set_images([two.first, two.second, third])
    session.train()
    session.predict_all()
    assert session.model is not None
    for source in (two.first, two.second, third):
        found = session.result_of(source)
        assert found is not None
        assert not found.lacks(None)
    wanted = ood.predict(session.model, third, device="cpu")
    found = session.result_of(third)
    assert found is not None
    assert (found.classes == wanted.classes).mean() > 0.999
    assert np.abs(found.typicality - wanted.typicality).max() < 1e-3


def test_an_image_learnt_from_before_is_seen_as_the_model_sees_it(two: Two) -> None:
    """The features that were kept of it have other axes than those of the model."""
    session = two.session
    session.set_image(two.first)
    session.learn_from(two.second, learn=False)
    session.train()
    session.learn_from(two.second, learn=True)
    session.learn_from(two.first, learn=False)
    session.set_image(two.second)
    session.train()
    session.predict_all()
    assert session.model is not None
    found = session.result_of(two.first)
    assert found is not None
    wanted = ood.predict(session.model, two.first, device="cpu")
    assert (found.classes == wanted.classes).mean() > 0.999
    assert np.abs(found.typicality - wanted.typicality).max() < 1e-3


def spectral(name: str, nm: npt.NDArray[np.floating], seed: int) -> ImageSource:
    """Return three textures at 500 to 610 nm, resampled."""
    bands = np.arange(12) * 10.0 + 500
    array = np.moveaxis(three_textures(12, seed=seed), -1, 0)
    values = Resampling.between(bands.tolist(), nm.tolist())(array)
    return ImageSource.from_array(
        values, axes="CYX", name=name, wavelengths=tuple(nm.tolist())
    )


def test_images_with_other_wavelengths_are_learnt_from_and_predicted(two: Two) -> None:
    session = two.session
    coarse = spectral("coarse", np.arange(12) * 10.0 + 500, 5)
    fine = spectral("fine", np.arange(23) * 5.0 + 500, 6)
    far = ImageSource.from_array(
        three_textures(12), axes="YXC", wavelengths=tuple(np.arange(12) * 10.0 + 700)
    )
    session.set_images([coarse, fine, far])
    assert session.others_like(coarse) == (fine,)
    assert session.others_like(far) == ()
    session.set_image(coarse)
    for row in (12, 30, 48):
        session.paint(1, strip(row, LEFT))
    session.set_image(fine)
    for row in (12, 30, 48):
        session.paint(2, strip(row, MIDDLE))
    session.train()
    assert session.model is not None
    assert session.model.facts["trained_on"] == ["fine", "coarse"]
    assert session.model.remarks == (
        "The 12 bands of 'coarse' were resampled to the 23 wavelengths of the model.",
    )
    session.predict_all()
    for source in (coarse, fine):
        found = session.result_of(source)
        assert found is not None
        assert (found.classes[LEFT] == 1).mean() > 0.95
        assert (found.classes[MIDDLE] == 2).mean() > 0.95
    session.set_image(coarse)
    session.paint(1, strip(20, LEFT))
    session.train()
    assert session.model.facts["trained_on"] == ["coarse", "fine"]
    assert session.model.n_channels == 23  # as before: nothing is computed anew


def test_predict_all_says_what_it_leaves_out(two: Two) -> None:
    two.session.set_images([two.first, two.second, picture(4, n_channels=5)])
    two.session.train()
    two.session.predict_all()
    assert (
        "left out, as too large or with other channels: 'picture 4'",
        "warning",
    ) in (two.told)


def test_another_model_makes_other_results_old_until_there_is_time(two: Two) -> None:
    session = two.session
    session.set_view(SEEN)
    session.train()
    session.predict_all()
    old = session.result_of(two.first)
    assert old is not None
    session.paint(3, strip(20, RIGHT))
    session.train()
    assert session.result_of(two.first) is old, "shown until it is replaced"
    assert old.lacks(None)
    session.predict_ahead()
    assert not old.lacks(None)
    assert session.model is not None
    wanted = ood.predict(session.model, two.first, device="cpu").typicality
    assert np.abs(old.typicality - wanted).max() < 1e-2


def test_stop_blanks_what_is_old(two: Two) -> None:
    session = two.session
    session.set_view(SEEN)
    session.train()
    session.predict_all()
    session.paint(3, strip(20, RIGHT))
    session.train()
    session.stop()
    old = session.result_of(two.first)
    assert old is not None
    assert (old.classes == UNLABELLED).all()


def test_live_goes_on_with_the_next_image(two: Two) -> None:
    session = two.session
    session.set_view(SEEN)
    session.set_live(True)
    session.set_image(two.first)
    assert session.result is None
    session.set_view(SEEN)
    result = session.result_of(two.first)
    assert result is not None
    assert (result.classes[LEFT] == 1).mean() > 0.9


def test_an_image_that_is_gone_is_forgotten(two: Two) -> None:
    session = two.session
    session.learn_from(two.first, learn=False)
    session.set_images([two.second])
    assert session.shelf.sheets == ()
    assert session.left_out == frozenset()
    session.train()
    assert session.model is not None
    assert [c.id for c in session.model.classes] == [3]


@pytest.mark.parametrize("step", range(1, 5))
def test_an_image_may_go_while_it_is_learned_from(two: Two, step: int) -> None:
    """What runs goes on with what it has; then nothing of the image is kept."""
    session = two.session
    session.train()
    steps: list[Progress] = []

    def remove(progress: Progress) -> None:
        steps.append(progress)
        if len(steps) == step:
            session.set_images([two.second])

    session.progressed.connect(remove)
    session.train()
    assert len(steps) > step
    assert two.told[-1][1] == "info"
    assert session.model is not None
    assert [c.id for c in session.model.classes] == [1, 2, 3]
    assert list(session._workshop._stores()) == [two.second]


# ------------------------------------------------------------------------- classes


def test_commands_on_classes_hold_for_all_images(two: Two) -> None:
    session = two.session
    before = session.shelf.get(two.first)
    session.merge_classes(1, into=3)
    assert session.scribbles_on(two.first).class_ids == (2, 3)
    session.remove_class(2)
    assert session.scribbles_on(two.first).class_ids == (3,)
    session.undo()
    session.undo()
    assert session.shelf.get(two.first) is before
    assert [c.id for c in session.classes] == [1, 2, 3]
    session.redo()
    assert session.scribbles_on(two.first).class_ids == (2, 3)


def test_a_class_that_is_painted_elsewhere_stays_on_import(two: Two) -> None:
    only = ClassInfo(id=3, name="right", color="#112233")
    stay = two.session.import_classes([only])
    assert [c.id for c in stay] == [1, 2]


def test_classes_of_other_strokes_are_joined_by_name(two: Two) -> None:
    session = two.session
    session.rename_class(1, "kidney")
    theirs = (
        ClassInfo(id=1, name="liver", color="#112233"),
        ClassInfo(id=2, name="kidney", color="#445566"),
        ClassInfo(id=7, name="spleen", color="#778899"),
    )
    assert session.join_classes(theirs) == {1: 4, 2: 1}
    assert [(c.id, c.name) for c in session.classes] == [
        (1, "kidney"),
        (2, "class 2"),
        (3, "class 3"),
        (4, "liver"),
        (7, "spleen"),
    ]


def test_without_strokes_their_classes_replace_ours() -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    session.add_class("ours")
    theirs = (ClassInfo(id=5, name="theirs", color="#112233"),)
    assert session.join_classes(theirs) == {}
    assert session.classes == theirs


def test_scribbles_of_an_image_without_any() -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    alone = picture(0)
    assert session.scribbles_on(alone).shape == Scribbles(SHAPE).shape
    assert session.scribbles_on(alone).strokes == ()
