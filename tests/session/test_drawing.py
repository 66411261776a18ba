from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.data.preview import PICTURES, picture
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.data.tissue import INDICES, tissue_map
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.samples import load_sample
from napari_ood_seg.session.drawing import drawn
from napari_ood_seg.session.session import Session
from napari_ood_seg.session.work import EXPOSURE, PictureJob
from tests.contracts.owner import InlineExecutor
from tests.contracts.scenes import three_textures

if TYPE_CHECKING:
    from napari_ood_seg.session.jobs import Pictured


@pytest.fixture(scope="module")
def frame() -> ImageSource:
    return load_sample("hyperspectral").image


def look(source: ImageSource, name: str) -> Pictured:
    return drawn(PictureJob(source=source, plane=(), name=name))


@pytest.mark.parametrize("name", ["colour", "principal components"])
def test_pictures_are_colours(frame: ImageSource, name: str) -> None:
    found = look(frame, name)
    assert name in PICTURES
    np.testing.assert_array_equal(found.pixels, picture(frame, name))
    assert found.limits is None


def test_maps_have_limits(frame: ImageSource) -> None:
    found = look(frame, "oxygenation")
    np.testing.assert_array_equal(found.pixels, tissue_map(frame, "oxygenation"))
    assert found.limits == INDICES["oxygenation"].limits


def test_exposure_labels_a_highlight_and_a_dark_spot() -> None:
    image = three_textures(12).copy() + 0.1
    image[10:14, 20:26], image[40, 50] = 9.0, 1e-4
    source = ImageSource.from_array(image, axes="YXC", rgb=False)
    found = look(source, EXPOSURE).pixels
    assert found.dtype == np.uint8
    assert (found[10:14, 20:26] == 1).all()
    assert found[40, 50] == 2
    assert np.count_nonzero(found) == 4 * 6 + 1


def test_a_map_needs_wavelengths() -> None:
    source = ImageSource.from_array(three_textures(), axes="YXC")
    with pytest.raises(ImageError, match="wavelengths"):
        look(source, "oxygenation")


def test_the_session_tells_what_was_drawn_and_what_could_not_be() -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    said: list[tuple[str, str]] = []
    found: list[Pictured] = []
    session.message.connect(lambda text, kind: said.append((text, kind)))
    session.pictured.connect(found.append)
    session.draw("colour")
    assert said.pop()[1] == "warning", "there is no image"
    source = ImageSource.from_array(three_textures(), axes="YXC", rgb=True)
    session.set_image(source)
    session.draw("colour")
    (got,) = found
    assert got.source is source
    np.testing.assert_array_equal(got.pixels, picture(source, "colour"))
    assert session.result is None
    assert not session.busy
    session.draw("oxygenation")
    assert said[-1][1] == "error"
    assert "wavelengths" in said[-1][0]
