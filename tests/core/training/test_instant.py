from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_ood_seg.core.config import (
    FilterConfig,
    InstantConfig,
    PUConfig,
    SpectralConfig,
)
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError, ModelMismatchError, ScribbleError
from napari_ood_seg.core.inference.predict import open_features, predict
from napari_ood_seg.core.training.instant import (
    InstantTrainer,
    Scribbled,
    check,
    train,
)
from napari_ood_seg.core.types import ClassInfo, Progress
from napari_ood_seg.surgical import Surgery
from tests.contracts.scenes import (
    CPU,
    FINE,
    LEFT,
    MIDDLE,
    NM,
    RIGHT,
    SHAPE,
    Fitted,
    assert_close,
    assert_same_model,
    cube_at,
    drive,
    fit,
    strip,
    strokes,
    three_textures,
)

if TYPE_CHECKING:
    import numpy.typing as npt

QUICK = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)))
SMALL = replace(QUICK, pu=PUConfig(steps=5, members=1))
SOURCE = ImageSource.from_array(three_textures(), axes="YXC")


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(three_textures())


# -------------------------------------------------------------------------- values


def test_spectra_are_told_by_their_bands_alone() -> None:
    """What nobody painted is told better than with edges and texture."""
    nm = tuple(np.linspace(500.0, 1000.0, 40).tolist())
    frame = Surgery(size=(96, 128), wavelengths=nm, seed=3).frame(0)
    painted = np.isin(frame.truth, (1, 2, 3)) & (np.indices((96, 128)).sum(0) % 5 == 0)
    source = ImageSource.from_array(frame.cube, axes="YXC")
    scribbles = Scribbles.from_labels(np.where(painted, frame.truth, 0))
    usual, others = InstantConfig(), SpectralConfig(like_others=True)
    found = {}
    for config in (usual, InstantConfig(spectra=others)):
        trainer = InstantTrainer(config, device=CPU)
        model = drive(trainer.fit([Scribbled(source, scribbles)], []))
        assert model.config == config.suited(40)
        prediction = predict(model, open_features(model, source, device=CPU))
        known = np.isin(frame.truth, (1, 2, 3))
        unknown = np.isin(frame.truth, (4, 5, 6, 7, 8))
        score = rank_area(prediction.score[unknown], prediction.score[known])
        found[config] = score, (prediction.classes == frame.truth)[known].mean()
    (area, right), (area_others, right_others) = found.values()
    assert area > max(area_others, 0.98)
    assert right > max(right_others, 0.98)


def test_large_image_is_measured_all_over() -> None:
    """What nobody painted is told, though the left of the image has none of it.

    The sample of a large image was nine crops, of one this wide all from its left edge:
    textures of its right were all alike.
    """
    size = 1728
    y, x = np.mgrid[:size, :size] * (2 * np.pi / 512)
    waves = [np.sin(40 * x), np.sin(16 * (x + y)), np.cos(25 * y), np.sin(9 * (x - y))]
    tints = [(1, 0.5, 0.7), (0.6, 0.5, 1), (1, 0.9, 0.5), (0.3, 0.8, 0.5)]
    rng = np.random.default_rng(0)
    which = (np.arange(size) > 576)[None, :] * 2 + (np.arange(size) > 864)[:, None]
    grey = np.choose(which, waves) * 40 + rng.normal(140, 15, (size, size))
    image = (grey[..., None] * np.array(tints)[which]).clip(0, 255).astype(np.uint8)
    labels = np.zeros((size, size), np.uint8)
    for k, (row, column) in enumerate([(300, 200), (1300, 200), (300, 1100)]):
        for i in range(3):
            there = slice(row + 90 * i, row + 90 * i + 6), slice(column, column + 90)
            labels[there] = 1 + k
    source = ImageSource.from_array(image, axes="YXC", rgb=True)
    images = [Scribbled(source, Scribbles.from_labels(labels))]
    model = drive(train(images, config=InstantConfig(), device=CPU))
    features = open_features(model, source, device=CPU)
    typicality = predict(model, features).typicality
    never, painted = typicality[1000:, 800:], typicality[100:700, 800:]
    assert (never < 0.05).mean() > 0.95
    assert (painted < 0.05).mean() < 0.2


def rank_area(higher: npt.NDArray[np.float32], lower: npt.NDArray[np.float32]) -> float:
    """Return how often one of `higher` is above one of `lower`: the ROC's area."""
    below = np.searchsorted(np.sort(lower), higher)
    return float(below.mean() / len(lower))


def test_classes_are_found(fitted: Fitted) -> None:
    assert (fitted.prediction.classes[LEFT] == 1).mean() > 0.99
    assert (fitted.prediction.classes[MIDDLE] == 2).mean() > 0.99


def test_what_was_never_scribbled_is_unknown(fitted: Fitted) -> None:
    labels = fitted.prediction.labels(keep=0.95)
    assert (labels[RIGHT] == 255).mean() > 0.95
    assert (labels[LEFT] == 1).mean() > 0.75
    assert (labels[MIDDLE] == 2).mean() > 0.75


@pytest.mark.parametrize(
    ("class_id", "known"), [(1, LEFT), (2, MIDDLE)], ids=["left", "middle"]
)
def test_one_class_only(class_id: int, known: tuple[slice, slice]) -> None:
    """Legal: pixels of every other kind are less typical than those of the class."""
    found = fit(three_textures(), strokes(class_id)).prediction
    assert (found.classes == class_id).all()
    here = np.median(found.typicality[known])
    for other in (p for p in (LEFT, MIDDLE, RIGHT) if p != known):
        assert np.median(found.typicality[other]) < 0.2 * here


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.95])
def test_most_pixels_of_a_class_stay_known(keep: float) -> None:
    """At least `keep` of them: a held-out stroke is further away than they are."""
    found = fit(three_textures(seed=3)).prediction
    known = [(found.typicality[p] >= 1 - keep).mean() for p in (LEFT, MIDDLE)]
    assert np.mean(known) > keep - 0.05


def test_probabilities_follow_the_classes(fitted: Fitted) -> None:
    p = fitted.prediction
    assert p.probabilities is not None
    np.testing.assert_allclose(p.probabilities.sum(0), 1, atol=1e-5)
    np.testing.assert_array_equal(p.probabilities.argmax(0) + 1, p.classes)


# ------------------------------------------------------------------- undo, caching


def kept(trainer: InstantTrainer, source: ImageSource, scribbles: Scribbles) -> object:
    return drive(trainer.fit([Scribbled(source, scribbles)], ()))


def test_an_undone_stroke_leaves_no_trace() -> None:
    source = ImageSource.from_array(three_textures())
    before = strokes()
    more = before.add(1, strip(20, LEFT)).add(3, strip(30, RIGHT))
    over = more.add(2, strip(11, LEFT))  # covers most of the first stroke of class 1
    trainer = InstantTrainer(InstantConfig(), device=CPU)
    first = drive(trainer.fit([Scribbled(source, before)], ()))
    drive(trainer.fit([Scribbled(source, more)], ()))
    drive(trainer.fit([Scribbled(source, over)], ()))
    undone = drive(trainer.fit([Scribbled(source, before)], ()))
    assert_same_model(undone, first)
    never = fit(three_textures(), before).model
    assert_same_model(undone, never)
    redone = drive(trainer.fit([Scribbled(source, over)], ()))
    assert_same_model(redone, fit(three_textures(), over).model)


def test_a_stroke_does_change_the_model() -> None:
    image = three_textures()
    a = fit(image, strokes()).model
    b = fit(image, strokes().add(1, strip(20, LEFT))).model
    with pytest.raises(AssertionError):
        assert_same_model(a, b)


def test_cancelled_halfway_leaves_no_trace() -> None:
    source = ImageSource.from_array(three_textures())
    job = [Scribbled(source, strokes())]
    trainer = InstantTrainer(QUICK, device=CPU)
    n_steps = sum(1 for _ in InstantTrainer(QUICK, device=CPU).fit(job, ()))
    for stop in range(1, n_steps + 1):
        steps = trainer.fit(job, ())
        for _ in range(min(stop, 3)):
            next(steps)
        steps.close()
    assert_same_model(drive(trainer.fit(job, ())), fit(source, config=QUICK).model)


def test_features_are_computed_once() -> None:
    source = ImageSource.from_array(three_textures())
    trainer = InstantTrainer(QUICK, device=CPU)
    job = [Scribbled(source, strokes())]
    assert trainer.store(source) is None
    first = list(trainer.fit(job, ()))
    store = trainer.store(source)
    again = list(trainer.fit(job, ()))
    assert trainer.store(source) is store
    assert len(again) < len(first)
    assert all(isinstance(step, Progress) for step in first)
    trainer.forget(source)
    assert trainer.store(source) is None
    assert_same_model(drive(trainer.fit(job, ())), fit(source, config=QUICK).model)


def test_training_twice_gives_the_same_bits(fitted: Fitted) -> None:
    assert_same_model(fit(three_textures()).model, fitted.model)


def test_global_generator_is_neither_used_nor_moved() -> None:
    before = torch.get_rng_state()
    fit(three_textures(), config=QUICK)
    assert torch.equal(torch.get_rng_state(), before)


# ------------------------------------------------------------------ kinds of images


def same(a: Fitted, b: Fitted) -> None:
    """Assert that two say the same, up to rounding."""
    assert_close(a.prediction.score, b.prediction.score, atol=1e-3)
    np.testing.assert_array_equal(a.prediction.classes, b.prediction.classes)
    assert_close(a.prediction.typicality, b.prediction.typicality, atol=1e-3)


@pytest.mark.parametrize("n_channels", [2, 3, 9, 60, 200])
def test_channel_first_equals_channel_last(n_channels: int) -> None:
    image = three_textures(n_channels)
    last = fit(image, config=QUICK, axes="YXC")
    first = fit(
        np.ascontiguousarray(image.transpose(2, 0, 1)), config=QUICK, axes="CYX"
    )
    same(first, last)
    assert (last.prediction.classes[LEFT] == 1).mean() > 0.95
    assert (last.prediction.classes[MIDDLE] == 2).mean() > 0.95


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float64, ">f4"])
def test_type_of_the_pixels_does_not_matter(
    dtype: npt.DTypeLike,
) -> None:
    kind = np.dtype(dtype)
    scale = np.iinfo(kind).max if kind.kind == "u" else 1
    image = (three_textures() * scale).astype(kind)
    assert_same_model(
        fit(image, config=QUICK).model,
        fit(image.astype(np.float32), config=QUICK).model,
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_alpha_is_ignored(dtype: npt.DTypeLike, rng: np.random.Generator) -> None:
    rgb = (three_textures() * 255).astype(dtype)
    alpha = rng.integers(0, 255, (*SHAPE, 1)).astype(dtype)
    same(fit(np.concatenate([rgb, alpha], 2), config=QUICK), fit(rgb, config=QUICK))


@pytest.mark.parametrize("axes", ["YX", "YXC", "CYX"])
def test_greyscale_with_and_without_a_channel_axis(axes: str) -> None:
    grey = three_textures()[..., 0]
    shaped = {"YX": grey, "YXC": grey[..., None], "CYX": grey[None]}[axes]
    same(fit(shaped, config=QUICK, axes=axes), fit(grey, config=QUICK))


def test_boolean_image() -> None:
    mask = three_textures()[..., 0] > 0.3
    found = fit(mask)
    assert np.isfinite(found.prediction.score).all()
    assert (found.prediction.classes[LEFT] == 1).mean() > 0.8


@pytest.mark.parametrize("view", ["flipped", "every other", "read-only", "BGR"])
def test_any_memory_layout(view: str) -> None:
    image = three_textures()
    if view == "flipped":
        strange = np.ascontiguousarray(image[::-1, ::-1])[::-1, ::-1]
    elif view == "every other":
        strange = image.repeat(2, 0).repeat(2, 1)[::2, ::2]
    elif view == "read-only":
        strange = image.copy()
        strange.flags.writeable = False
    else:
        strange = np.ascontiguousarray(image[..., ::-1])[..., ::-1]
    same(fit(strange, config=QUICK), fit(image, config=QUICK))


@pytest.mark.parametrize("n_channels", [3, 12])
def test_pixels_that_are_not_finite(n_channels: int) -> None:
    image = three_textures(n_channels)
    spoilt = image.copy()
    spoilt[11, 12:15] = np.nan  # under a stroke
    spoilt[40, 5, 0] = np.inf
    spoilt[50, 90] = -np.inf
    before = spoilt.copy()
    found = fit(spoilt, axes="YXC")
    p = found.prediction
    assert np.isfinite(p.score).all()
    assert np.isfinite(p.typicality).all()
    assert p.probabilities is not None
    assert np.isfinite(p.probabilities).all()
    clean = fit(image, axes="YXC").prediction
    assert (p.classes[MIDDLE] == clean.classes[MIDDLE]).mean() > 0.97
    np.testing.assert_array_equal(spoilt, before)  # the user's image is left alone


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 2), (3, 5)], ids=str)
def test_tiny_images(shape: tuple[int, int], rng: np.random.Generator) -> None:
    image = rng.random((*shape, 3), np.float32)
    found = fit(image, Scribbles(shape).add(1, [(0, 0)]), axes="YXC")
    assert found.prediction.classes.shape == shape
    assert np.isfinite(found.prediction.score).all()


def test_a_stack_trained_on_one_plane_equals_that_plane() -> None:
    image = three_textures()
    stack = ImageSource.from_array(image[None], axes="ZYXC")
    scribbles = Scribbles(SHAPE)
    for s in strokes().strokes:
        scribbles = scribbles.add(s.class_id, s.coords, plane=(0,))
    model = drive(train([Scribbled(stack, scribbles)], config=QUICK, device=CPU))
    assert_same_model(model, fit(image, config=QUICK).model)


# ----------------------------------------------------------------------- bad input


@pytest.mark.parametrize("n", [1, 3, 8])
def test_a_class_of_a_few_pixels(n: int) -> None:
    few = strip(30, RIGHT, height=1)[:n]
    found = fit(three_textures(), strokes().add(3, few))
    assert found.model.class_ids == (1, 2, 3)
    assert np.isfinite(found.prediction.score).all()
    assert (found.prediction.classes[RIGHT] == 3).mean() > 0.9
    assert (found.prediction.classes[LEFT] == 1).mean() > 0.95


@given(lengths=st.lists(st.lists(st.integers(1, 20), max_size=3), min_size=1))
@settings(max_examples=60, deadline=None)
def test_any_few_strokes_train(lengths: list[list[int]]) -> None:
    """Some classes can be held out, others are too short for it."""
    few = Scribbles(SHAPE)
    for class_id, own in enumerate(lengths, start=1):
        for at, n in enumerate(own):
            row, column = (7 * class_id + 2 * at) % SHAPE[0], 11 * class_id % 60
            few = few.add(class_id, [(row, column + i) for i in range(n)])
    assume(few.strokes)
    steps = train([Scribbled(SOURCE, few)], config=SMALL, device=CPU)
    model = drive(steps)
    assert model.class_ids == few.class_ids
    answer = predict(model, open_features(model, SOURCE, device=CPU))
    assert np.isfinite(answer.score).all()
    assert set(np.unique(answer.classes)) <= set(few.class_ids)


def test_three_pixels_are_all_there_is() -> None:
    few = Scribbles(SHAPE).add(1, strip(30, LEFT, height=1)[:3])
    found = fit(three_textures(), few)
    assert found.model.calibration.n_strokes == 0
    assert np.isfinite(found.prediction.score).all()


@pytest.mark.parametrize(
    ("image", "scribbles", "error", "message"),
    [
        pytest.param(
            three_textures(),
            Scribbles(SHAPE),
            ScribbleError,
            "there are no scribbles yet: paint a stroke on at least one class",
            id="no scribbles",
        ),
        pytest.param(
            three_textures(),
            Scribbles((64, 95)).add(1, [(0, 0)]),
            ScribbleError,
            "the scribbles are 64 x 95 pixels but the image is 64 x 96: "
            "use scribbles that were painted on this image",
            id="other shape",
        ),
        pytest.param(
            np.full((*SHAPE, 3), 0.5, np.float32),
            strokes(),
            ImageError,
            "the image is constant: there is nothing to tell classes by",
            id="constant",
        ),
        pytest.param(
            np.full((*SHAPE, 3), np.nan, np.float32),
            strokes(),
            ImageError,
            "the image has no finite pixel: nothing can be learnt from it",
            id="all nan",
        ),
        pytest.param(
            np.ones((1, 1, 3)),
            Scribbles((1, 1)).add(1, [(0, 0)]),
            ImageError,
            "the image is constant: there is nothing to tell classes by",
            id="one pixel",
        ),
    ],
)
def test_one_clear_sentence_and_nothing_changed(
    image: npt.NDArray[np.float32],
    scribbles: Scribbles,
    error: type[Exception],
    message: str,
) -> None:
    trainer = InstantTrainer(QUICK, device=CPU)
    good = ImageSource.from_array(three_textures())
    before = drive(trainer.fit([Scribbled(good, strokes())], ()))
    bad = ImageSource.from_array(image)
    with pytest.raises(error) as caught:
        drive(trainer.fit([Scribbled(bad, scribbles)], ()))
    assert str(caught.value) == message
    assert trainer.store(bad) is None
    again = drive(trainer.fit([Scribbled(good, strokes())], ()))
    assert_same_model(again, before)


# ----------------------------------------------------------- classes, several images


def test_classes_keep_name_and_colour_and_the_others_get_one() -> None:
    named = (
        ClassInfo(id=2, name="Bowel", color="#112233"),
        ClassInfo(id=7, name="never painted", color="#445566"),
    )
    source = ImageSource.from_array(three_textures())
    model = drive(
        train([Scribbled(source, strokes())], config=QUICK, device=CPU, classes=named)
    )
    assert model.class_ids == (1, 2)
    assert model.classes[0].name == "class 1"
    assert model.classes[1] == named[0]


def test_two_images_each_with_one_class() -> None:
    images = [three_textures(seed=i) for i in range(2)]
    sources = [ImageSource.from_array(im) for im in images]
    jobs = [Scribbled(s, strokes(i)) for i, s in enumerate(sources, start=1)]
    model = drive(train(jobs, config=InstantConfig(), device=CPU))
    assert model.class_ids == (1, 2)
    assert model.facts["n_strokes"] == 6
    for source in sources:
        found = predict(model, open_features(model, source, device=CPU))
        assert (found.classes[LEFT] == 1).mean() > 0.95
        assert (found.classes[MIDDLE] == 2).mean() > 0.95
        unknown = np.median(found.typicality[RIGHT])
        assert unknown < 0.2 * np.median(found.typicality[LEFT])


@pytest.mark.parametrize("other", [500.0, 505.0, 540.0, None])
def test_images_with_other_wavelengths(other: float | None) -> None:
    nm = [None if a is None else np.arange(12) * 10.0 + a for a in (500.0, other)]
    sources = [
        ImageSource.from_array(
            three_textures(12), axes="YXC", name=f"{i}", wavelengths=n
        )
        for i, n in enumerate(nm)
    ]
    check([Scribbled(sources[0], strokes())])
    jobs = [Scribbled(s, strokes()) for s in sources]
    if other != 540.0:
        check(jobs)
        return
    with pytest.raises(ModelMismatchError, match="'0' and '1' have other wavelengths"):
        check(jobs)


def test_an_image_that_is_resampled_teaches_the_same() -> None:
    first, second = strokes(1), strokes(2)
    plain, fine = cube_at(NM, "plain"), cube_at(FINE, "fine")
    config = replace(QUICK, filters=FilterConfig(sigmas=(1.0, 2.0)))
    alike = [Scribbled(plain, first), Scribbled(cube_at(NM, "fine"), second)]
    mixed = [Scribbled(plain, first), Scribbled(fine, second)]
    expected = drive(train(alike, config=config, device=CPU))
    found = drive(train(mixed, config=config, device=CPU))
    assert found.facts["wavelengths"] == NM.tolist()
    assert found.remarks == (
        "The 23 bands of 'fine' were resampled to the 12 wavelengths of the model.",
    )
    for source in (plain, fine):
        a, b = (
            predict(m, open_features(m, source, device=CPU)) for m in (expected, found)
        )
        assert (a.classes == b.classes).mean() > 0.999
        np.testing.assert_allclose(a.typicality, b.typicality, atol=0.02)


def test_the_bands_of_the_camera_that_sees_least() -> None:
    """Whichever comes first: bands are never extrapolated."""
    wide, narrow = cube_at(NM, "wide"), cube_at(NM[2:9], "narrow")
    both = [Scribbled(wide, strokes(1)), Scribbled(narrow, strokes(2))]
    for images in (both, both[::-1]):
        model = drive(train(images, config=QUICK, device=CPU))
        assert model.n_channels == 7
        assert model.facts["wavelengths"] == NM[2:9].tolist()
        assert [model.takes(i) for i in (wide, narrow)] == [True, True]
        assert len(model.remarks) == 1
        assert model.remarks[0].startswith("The 12 bands of 'wide' were resampled")


def test_features_are_kept_while_the_bands_are_the_same() -> None:
    trainer = InstantTrainer(QUICK, device=CPU)
    plain, fine = cube_at(NM, "plain"), cube_at(FINE, "fine")
    both = [Scribbled(plain, strokes(1)), Scribbled(fine, strokes(2))]
    drive(trainer.fit(both, ()))
    stores = [trainer.store(plain), trainer.store(fine)]
    views = [s.source for s in stores if s is not None]
    assert views[0] is plain
    assert (views[1].n_channels, views[1].name) == (12, "fine")
    drive(trainer.fit(both[::-1], ()))  # the image that is worked on changes
    assert [trainer.store(plain), trainer.store(fine)] == stores
    drive(trainer.fit(both[1:], ()))  # alone, it has its own bands
    alone = trainer.store(fine)
    assert alone is not None
    assert alone.source is fine


def test_images_that_were_learnt_from_apart_can_be_joined() -> None:
    """Their features have other axes then: those of one are computed anew."""
    sources = [ImageSource.from_array(three_textures(12, seed=s)) for s in (0, 1)]
    images = [Scribbled(s, strokes(i)) for i, s in enumerate(sources, start=1)]
    trainer = InstantTrainer(QUICK, device=CPU)
    for image in images:
        drive(trainer.fit([image], ()))
    model = drive(trainer.fit(images, ()))
    first, second = (trainer.store(s) for s in sources)
    assert first is not None
    assert second is not None
    assert first.descriptor.like(second.descriptor)
    for store in (first, second):
        found = predict(model, store)
        assert (found.classes[LEFT] == 1).mean() > 0.95
        assert (found.classes[MIDDLE] == 2).mean() > 0.95


def test_images_with_other_channels() -> None:
    sources = [
        ImageSource.from_array(three_textures(c), axes="YXC", name=f"{c}")
        for c in (3, 5)
    ]
    jobs = [Scribbled(s, strokes()) for s in sources]
    with pytest.raises(ModelMismatchError) as caught:
        drive(train(jobs, config=QUICK, device=CPU))
    assert str(caught.value) == (
        "the images differ: '3' has 3 channels, '5' 5: train on alike ones"
    )


def test_highlights_on_a_stroke_are_not_learnt() -> None:
    """Where they are left out, a model is the same whatever is below a highlight."""
    config = InstantConfig(
        filters=FilterConfig(sigmas=(1.0,), kinds=("colour",), exposed_only=True),
        smoothing=0.0,
    )
    clean = three_textures(12) + 0.1
    found = []
    for spectrum in (9.0, 12.0):
        image = clean.copy()
        image[20:40, 60:66] = spectrum  # beside the strokes
        image[11, 10:14] = spectrum  # on one
        source = ImageSource.from_array(image, axes="YXC", rgb=False)
        found.append(fit(source, config=config))
    first, second = (f.prediction for f in found)
    bad = np.zeros(SHAPE, bool)
    bad[20:40, 60:66] = bad[11, 10:14] = True
    assert (first.typicality[bad] == 0).all()
    known = np.s_[44:56, 8:26]
    assert (first.typicality[known] > 0.05).mean() > 0.8
    np.testing.assert_array_equal(first.classes[known], second.classes[known])
    store = found[0].trainer.store(found[0].source)
    assert store is not None
    pixels = torch.from_numpy(np.argwhere(bad))
    assert not store.usable((), pixels).any()
