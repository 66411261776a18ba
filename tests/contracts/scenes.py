"""Small synthetic images whose truth is known, and how to train on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import torch

from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.inference.predict import predict
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.types import Prediction

    Floats = npt.NDArray[np.float32]

Result = TypeVar("Result")

CPU = torch.device("cpu")
SHAPE = (64, 96)
LEFT = (slice(8, 56), slice(8, 26))
MIDDLE = (slice(8, 56), slice(40, 58))
RIGHT = (slice(8, 56), slice(72, 90))
"""Well inside each of the three textures."""


class Fitted(NamedTuple):
    source: ImageSource
    trainer: InstantTrainer
    model: InstantModel
    prediction: Prediction


def three_textures(n_channels: int = 3, *, seed: int = 0) -> Floats:
    """Return `(h, w, c)` in [0, 1]: three columns of other colour and roughness."""
    rng = np.random.default_rng(seed)
    rise = np.linspace(0.3, 0.7, n_channels)
    means = np.stack([rise, rise[::-1], np.where(np.arange(n_channels) % 2, 0.8, 0.2)])
    kind = np.repeat([0, 1, 2], SHAPE[1] // 3)
    rough = np.array([0.02, 0.08, 0.04])[kind][:, None]
    noise = rng.normal(size=(*SHAPE, n_channels))
    image: Floats = (means[kind] + rough * noise).clip(0, 1).astype(np.float32)
    return image


NM = np.arange(12) * 10.0 + 500
FINE = np.arange(23) * 5.0 + 500
"""Between the bands at `NM`: resampled to these, an image is the same again."""


def cube_at(nm: npt.ArrayLike, name: str = "cube") -> ImageSource:
    """Return three textures with bands at other wavelengths, by straight lines."""
    whole = ImageSource.from_array(three_textures(12), axes="YXC", wavelengths=NM)
    bands = np.asarray(nm, np.float64).tolist()
    data = whole.resampled(bands)
    values = data.read(slice(0, whole.height), slice(0, whole.width))
    return ImageSource.from_array(values, axes="CYX", name=name, wavelengths=bands)


def strip(
    row: int, where: tuple[slice, slice], *, height: int = 3
) -> npt.NDArray[np.int_]:
    """Return the pixels of a horizontal stroke across one texture."""
    rows, columns = np.mgrid[row : row + height, where[1]]
    return np.stack([rows.ravel(), columns.ravel()], axis=1)


def strokes(*class_ids: int, shape: tuple[int, int] = SHAPE) -> Scribbles:
    """Return three strokes per class; class 1 on the left, 2 in the middle."""
    places = {1: LEFT, 2: MIDDLE, 3: RIGHT}
    out = Scribbles(shape)
    for class_id in class_ids or (1, 2):
        for row in (10, 28, 46):
            out = out.add(class_id, strip(row, places[class_id]))
    return out


def drive(steps: Generator[object, None, Result]) -> Result:
    """Return what a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def fit(
    image: npt.NDArray[np.generic] | ImageSource,
    scribbles: Scribbles | None = None,
    *,
    config: InstantConfig | None = None,
    axes: str | None = None,
) -> Fitted:
    """Train on one image and predict it."""
    source = (
        image
        if isinstance(image, ImageSource)
        else ImageSource.from_array(image, axes=axes)
    )
    trainer = InstantTrainer(config or InstantConfig(), device=CPU)
    job = Scribbled(source, strokes() if scribbles is None else scribbles)
    model = drive(trainer.fit([job], ()))
    store = trainer.store(source)
    assert store is not None
    return Fitted(source, trainer, model, predict(model, store, probabilities=True))


def tensors(model: InstantModel) -> dict[str, torch.Tensor]:
    """Return everything numeric in a model, by name."""
    return {
        "channels": model.descriptor.channels.basis,
        "quantiles": model.calibration.quantiles,
        **{
            f"reduction/{i}/{name}": getattr(r, name)
            for i, r in enumerate(model.descriptor.reductions)
            for name in ("mean", "scale", "basis")
        },
        **{
            f"classifier/{i}/{k}": v
            for i, c in enumerate(model.ensemble.classifier)
            for k, v in c.tensors().items()
        },
        **{f"ensemble/{k}": v for k, v in model.ensemble.tensors().items()},
    }


def assert_close(found: Floats, wanted: Floats, *, atol: float = 1e-5) -> None:
    """Assert that two are equal up to rounding.

    Libraries choose how they add by the processor and by how numbers lie in memory: on
    some the same model says the same to the last bit, on others to 1e-6, and one that
    is trained on the same numbers in another layout to 1e-4.
    """
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=atol)


def assert_same_model(a: InstantModel, b: InstantModel) -> None:
    """Assert that two models are equal bit for bit."""
    left, right = tensors(a), tensors(b)
    assert left.keys() == right.keys()
    different = [k for k in left if not torch.equal(left[k], right[k])]
    assert not different
    assert a.classes == b.classes
    assert a.calibration.n_strokes == b.calibration.n_strokes


def exposed_badly() -> tuple[ImageSource, npt.NDArray[np.bool_]]:
    """Return an image of many channels with a bright flat spot and a dark one."""
    image = three_textures(12).copy() + 0.1
    bad = np.zeros(SHAPE, bool)
    bad[10:14, 20:26] = True
    bad[40, 50] = True
    image[10:14, 20:26] = 9.0
    image[40, 50] = 1e-4
    return ImageSource.from_array(image, axes="YXC", rgb=False), bad
