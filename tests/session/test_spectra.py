from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.session.guide import Guide
from napari_ood_seg.session.session import Session
from napari_ood_seg.session.spectra import Spectra
from tests.contracts.owner import BrokenImage, InlineExecutor, Owner
from tests.contracts.scenes import LEFT, strip, strokes, three_textures

if TYPE_CHECKING:
    import numpy.typing as npt

N = 12


def series() -> npt.NDArray[np.float32]:
    """Return `(3, h, w, 12)`: each frame brighter than the last."""
    return np.stack([(t + 1) * three_textures(N, seed=t) for t in range(3)])


def opened(owner: Owner | None = None) -> tuple[Session, Spectra]:
    post = (lambda call: call()) if owner is None else owner.post
    session = Session(executor=InlineExecutor(), post=post)
    session.set_image(ImageSource.from_array(series(), axes="TYXC", rgb=False))
    return session, Spectra(session, Guide(session))


@pytest.fixture
def watched() -> tuple[Session, Spectra]:
    session, spectra = opened()
    spectra.watch(on=True)
    return session, spectra


def test_classes_are_measured_when_strokes_change(
    watched: tuple[Session, Spectra],
) -> None:
    session, spectra = watched
    coords = strip(10, LEFT)
    session.set_plane((1,))
    session.paint(1, coords)
    expected = series()[1][tuple(coords.T)]
    found = spectra.measured.classes[1]
    np.testing.assert_allclose(found[0].mean, expected.mean(0), rtol=1e-5)
    shapes = expected / expected.mean(1, keepdims=True)
    np.testing.assert_allclose(found[1].mean, shapes.mean(0), rtol=1e-5)
    session.paint(0, coords)
    assert spectra.measured.classes == {}


def test_nothing_is_read_while_nobody_watches() -> None:
    session, spectra = opened()
    session.paint(1, strip(10, LEFT))
    assert spectra.measured.classes == {}
    spectra.watch(on=True)
    assert set(spectra.measured.classes) == {1}


def test_pixel_follows_the_plane(watched: tuple[Session, Spectra]) -> None:
    session, spectra = watched
    spectra.point_at((7, 9))
    assert spectra.pixel is not None
    np.testing.assert_allclose(spectra.pixel[0].mean, series()[0, 7, 9], rtol=1e-6)
    session.set_plane((2,))
    assert spectra.pixel is not None
    np.testing.assert_allclose(spectra.pixel[0].mean, series()[2, 7, 9], rtol=1e-6)
    assert spectra.pixel[0].n == 1
    spectra.point_at(None)
    assert spectra.pixel is None


def test_map_follows_the_plane_and_goes(watched: tuple[Session, Spectra]) -> None:
    session, spectra = watched
    spectra.map_bands((2, 4))
    assert spectra.map is not None
    np.testing.assert_allclose(
        spectra.map, series()[0, ..., 2:5].mean(-1), rtol=1e-5, atol=1e-6
    )
    session.set_plane((1,))
    assert spectra.map is not None
    np.testing.assert_allclose(
        spectra.map, series()[1, ..., 2:5].mean(-1), rtol=1e-5, atol=1e-6
    )
    heard: list[object] = []
    spectra.mapped.connect(lambda: heard.append(spectra.map))
    spectra.watch(on=False)
    assert heard == [None]


def test_answers_about_another_pixel_or_image_are_not_told() -> None:
    owner = Owner()
    session, spectra = opened(owner)
    spectra.point_at((1, 1))
    spectra.point = (2, 2)  # the pointer went on before the answer came
    owner.run_waiting()
    assert spectra.pixel is None
    spectra.map_bands((0, 1))
    session.set_image(ImageSource.from_array(series()[0], axes="YXC", rgb=False))
    owner.run_waiting()
    assert spectra.map is None
    assert spectra.point is None


def test_of_another_image_nothing_is_told_together_with_the_new_one() -> None:
    owner = Owner()
    session, spectra = opened(owner)
    spectra.watch(on=True)
    session.paint(1, strip(10, LEFT))
    spectra.point_at((7, 9))
    spectra.map_bands((2, 4))
    owner.run_waiting()
    assert spectra.pixel is not None
    assert spectra.map is not None
    assert spectra.measured.classes
    heard: list[tuple[object, ...]] = []
    spectra.changed.connect(
        lambda: heard.append((spectra.pixel, spectra.map, spectra.measured.classes))
    )
    few = series()[0, ..., :5]
    session.set_image(ImageSource.from_array(few, axes="YXC", rgb=False))
    assert heard == [(None, None, {})]


def test_groups_of_the_guide_are_measured() -> None:
    session, spectra = opened()
    session.set_device("cpu")
    spectra.watch(on=True)
    scribbles = session.scribbles
    for stroke in strokes().strokes:
        scribbles = scribbles.add(stroke.class_id, stroke.coords, plane=(0,))
    session.set_scribbles(scribbles)
    session.train()
    session.guide()
    groups = spectra.guide.groups
    assert groups
    assert len(spectra.measured.groups) == len(groups)
    coords = np.concatenate([r.stroke for r in groups[0].regions])
    expected = series()[0][tuple(coords.T)].mean(0)
    np.testing.assert_allclose(spectra.measured.groups[0][0].mean, expected, rtol=1e-5)


def test_an_image_that_cannot_be_read_is_one_sentence() -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    broken = BrokenImage(three_textures(N), OSError("gone"))
    session.set_image(ImageSource.from_array(broken, axes="YXC", rgb=False))
    spectra = Spectra(session, Guide(session))
    said: list[tuple[str, str]] = []
    session.message.connect(lambda text, kind: said.append((text, kind)))
    spectra.point_at((1, 1))
    assert said == [("cannot read image 'image': gone", "error")]


def test_closed_means_silent() -> None:
    session, spectra = opened()
    spectra.watch(on=True)
    spectra.close()
    session.paint(1, strip(10, LEFT))
    assert spectra.measured.classes == {}
