from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from napari_ood_seg import samples
from napari_ood_seg.core.data.scribbles import require_same_shape
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.io.scribble_files import load_scribbles
from napari_ood_seg.samples import load_sample

OKABE_ITO = {
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
}  # fmt: skip
DATA = Path(__file__).parents[1] / "sample_data"


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_every_sample_is_ready_to_train(name: str) -> None:
    sample = load_sample(name)
    require_same_shape(sample.scribbles, (sample.image.height, sample.image.width))
    assert sample.scribbles.class_ids == tuple(c.id for c in sample.classes)
    assert {c.color for c in sample.classes} <= OKABE_ITO
    for class_id in sample.scribbles.class_ids:
        strokes = [s for s in sample.scribbles.strokes if s.class_id == class_id]
        assert len(strokes) >= 5
    assert max(sample.scribbles.pixel_counts().values()) < 6000


def test_unknown_sample() -> None:
    with pytest.raises(ImageError, match="histology or hyperspectral"):
        load_sample("cats")


def test_committed_scribbles_are_what_the_script_makes() -> None:
    script = runpy.run_path(str(DATA / "make_histology_scribbles.py"))
    made = script["make"]()
    loaded, classes = load_scribbles(DATA / "histology.oodscribbles")
    assert classes == script["CLASSES"]
    assert len(loaded.strokes) == len(made.strokes)
    np.testing.assert_array_equal(loaded.to_labels(), made.to_labels())


def test_histology_scribbles_lie_on_their_tissue() -> None:
    sample = load_sample("histology")
    red, _, blue = sample.image.read(slice(0, 512), slice(0, 512))
    labels = sample.scribbles.to_labels()
    redness = {c: np.median((red - blue)[labels == c]) for c in (1, 2, 3)}
    brightness = {c: np.median(red[labels == c]) for c in (1, 2, 3)}
    assert redness[1] > 20
    assert redness[2] < -20
    assert abs(redness[3]) < 15
    assert brightness[3] > 190 > brightness[2]


def test_hyperspectral_is_the_same_every_time() -> None:
    one, two = load_sample("hyperspectral"), load_sample("hyperspectral")
    np.testing.assert_array_equal(one.image.levels[0], two.image.levels[0])
    np.testing.assert_array_equal(one.scribbles.to_labels(), two.scribbles.to_labels())
    other = samples.simulate_surgery(rng=np.random.default_rng(1))
    assert (other.image.levels[0] != one.image.levels[0]).any()


def test_hyperspectral_facts() -> None:
    sample = load_sample("hyperspectral")
    assert sample.truth is not None
    assert sample.image.levels[0].shape == (240, 320, 60)
    assert sample.image.wavelengths is not None
    assert sample.image.wavelengths[0] == 500
    assert sample.image.wavelengths[-1] == 1000
    assert np.unique(sample.truth).tolist() == list(range(1, len(samples.TRUTH)))
    labels = sample.scribbles.to_labels()
    painted = labels > 0
    np.testing.assert_array_equal(labels[painted], sample.truth[painted])
    cube = sample.image.levels[0]
    assert np.isfinite(cube).all()
    assert cube.min() >= 0
    assert cube.max() <= 1.2
