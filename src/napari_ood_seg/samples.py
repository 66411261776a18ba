"""Sample images with scribbles; used by tests, the CLI and the plugin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage as ndi
from scipy.interpolate import (
    make_interp_spline,
)

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.io.scribble_files import load_scribbles
from napari_ood_seg.core.types import ClassInfo
from napari_ood_seg.optics import TISSUES, reflectance
from napari_ood_seg.sample_files import sample_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Labels = npt.NDArray[np.uint8]

SAMPLES: Final = ("histology", "hyperspectral")
"""Names that `load_sample` knows."""

TRUTH: Final = ("unlabelled", "liver", "bowel", "fat", "vessel", "instrument", "cloth")
"""Meaning of the ground truth values of the hyperspectral sample."""

CLASSES: Final = (
    ClassInfo(id=1, name="Liver", color="#F0E442"),
    ClassInfo(id=2, name="Bowel", color="#56B4E9"),
    ClassInfo(id=3, name="Fat", color="#009E73"),
)
"""Of both simulated samples."""
_SIZE: Final = (240, 320)
_MARGIN: Final = 5.0  # pixels between a stroke and the edge of its organ
_WAVELENGTHS: Final = np.linspace(500.0, 1000.0, 60)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """An image to try things on.

    Attributes
    ----------
    image, scribbles, classes
        What a user would have after some painting.
    truth
        `(h, w)` uint8, or `(t, h, w)` of a series, what really is at each pixel; `None`
        where nobody knows.
        Values up to the last class id are that class.
    truth_names
        What the values of `truth` mean; those that are no class are the unknown.
    """

    image: ImageSource
    scribbles: Scribbles
    classes: tuple[ClassInfo, ...]
    truth: Labels | None = field(default=None, repr=False)
    truth_names: tuple[str, ...] = ()


def load_sample(name: str) -> Sample:
    """Return a sample; nothing is downloaded.

    Parameters
    ----------
    name
        ``"histology"``, a stained tissue section whose white lumen nobody
        scribbled, or ``"hyperspectral"``, a simulated view into the abdomen whose
        vessel, instrument and cloth nobody scribbled. A series of such frames is
        `surgical.operation`.

    Raises
    ------
    ImageError
        If there is no such sample, or scikit-image came without its picture.
    FileFormatError
        If the scribbles are missing from the installation.
    """
    if name not in SAMPLES:
        raise ImageError(f"there is no sample {name!r}: choose {' or '.join(SAMPLES)}")
    return _histology() if name == "histology" else simulate_surgery()


def _histology() -> Sample:
    from skimage import data  # it looks for its cache folder when imported

    try:
        pixels = data.immunohistochemistry()
    except (ModuleNotFoundError, OSError) as error:
        raise ImageError(
            "this scikit-image came without the picture of the histology sample: "
            "install scikit-image again"
        ) from error
    image = ImageSource.from_array(pixels, axes="YXC", rgb=True, name="histology")
    scribbles, classes = load_scribbles(sample_file("histology.oodscribbles"))
    return Sample(image=image, scribbles=scribbles, classes=classes)


def stroke_pixels(
    points: npt.ArrayLike, *, radius: float, shape: tuple[int, int]
) -> npt.NDArray[np.int32]:
    """Return the `(n, 2)` pixels within `radius` of a smooth curve.

    It goes through `points`, `(k, 2)` rows and columns in an image of `shape`.

    Examples
    --------
    >>> stroke_pixels([(1, 1), (1, 3)], radius=0.5, shape=(3, 5)).tolist()
    [[1, 1], [1, 2], [1, 3]]
    """
    curve = _curve(np.asarray(points, np.float64))
    far = np.ones(shape, bool)
    inside = np.all((curve >= 0) & (np.round(curve) < shape), axis=1)
    rows, columns = np.round(curve[inside]).astype(np.intp).T
    far[rows, columns] = False
    near = ndi.distance_transform_edt(far) <= radius
    return np.argwhere(near).astype(np.int32)


def _curve(points: Floats) -> Floats:
    """Return points half a pixel apart on a spline through `points`."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    spline = make_interp_spline(along, points, k=min(3, len(points) - 1))
    curve: Floats = spline(np.linspace(0, along[-1], int(along[-1] * 2) + 2))
    return curve


def simulate_surgery(*, rng: np.random.Generator | None = None) -> Sample:
    """Return a simulated hyperspectral view of organs, an instrument and cloth.

    240 x 320 pixels, 60 bands from 500 to 1000 nm, reflectance with uneven light,
    highlights and noise. Liver, bowel and fat are scribbled; vessel, instrument
    and cloth are not. The seed is fixed unless `rng` is given.
    """
    rng = np.random.default_rng(7) if rng is None else rng
    truth, shade = _scene(rng)
    cube = _spectra(truth, rng)
    light = shade * _light(rng)
    highlights = _highlights(truth, shade, rng)
    cube = cube * light[..., None] + highlights[..., None]
    spread = 0.003 + 0.006 * np.sqrt(cube)
    spread = spread * (1 + ((_WAVELENGTHS - 720) / 280) ** 2)
    cube = np.clip(cube + spread * rng.standard_normal(cube.shape), 0.0, 1.2)
    image = ImageSource.from_array(
        cube.astype(np.float32),
        axes="YXC",
        rgb=False,
        name="hyperspectral",
        wavelengths=tuple(_WAVELENGTHS.tolist()),
    )
    return Sample(
        image=image,
        scribbles=scribbled(Scribbles(_SIZE), truth, rng, n_strokes=6),
        classes=CLASSES,
        truth=truth,
        truth_names=TRUTH,
    )


def _scene(rng: np.random.Generator) -> tuple[Labels, Floats]:
    """Return what is where, and how much each surface faces the light."""
    y, x = np.mgrid[: _SIZE[0], : _SIZE[1]].astype(np.float64)
    truth = np.full(_SIZE, TRUTH.index("fat"), np.uint8)
    shade = 1 + 0.10 * _smooth(rng, 9)
    bowel = [
        (230, 20),
        (178, 52),
        (205, 118),
        (166, 166),
        (200, 218),
        (150, 262),
        (98, 300),
    ]
    vessel = [(90, 108), (116, 150), (100, 186), (112, 222), (82, 262), (60, 318)]
    branch = [(106, 206), (70, 206), (42, 232), (4, 238)]
    liver = ((y - 10) / 104) ** 2 + ((x - 60) / 128) ** 2 + 0.10 * _smooth(rng, 14)
    _add(truth, shade, "vessel", _tube(vessel, 4.5))
    _add(truth, shade, "vessel", _tube(branch, 3.5))
    _add(truth, shade, "bowel", _tube(bowel, 25) + 0.04 * _smooth(rng, 8))
    _add(truth, shade, "liver", np.clip(liver, 0, None) ** 4)
    cloth = (x + 0.9 * y - 425 + 6 * _smooth(rng, 12)) / 60
    _add(truth, shade, "cloth", 1 - np.clip(cloth, 0, 1))
    _add(truth, shade, "instrument", _tube([(239, 150), (112, 132)], 8))
    return truth, shade


def _add(truth: Labels, shade: Floats, name: str, distance: Floats) -> None:
    """Put a thing where `distance` from its middle is below 1, round at its edge."""
    inside = distance < 1
    truth[inside] = TRUTH.index(name)
    shade[inside] = 0.45 + 0.55 * np.sqrt(1 - np.clip(distance[inside], 0, 1) ** 2)


def _tube(points: Sequence[tuple[float, float]], radius: float) -> Floats:
    """Return the distance from a curve, in radii."""
    far = np.ones(_SIZE, bool)
    curve = np.round(_curve(np.array(points, np.float64))).astype(np.intp)
    rows, columns = np.clip(curve, 0, np.array(_SIZE) - 1).T
    far[rows, columns] = False
    distance: Floats = ndi.distance_transform_edt(far) / radius
    return distance


def _smooth(rng: np.random.Generator, sigma: float) -> Floats:
    """Return a smooth random field of mean 0 and standard deviation 1."""
    noise = ndi.gaussian_filter(rng.standard_normal(_SIZE), sigma, mode="wrap")
    field_: Floats = (noise - noise.mean()) / noise.std()
    return field_


def _spectra(truth: Labels, rng: np.random.Generator) -> Floats:
    """Return the `(h, w, 60)` reflectance under even light."""
    blood = np.exp(0.12 * _smooth(rng, 10) + 0.10 * _smooth(rng, 1.5))
    scattering = np.exp(0.05 * _smooth(rng, 6))
    cube = np.zeros((*_SIZE, len(_WAVELENGTHS)))
    for name, tissue in TISSUES.items():
        here = truth == TRUTH.index(name)
        cube[here] = reflectance(
            tissue, _WAVELENGTHS, blood=blood[here], scattering=scattering[here]
        )
    w = _WAVELENGTHS
    metal = 0.55 + 0.10 * (w - 500) / 500
    dye = 0.05 + 0.16 * np.exp(-(((w - 525) / 28) ** 2))
    cloth = dye + 0.45 / (1 + np.exp(-(w - 715) / 14))
    for name, spectrum in (("instrument", metal), ("cloth", cloth)):
        cube[truth == TRUTH.index(name)] = spectrum
    y, x = np.mgrid[: _SIZE[0], : _SIZE[1]]
    weave = 1 + 0.12 * np.sin(y * 1.6) * np.sin(x * 1.6)
    cube *= np.where(truth == TRUTH.index("cloth"), weave, 1.0)[..., None]
    return cube


def _light(rng: np.random.Generator) -> Floats:
    """Return the uneven light of one lamp, about 0.5 to 1.1."""
    y, x = np.mgrid[: _SIZE[0], : _SIZE[1]].astype(np.float64)
    lamp = 1.08 * np.exp(-(((y - 110) / 230) ** 2) - ((x - 170) / 260) ** 2)
    light: Floats = np.clip(lamp * (1 + 0.03 * _smooth(rng, 40)), 0.3, 1.2)
    return light


def _highlights(truth: Labels, shade: Floats, rng: np.random.Generator) -> Floats:
    """Return the mirror-like light of wet tissue and metal."""
    wet = np.isin(truth, [TRUTH.index(n) for n in ("liver", "bowel", "vessel")])
    spots = ndi.gaussian_filter(rng.standard_normal(_SIZE), 1.6)
    spots = np.clip(spots / spots.std() - 2.4, 0, None) * wet * (shade > 0.85)
    metal = (truth == TRUTH.index("instrument")) * np.clip(shade - 0.93, 0, None)
    out: Floats = ndi.gaussian_filter(0.9 * spots + 2.5 * metal, 0.7)
    return out


def scribbled(
    scribbles: Scribbles,
    truth: Labels,
    rng: np.random.Generator,
    *,
    n_strokes: int,
    plane: tuple[int, ...] = (),
) -> Scribbles:
    """Return scribbles with smooth strokes well inside each class of `CLASSES` added.

    Parameters
    ----------
    truth
        `(h, w)` ids of the classes.
    n_strokes
        Of each class.
    plane
        On which they lie.
    """
    for info in CLASSES:
        depth = ndi.distance_transform_edt(np.pad(truth == info.id, 1))[1:-1, 1:-1]
        far = np.full(truth.shape, np.inf)
        for _ in range(n_strokes):
            path = _path(depth, far, rng)
            pixels = stroke_pixels(path, radius=1.5, shape=truth.shape)
            scribbles = scribbles.add(info.id, pixels, plane=plane)
            painted = scribbles.to_labels(plane=plane) > 0
            far = ndi.distance_transform_edt(~painted)
    return scribbles


def _path(depth: Floats, far: Floats, rng: np.random.Generator) -> Floats:
    """Return four points of a bent line well inside, far from other strokes."""
    starts = np.argwhere(depth > _MARGIN)
    while True:
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.4, 3))
        steps = 11 * np.stack([np.sin(heading), np.cos(heading)], axis=1)
        some = starts[rng.integers(len(starts), size=10)]
        start = some[np.argmax(far[some[:, 0], some[:, 1]])].astype(np.float64)
        path: Floats = start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)])
        curve = np.round(_curve(path)).astype(np.intp)
        inside = bool(((curve >= 0) & (curve < depth.shape)).all())
        if inside and depth[curve[:, 0], curve[:, 1]].min() > _MARGIN:
            return path
