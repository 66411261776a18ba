"""Simulated hyperspectral videos of the open abdomen, with their ground truth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from scipy import ndimage as ndi

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.optics import TISSUES, Tissue, reflectance
from napari_ood_seg.samples import CLASSES, Sample, scribbled

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Labels = npt.NDArray[np.uint8]

NAMES: Final = (
    "unlabelled",
    "liver",
    "bowel",
    "fat",
    "vessel",
    "spleen",
    "instrument",
    "glove",
    "cloth",
)
"""Meaning of the values of the truth."""

ORGANS: Final[Mapping[str, Tissue]] = MappingProxyType(
    {**TISSUES, "spleen": Tissue(0.18, 0.72, 0.77, 0.02, 10.0, 1.1)}
)
"""What light meets in each tissue. Values of the order that Jacques (2013) collects;
they differ from person to person."""

_RANGE: Final = (500.0, 1000.0)
_MARGIN: Final = 24
"""Pixels around the frame that the camera may move to."""


class Frame(NamedTuple):
    """A frame and what is known about it.

    Attributes
    ----------
    cube
        `(h, w, c)` reflectance under the light of the scene, with noise.
    truth
        `(h, w)`, see `NAMES`.
    glare
        `(h, w)` what mirrors added to every band.
    """

    cube: npt.NDArray[np.float32]
    truth: Labels
    glare: Floats


class Video(NamedTuple):
    """A video that is computed frame by frame when it is read.

    Attributes
    ----------
    image
        `(T, Y, X, C)` with wavelengths.
    truth
        `(t, h, w)` dask array, see `NAMES`.
    """

    image: ImageSource
    truth: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Surgery:
    """A scene: where organs lie, how they move, and what lies on them.

    Diffuse reflectance follows from blood, its oxygenation, water, fat and scattering:
    see `optics.reflectance` for the formula and the sources of the spectra. Blood and
    scattering vary within an organ. Breathing moves the organs, the surgeon moves
    instrument and glove, the camera drifts; light is uneven, wet tissue and metal
    mirror it. The spectra of metal, glove and cloth are invented, but smooth and unlike
    tissue. All follows from the seed.

    Attributes
    ----------
    size
        Height and width in pixels.
    wavelengths
        In nm, 500 to 1000.
    seed
        Of everything that is random.
    noise
        Standard deviation of the noise, relative to that of a usual camera.
    oxygen
        Factor on the oxygenation of all organs: below 1 for an ischaemia.
    """

    size: tuple[int, int] = (240, 320)
    wavelengths: tuple[float, ...] = field(
        default=tuple(np.linspace(500.0, 1000.0, 100).tolist()), repr=False
    )
    seed: int = 0
    noise: float = 1.0
    oxygen: float = 1.0

    def __post_init__(self) -> None:
        nm = self.wavelengths
        if not nm or min(nm) < _RANGE[0] or max(nm) > _RANGE[1]:
            raise ImageError(
                f"spectra are known from {_RANGE[0]:g} to {_RANGE[1]:g} nm: give "
                "wavelengths within"
            )
        if min(self.size) < 32 or not 0 <= self.oxygen <= 1 or self.noise < 0:
            raise ImageError(
                f"a scene of {self.size} pixels, noise {self.noise} and oxygen "
                f"{self.oxygen} cannot be: 32 pixels at least, noise from 0, oxygen "
                "from 0 to 1"
            )

    def video(self, n_frames: int) -> Video:
        """Return `n_frames` frames, none of which is computed before it is read."""
        from dask import array as dask_array

        (h, w), c = self.size, len(self.wavelengths)
        one = tuple([1] * n_frames)
        cubes = dask_array.map_blocks(
            partial(_cube_of, self), dtype=np.float32, chunks=(one, (h,), (w,), (c,))
        )
        truth = dask_array.map_blocks(
            partial(_truth_of, self), dtype=np.uint8, chunks=(one, (h,), (w,))
        )
        image = ImageSource.from_array(
            cubes,
            axes="TYXC",
            rgb=False,
            name="surgery",
            wavelengths=self.wavelengths,
        )
        return Video(image, truth)

    def frame(self, t: int) -> Frame:
        """Return frame number `t`, 0 or more; 25 frames are one breath."""
        truth, shade, vary = self._view(t)
        cube = self._spectra(truth, vary)
        glare = self._glare(truth, shade, vary[2])
        rng = np.random.default_rng([self.seed, 1, t])
        light = (shade * self._lamp(t))[..., None]
        cube = cube * light + glare[..., None]
        spread = 0.003 + 0.006 * np.sqrt(cube)
        spread *= 1 + ((np.array(self.wavelengths) - 720) / 280) ** 2
        cube = cube + self.noise * spread * rng.standard_normal(cube.shape)
        return Frame(np.clip(cube, 0, 1.5).astype(np.float32), truth, glare)

    def _view(self, t: int) -> tuple[Labels, Floats, Floats]:
        """Return what is where, how it faces the light, and how tissue varies."""
        h, w = self.size
        organs, relief, vary = _canvas(self.size, self.seed)
        breath = np.sin(2 * np.pi * t / 25)
        drift = _MARGIN / 3 * np.array([np.sin(t / 40), np.sin(t / 55 + 1)])
        y, x = np.mgrid[:h, :w].astype(np.float64)
        swell = 3 * breath * np.exp(-(((y / h - 0.3) ** 2 + (x / w - 0.4) ** 2) * 6))
        at = np.stack([y + _MARGIN + drift[0] + swell, x + _MARGIN + drift[1]])
        truth = ndi.map_coordinates(organs, at, order=0)
        shade = ndi.map_coordinates(relief, at, order=1)
        seen = np.stack([ndi.map_coordinates(v, at, order=1) for v in vary])
        self._hands(t, truth, shade)
        return truth, shade, seen

    def _hands(self, t: int, truth: Labels, shade: Floats) -> None:
        """Put cloth, glove and instrument in front; they move on their own."""
        h, w = self.size
        y, x = np.mgrid[:h, :w] / np.array([h, w])[:, None, None]
        sway = 0.05 * np.sin(2 * np.pi * t / 60)
        tip = 0.45 + 0.08 * np.cos(2 * np.pi * t / 45)
        along = np.clip((y - tip) / (1 - tip), 0, 1)
        middle = 0.42 + sway + 0.12 * along
        cloth = 1 - np.clip((1.0 * x + 0.8 * y - 1.45) / 0.25, 0, 1)
        glove = ((y - 0.95) / 0.28) ** 2 + ((x - 0.12 - sway) / 0.16) ** 2
        shaft = np.where(y > tip, np.abs(x - middle) / 0.025, 2.0)
        for name, far in (("cloth", cloth), ("glove", glove), ("instrument", shaft)):
            _put(truth, shade, name, far)

    def _spectra(self, truth: Labels, vary: Floats) -> Floats:
        """Return the `(h, w, c)` reflectance under even light."""
        nm = np.array(self.wavelengths)
        cube = np.zeros((*self.size, len(nm)))
        blood = np.exp(0.12 * vary[0] + 0.08 * vary[2])
        scattering = np.exp(0.05 * vary[1])
        for name, organ in ORGANS.items():
            here = truth == NAMES.index(name)
            tissue = Tissue(
                organ.blood,
                organ.oxygen * self.oxygen,
                organ.water,
                organ.fat,
                organ.scattering,
                organ.power,
            )
            cube[here] = reflectance(
                tissue, nm, blood=blood[here], scattering=scattering[here]
            )
        for name, spectrum in things(nm).items():
            cube[truth == NAMES.index(name)] = spectrum
        return cube

    def _glare(self, truth: Labels, shade: Floats, spots: Floats) -> Floats:
        """Return what wet tissue and metal mirror, the same in all bands."""
        dry = [NAMES.index(n) for n in ("fat", "glove", "cloth")]
        facing = (shade > 0.85) & ~np.isin(truth, dry)
        out: Floats = 1.2 * np.clip(spots - 2.2, 0, None) * facing
        metal = truth == NAMES.index("instrument")
        out[metal] = 2.5 * np.clip(shade[metal] - 0.94, 0, None)
        return out

    def _lamp(self, t: int) -> Floats:
        """Return the uneven light of a lamp that somebody moves, about 0.4 to 1.1."""
        h, w = self.size
        y, x = np.mgrid[:h, :w] / np.array([h, w])[:, None, None]
        place = 0.5 + 0.1 * np.array([np.sin(t / 70), np.cos(t / 50)])
        far = ((y - place[0]) / 0.95) ** 2 + ((x - place[1]) / 0.85) ** 2
        light: Floats = 1.1 * np.exp(-far)
        return light


def operation(n_frames: int = 24) -> Sample:
    """Return a series of frames in memory, the first and the middle one scribbled.

    `(n_frames, 200, 272, 50)` uint16, reflectance in units of 1/10,000, 500 to 1000 nm.
    Liver, bowel and fat are scribbled; vessel, spleen, instrument, glove and cloth are
    not. Takes some seconds.
    """
    nm = tuple(np.linspace(500.0, 1000.0, 50).tolist())
    scene = Surgery(size=(200, 272), wavelengths=nm)
    with ThreadPoolExecutor() as pool:
        frames = list(pool.map(scene.frame, range(n_frames)))
    truth = np.stack([frame.truth for frame in frames])
    image = ImageSource.from_array(
        np.stack([np.round(f.cube * 10_000).astype(np.uint16) for f in frames]),
        axes="TYXC",
        rgb=False,
        name="operation",
        wavelengths=nm,
    )
    rng = np.random.default_rng(0)
    scribbles = Scribbles(scene.size)
    for t in (0, n_frames // 2):
        scribbles = scribbled(scribbles, truth[t], rng, n_strokes=3, plane=(t,))
    return Sample(
        image=image,
        scribbles=scribbles,
        classes=CLASSES,
        truth=truth,
        truth_names=NAMES,
    )


def things(wavelengths: npt.ArrayLike) -> dict[str, Floats]:
    """Return the `(c,)` reflectance of what is no tissue, by name; invented.

    Examples
    --------
    >>> {name: spectrum.round(2).tolist() for name, spectrum in things([600]).items()}
    {'instrument': [0.57], 'glove': [0.23], 'cloth': [0.05]}
    """
    nm = np.asarray(wavelengths, np.float64)
    rise = 1 / (1 + np.exp(-(nm - 715) / 14))
    return {
        "instrument": 0.55 + 0.10 * (nm - 500) / 500,
        "glove": 0.23 + 0.35 * np.exp(-(((nm - 480) / 45) ** 2)) + 0.3 * rise,
        "cloth": 0.05 + 0.16 * np.exp(-(((nm - 525) / 28) ** 2)) + 0.45 * rise,
    }


def _cube_of(scene: Surgery, *, block_id: tuple[int, ...]) -> npt.NDArray[np.float32]:
    return scene.frame(block_id[0]).cube[None]


def _truth_of(scene: Surgery, *, block_id: tuple[int, ...]) -> Labels:
    return scene.frame(block_id[0]).truth[None]


@lru_cache(maxsize=2)
def _canvas(size: tuple[int, int], seed: int) -> tuple[Labels, Floats, Floats]:
    """Return what all frames show: organs, relief, and how tissue varies."""
    rng = np.random.default_rng([seed, 0])
    canvas = (size[0] + 2 * _MARGIN, size[1] + 2 * _MARGIN)
    organs, relief = _abdomen(canvas, rng)
    vary = np.stack([_smooth(canvas, rng, s) for s in (10, 6, 1.6)])
    return organs, relief, vary


def _abdomen(size: tuple[int, int], rng: np.random.Generator) -> tuple[Labels, Floats]:
    """Return which organ is where on a canvas, and how its surface faces the light."""
    y, x = np.mgrid[: size[0], : size[1]] / np.array(size)[:, None, None]
    rough = [_smooth(size, rng, s) for s in (12, 9, 14, 8)]
    truth = np.full(size, NAMES.index("fat"), np.uint8)
    shade = np.clip(1 + 0.08 * rough[0], 0.5, 1.2)
    liver = ((y - 0.12) / 0.42) ** 2 + ((x - 0.25) / 0.40) ** 2 + 0.08 * rough[1]
    spleen = ((y - 0.25) / 0.16) ** 2 + ((x - 0.80) / 0.12) ** 2 + 0.08 * rough[2]
    bend = 0.66 + 0.10 * np.sin(9 * x + rng.uniform(0, 6))
    bowel = np.abs(y - bend) / 0.10 + 0.04 * rough[3]
    course = 0.50 + 0.03 * np.sin(12 * x + rng.uniform(0, 6))
    vessel = np.where(x > 0.3, np.abs(y - course) / 0.018, 2.0)
    _put(truth, shade, "vessel", vessel)
    _put(truth, shade, "bowel", bowel)
    _put(truth, shade, "liver", np.clip(liver, 0, None) ** 3)
    _put(truth, shade, "spleen", np.clip(spleen, 0, None) ** 2)
    return truth, shade


def _put(truth: Labels, shade: Floats, name: str, distance: Floats) -> None:
    """Put a thing where `distance` from its middle is below 1, round at its edge."""
    inside = distance < 1
    truth[inside] = NAMES.index(name)
    shade[inside] = 0.45 + 0.55 * np.sqrt(1 - np.clip(distance[inside], 0, 1) ** 2)


def _smooth(size: tuple[int, int], rng: np.random.Generator, sigma: float) -> Floats:
    """Return a smooth random field of mean 0 and standard deviation 1."""
    noise = ndi.gaussian_filter(rng.standard_normal(size), sigma, mode="wrap")
    out: Floats = (noise - noise.mean()) / noise.std()
    return out
