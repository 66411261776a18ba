from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError, ModelMismatchError
from napari_ood_seg.core.features.store import FeatureStore
from napari_ood_seg.core.inference.predict import (
    open_features,
    predict,
    predict_tiles,
    tile_order,
)
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled
from napari_ood_seg.samples import load_sample
from tests.contracts.scenes import CPU, SHAPE, Fitted, drive, fit, three_textures

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_ood_seg.core.types import Progress

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 4.0)), tile=512)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(three_textures(), config=CONFIG)


def store(fitted: Fitted, size: int) -> FeatureStore:
    return store_of(fitted, fitted.source, size)


def store_of(fitted: Fitted, source: ImageSource, size: int = 512) -> FeatureStore:
    model = fitted.model
    return FeatureStore(
        source, model.descriptor, device=CPU, size=size, margin=model.margin
    )


@pytest.mark.parametrize("size", [16, 30, 40, 64])
def test_tile_by_tile_equals_the_whole(fitted: Fitted, size: int) -> None:
    parts = predict(fitted.model, store(fitted, size), probabilities=True)
    whole = fitted.prediction
    np.testing.assert_allclose(parts.score, whole.score, rtol=1e-3, atol=1e-3)
    assert (parts.classes == whole.classes).mean() > 0.999
    np.testing.assert_allclose(parts.typicality, whole.typicality, atol=0.01)
    assert parts.probabilities is not None
    assert whole.probabilities is not None
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=0.01)


def test_progress_counts_to_the_end(fitted: Fitted) -> None:
    parts = list(predict_tiles(fitted.model, store(fitted, 32)))
    assert [(p.done, p.total) for p in parts] == [(i, 6) for i in range(1, 7)]
    hits = np.zeros(SHAPE, int)
    for part in parts:
        hits[part.tile.inner] += 1
        assert part.prediction.classes.shape == (32, 32)
        assert part.prediction.probabilities is None
    assert (hits == 1).all()


def test_tiles_are_lazy(fitted: Fitted) -> None:
    features = store(fitted, 16)
    next(predict_tiles(fitted.model, features))
    one = features.tile((), 0).n_bytes
    assert features.n_bytes == one
    for _ in predict_tiles(fitted.model, features):
        pass
    assert features.n_bytes > 10 * one


@pytest.mark.parametrize(
    ("focus", "first"),
    [((60.0, 90.0), (32, 64)), ((0.0, 0.0), (0, 0)), ((40.0, 50.0), (32, 32))],
)
def test_the_tile_in_view_comes_first(
    fitted: Fitted, focus: tuple[float, float], first: tuple[int, int]
) -> None:
    parts = list(predict_tiles(fitted.model, store(fitted, 32), focus=focus))
    corners = [(p.tile.inner[0].start, p.tile.inner[1].start) for p in parts]
    assert corners[0] == first
    far = [np.hypot(r + 16 - focus[0], c + 16 - focus[1]) for r, c in corners]
    assert far == sorted(far)
    assert len(set(corners)) == 6


def test_without_focus_row_by_row(fitted: Fitted) -> None:
    assert tile_order(store(fitted, 32).tiles, None) == (0, 1, 2, 3, 4, 5)


def test_a_plane_of_a_stack_equals_the_plane_alone(fitted: Fitted) -> None:
    planes = [three_textures(seed=i) for i in range(2)]
    stack = ImageSource.from_array(np.stack(planes), axes="ZYXC")
    features = store_of(fitted, stack)
    alone = store_of(fitted, ImageSource.from_array(planes[1]))
    np.testing.assert_array_equal(
        predict(fitted.model, features, plane=(1,)).score,
        predict(fitted.model, alone).score,
    )


@pytest.mark.parametrize("plane", [(2,), (-1,), (0, 0)])
def test_a_plane_that_is_not_there(fitted: Fitted, plane: tuple[int, ...]) -> None:
    stack = ImageSource.from_array(np.stack([three_textures()] * 2), axes="ZYXC")
    features = store_of(fitted, stack)
    with pytest.raises(ImageError, match=r"has no plane .*: choose Z from 0 to 1"):
        predict(fitted.model, features, plane=plane)
    with pytest.raises(ImageError, match="not a stack, so leave it out"):
        predict(fitted.model, store(fitted, 64), plane=(0,))


def test_whole_prediction_tells_how_far_it_is(fitted: Fitted) -> None:
    steps: list[Progress] = []
    predict(fitted.model, store(fitted, 32), on_progress=steps.append)
    assert [(s.done, s.total) for s in steps] == [(i, 6) for i in range(1, 7)]


def test_the_image_trained_on_gives_the_same_again(fitted: Fitted) -> None:
    again = predict(
        fitted.model, open_features(fitted.model, fitted.source, device=CPU)
    )
    np.testing.assert_array_equal(again.classes, fitted.prediction.classes)
    np.testing.assert_array_equal(again.score, fitted.prediction.score)


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (2.0, 0.0), (1.0, 0.2)])
def test_another_image_of_the_kind(fitted: Fitted, gain: float, offset: float) -> None:
    """Statistics are adapted: neither gain nor offset of a camera matters much."""
    other = gain * three_textures(seed=7) + offset
    found = predict(
        fitted.model,
        open_features(fitted.model, ImageSource.from_array(other), device=CPU),
    )
    expected = np.repeat([1, 2], 32)[None].repeat(64, 0)
    assert (found.classes[:, :64] == expected).mean() > 0.95


def unusable() -> dict[str, tuple[npt.NDArray[np.generic], type[Exception], str]]:
    return {
        "channels": (np.ones((9, 9, 5)), ModelMismatchError, "3 channels .* has 5"),
        "constant": (np.ones((9, 9, 3)), ImageError, "constant"),
        "nan": (np.full((9, 9, 3), np.nan), ImageError, "no finite pixel"),
        "1 pixel": (np.ones((1, 1, 3)), ImageError, "constant"),
    }


@pytest.mark.parametrize("name", unusable())
def test_unusable_images(fitted: Fitted, name: str) -> None:
    image, error, message = unusable()[name]
    source = ImageSource.from_array(image, axes="YXC")
    with pytest.raises(error, match=message) as caught:
        open_features(fitted.model, source, device=CPU)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def surgery() -> Fitted:
    sample = load_sample("hyperspectral")
    trainer = InstantTrainer(InstantConfig(), device=CPU)
    images = [Scribbled(sample.image, sample.scribbles)]
    model = drive(trainer.fit(images, sample.classes))
    found = predict(model, open_features(model, sample.image, device=CPU))
    return Fitted(sample.image, trainer, model, found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "field",
    [
        lambda y, x: 2 ** (y + x - 1),
        lambda y, x: 2 ** (np.sin(5 * x) * np.cos(4 * y)),
        lambda y, x: 0.5 + 1.5 * np.exp(-8 * ((y - 0.4) ** 2 + (x - 0.6) ** 2)),
    ],
    ids=["ramp", "waves", "lamp"],
)
def test_uneven_light_changes_nothing(surgery: Fitted, field: Any) -> None:
    y, x = np.mgrid[0:1:240j, 0:1:320j]
    light = field(y, x)
    assert light.max() / light.min() > 3
    assert 0.5 <= light.min() < light.max() <= 2
    cube = surgery.source.levels[0] * light[..., None].astype(np.float32)
    lit = replace(surgery.source, levels=(cube,))
    found = predict(surgery.model, open_features(surgery.model, lit, device=CPU))
    plain = surgery.prediction
    assert (found.classes != plain.classes).mean() < 0.001  # 0.01 is asked for
    assert np.abs(found.typicality - plain.typicality).mean() < 0.001  # 0.02


def measured(nm: npt.NDArray[np.float64]) -> ImageSource:
    """Return three textures of smooth spectra, as a camera with these bands sees it."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], SHAPE[1] // 3)
    centres = np.array([560.0, 680.0, 800.0])[kind] + 4 * rng.standard_normal(SHAPE)
    cube = 0.3 + 0.4 * np.exp(-(((nm - centres[..., None]) / 90) ** 2))
    cube += 0.02 * rng.standard_normal(cube.shape)
    return ImageSource.from_array(
        cube.astype(np.float32), axes="YXC", rgb=False, wavelengths=tuple(nm.tolist())
    )


def test_a_model_of_100_bands_on_an_image_with_51_others() -> None:
    fitted = fit(measured(np.linspace(500, 995, 100)), config=CONFIG)
    other = measured(np.linspace(498, 1002, 51))
    found = predict(fitted.model, open_features(fitted.model, other, device=CPU))
    known = np.s_[:, :64]  # the third texture is none of the classes
    assert (found.classes == fitted.prediction.classes)[known].mean() > 0.98
    for prediction in (fitted.prediction, found):
        assert (prediction.typicality[known] > 0.05).mean() > 0.75
        assert (prediction.typicality[:, 66:] < 0.05).all()
    assert fitted.model.remark_on(other) == (
        "The 51 bands of 'image' were resampled to the 100 wavelengths of the model."
    )
    assert fitted.model.remark_on(fitted.source) == ""
    with pytest.raises(ModelMismatchError) as caught:
        open_features(fitted.model, measured(np.linspace(600, 995, 51)), device=CPU)
    assert str(caught.value) == (
        "the image 'image' has other wavelengths than the model: 20 of 100 bands from "
        "500 to 995 nm cannot be made from 51 bands from 600 to 995 nm; train a new "
        "model"
    )


def test_without_wavelengths_only_as_many_bands_will_do() -> None:
    fitted = fit(measured(np.linspace(500, 995, 100)), config=CONFIG)
    blind = replace(measured(np.linspace(500, 995, 51)), wavelengths=None)
    with pytest.raises(ModelMismatchError, match="trained on 100 channels but the"):
        fitted.model.require_fit(blind)
    same = replace(fitted.source, wavelengths=None)
    assert fitted.model.suited(same) is same
