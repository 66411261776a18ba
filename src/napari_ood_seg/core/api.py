"""Train and predict, each in one call."""

from __future__ import annotations

from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from napari_ood_seg.core.config import DeepConfig, InstantConfig
from napari_ood_seg.core.data.palette import next_color
from napari_ood_seg.core.data.scribbles import Scribbles, require_same_shape
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.device import pick_device
from napari_ood_seg.core.errors import ImageError, ScribbleError
from napari_ood_seg.core.inference import predict as inference
from napari_ood_seg.core.io import scribble_files
from napari_ood_seg.core.io.images import open_image, read_labels
from napari_ood_seg.core.training.deep import DeepTrainer
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled
from napari_ood_seg.core.types import ClassInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.types import Prediction, Progress

    OnProgress = Callable[[Progress], None]

Result = TypeVar("Result")


class TrainingSet(NamedTuple):
    """Images with their scribbles, and what the painted class ids mean."""

    images: tuple[Scribbled, ...]
    classes: tuple[ClassInfo, ...]


def train(
    images: Any,  # noqa: ANN401 - an array, a path, an ImageSource, or a list of them
    scribbles: Any,  # noqa: ANN401 - the same with Scribbles
    *,
    classes: Sequence[ClassInfo | str] = (),
    config: InstantConfig | DeepConfig | None = None,
    device: str = "auto",
    on_progress: OnProgress | None = None,
) -> InstantModel:
    """Return a model of what was scribbled.

    Parameters
    ----------
    images
        One image: an array (its axes are guessed), a path or an `ImageSource`. Or
        a list or tuple of images with the same channels.
    scribbles
        What was painted on it: a `(h, w)` array of class ids, 0 where nothing
        is painted; the path of such an image or of an ``.oodscribbles`` file; or
        `Scribbles`. A list of the same length for a list of images.
    classes
        Names, or names and colours, of the classes; a plain name stands for the
        id of its place, from 1. Those in ``.oodscribbles`` files if not given.
    config
        Settings, whose kind chooses the engine; without them the instant one.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    on_progress
        Called at every step; while a network is trained, with a `Learning`.

    Raises
    ------
    ImageError
        If an image cannot be read, is constant or has no finite pixel.
    ScribbleError
        If nothing is painted, or scribbles and images do not belong together.
    ModelMismatchError
        If the images differ in their channels.
    FileFormatError
        If a file is damaged.
    DeviceError
        If there is no such device, or its memory is too small for a network.
    DependencyError
        If a network needs a package that is not installed.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(32, 32))
    >>> image[:, 16:] += 5
    >>> scribbles = np.zeros((32, 32), np.uint8)
    >>> scribbles[4:28, 4:8], scribbles[4:28, 24:28] = 1, 2
    >>> model = train(image, scribbles, classes=["dark", "bright"], device="cpu")
    >>> labels = predict(model, image, device="cpu").labels(keep=1.0)
    >>> labels[16, 2], labels[16, 30]
    (np.uint8(1), np.uint8(2))
    """
    prepared = training_set(images, scribbles, classes)
    on = pick_device(device)
    trainer: InstantTrainer | DeepTrainer
    if isinstance(config, DeepConfig):
        trainer = DeepTrainer(config, device=on)
    else:
        trainer = InstantTrainer(config or InstantConfig(), device=on)
    return finish(trainer.fit(prepared.images, prepared.classes), on_progress)


def predict(
    model: InstantModel,
    image: Any,  # noqa: ANN401 - an array, a path or an ImageSource
    *,
    device: str = "auto",
    probabilities: bool = False,
    on_progress: OnProgress | None = None,
    plane: tuple[int, ...] = (),
) -> Prediction:
    """Return what a model says about an image, in memory.

    The statistics of the features adapt to the image. For an image that the model
    was trained on they come out the same, and so does the prediction.

    Parameters
    ----------
    image
        As in `train`.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    probabilities
        Whether to return the posterior over the classes as well.
    on_progress
        Called after every tile.
    plane
        Which plane of a stack, one index for T or Z each; the first if not given.

    Raises
    ------
    ModelMismatchError
        If the image has other channels than those trained on.
    ImageError
        If it cannot be read, is constant, or has no such plane.
    FileFormatError
        If the file is damaged.
    DeviceError
        If there is no such device.
    """
    source = as_source(image)
    store = inference.open_features(model, source, device=pick_device(device))
    store.budget = 0  # every tile is needed once
    return inference.predict(
        model,
        store,
        plane=tuple(plane),
        probabilities=probabilities,
        on_progress=on_progress,
    )


def training_set(
    images: Any,  # noqa: ANN401 - as of `train`
    scribbles: Any,  # noqa: ANN401 - as of `train`
    classes: Sequence[ClassInfo | str] = (),
) -> TrainingSet:
    """Return what `train` trains on: opened, checked, every painted class named.

    Raises
    ------
    ImageError, ScribbleError, FileFormatError
        As `train`.
    """
    pictures, paintings = _as_list(images), _as_list(scribbles)
    if not pictures:
        raise ImageError("there is no image to train on: give at least one")
    if len(pictures) != len(paintings):
        raise ScribbleError(
            f"there are {len(pictures)} images but {len(paintings)} scribbles: give "
            "one scribble image for each image, in the same order"
        )
    found: dict[int, ClassInfo] = {}
    pairs = []
    for picture, painting in zip(pictures, paintings, strict=True):
        source = as_source(picture)
        painted, named = as_scribbles(painting)
        _require_belonging(source, painted, alone=len(pictures) == 1)
        _merge(found, named)
        pairs.append(Scribbled(source, painted))
    ids = {i for pair in pairs for i in pair.scribbles.class_ids}
    return TrainingSet(tuple(pairs), _named(ids, classes, found))


def as_source(image: Any) -> ImageSource:  # noqa: ANN401 - as of `train`
    """Return an image in any form as an `ImageSource`.

    Raises
    ------
    ImageError
        If it is no image.
    FileFormatError
        If it is a damaged file.
    """
    if isinstance(image, ImageSource):
        return image
    if isinstance(image, str | PathLike):
        return open_image(Path(image))
    if hasattr(image, "shape") and hasattr(image, "dtype"):
        return ImageSource.from_array(image)
    raise ImageError(
        f"an image must be an array, a path or an ImageSource, got {_kind(image)}"
    )


def as_scribbles(
    scribbles: Any,  # noqa: ANN401 - as of `train`
) -> tuple[Scribbles, tuple[ClassInfo, ...]]:
    """Return scribbles in any form, and the classes that their file names.

    Raises
    ------
    ScribbleError, ImageError
        If they are no scribbles.
    FileFormatError
        If they are a damaged file.
    """
    if isinstance(scribbles, Scribbles):
        return scribbles, ()
    if isinstance(scribbles, str | PathLike):
        path = Path(scribbles)
        if path.suffix.lower() == scribble_files.SUFFIX:
            return scribble_files.load_scribbles(path)
        return Scribbles.from_labels(read_labels(path)), ()
    if hasattr(scribbles, "shape") and hasattr(scribbles, "dtype"):
        return Scribbles.from_labels(np.asarray(scribbles)), ()
    raise ScribbleError(
        "scribbles must be a label array, a path or a Scribbles object, got "
        f"{_kind(scribbles)}"
    )


def finish(
    steps: Generator[Progress, None, Result], on_progress: OnProgress | None = None
) -> Result:
    """Return the result of a long task, telling every step of it."""
    with closing(steps):
        while True:
            try:
                progress = next(steps)
            except StopIteration as end:
                result: Result = end.value
                return result
            if on_progress is not None:
                on_progress(progress)


def _as_list(values: Any) -> list[Any]:  # noqa: ANN401 - as of `train`
    """Return the values of a list or tuple, else the only value: arrays are one."""
    return list(values) if isinstance(values, list | tuple) else [values]


def _require_belonging(
    source: ImageSource, scribbles: Scribbles, *, alone: bool
) -> None:
    try:
        require_same_shape(scribbles, (source.height, source.width))
    except ScribbleError as error:
        if alone:
            raise
        raise ScribbleError(f"{source.name!r}: {error}") from error


def _merge(found: dict[int, ClassInfo], named: Sequence[ClassInfo]) -> None:
    """Add classes of one more scribble file to those found so far."""
    for info in named:
        known = found.setdefault(info.id, info)
        if known.name != info.name:
            raise ScribbleError(
                f"class {info.id} is {known.name!r} in one scribble file and "
                f"{info.name!r} in another: use the same classes in all of them"
            )


def _named(
    ids: set[int], classes: Sequence[ClassInfo | str], found: dict[int, ClassInfo]
) -> tuple[ClassInfo, ...]:
    """Return a name and colour for all `ids`: as given, as found, else plain ones."""
    infos = {**found, **{c.id: c for c in classes if isinstance(c, ClassInfo)}}
    names = {i: c for i, c in enumerate(classes, start=1) if isinstance(c, str)}
    for i in sorted(ids | set(names)):
        known = infos.get(i)
        if known is None:
            color = next_color({c.color for c in infos.values()})
            infos[i] = ClassInfo(id=i, name=names.get(i, f"class {i}"), color=color)
        elif i in names:
            infos[i] = ClassInfo(id=i, name=names[i], color=known.color)
    return tuple(infos[i] for i in sorted(ids))


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
