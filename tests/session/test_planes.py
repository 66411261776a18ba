from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core import parallel
from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.coverage import Coverage
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.features.store import FeatureStore
from napari_ood_seg.core.inference.predict import open_features, predict
from napari_ood_seg.session import planes
from napari_ood_seg.session.planes import Predicting, n_at_once
from napari_ood_seg.session.sight import Sight
from napari_ood_seg.session.work import PredictJob, Target
from tests.contracts.scenes import CPU, SHAPE, fit, strokes, three_textures

if TYPE_CHECKING:
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.session.jobs import TileDone

    Plane = tuple[int, ...]

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=512)
N = 5
WHOLE = (slice(0, SHAPE[0]), slice(0, SHAPE[1]))


@pytest.fixture(scope="module")
def model() -> InstantModel:
    source = ImageSource.from_array(three_textures())
    return fit(source, strokes(), config=CONFIG).model


@pytest.fixture(scope="module")
def stack() -> ImageSource:
    frames = [np.roll(three_textures(), 3 * i, axis=0) for i in range(N)]
    return ImageSource.from_array(np.stack(frames), axes="ZYXC")


@pytest.fixture(params=[1, 2])
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    n: int = request.param
    use(n, monkeypatch)
    return n


def use(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have so many cores, whatever machine this is."""
    for module in (planes, parallel):
        monkeypatch.setattr(module, "n_workers", lambda: n)


def opened(model: InstantModel, stack: ImageSource) -> FeatureStore:
    return open_features(model, stack, device=CPU, plane=(0,))


def predicting(
    model: InstantModel, store: FeatureStore, *, ahead: tuple[Plane, ...] = ()
) -> Predicting:
    sight = Sight()
    sight.start((0,))
    job = PredictJob(
        source=store.source,
        model=model,
        device="cpu",
        plane=(0,),
        ahead=ahead,
        sight=sight,
    )
    return Predicting(model=model, job=job, kept=lambda: store.n_bytes)


def by_plane(events: list[TileDone]) -> dict[Plane, TileDone]:
    out = {event.plane: event for event in events}
    assert len(out) == len(events)  # small planes are predicted in one piece
    return out


@pytest.mark.usefixtures("cores")
def test_all_planes_are_as_each_alone_the_shown_one_first(
    model: InstantModel, stack: ImageSource
) -> None:
    store = opened(model, stack)
    run = predicting(model, store, ahead=((1,), (2,), (3,), (4,)))
    events = list(run.shown(store, Target(source=stack, planes=((0,),))))
    assert events[0].plane == (0,)
    assert [e.seen for e in events] == [True] + [False] * (N - 1)
    found = by_plane(events)
    assert set(found) == {(i,) for i in range(N)}
    for plane, event in found.items():
        alone = predict(model, opened(model, stack), plane=plane)
        np.testing.assert_array_equal(event.prediction.classes, alone.classes)
        np.testing.assert_array_equal(event.prediction.typicality, alone.typicality)
        assert event.region == WHOLE


@pytest.mark.usefixtures("cores")
def test_what_is_there_is_neither_computed_nor_told(
    model: InstantModel, stack: ImageSource
) -> None:
    store = opened(model, stack)
    there = Coverage.none(SHAPE, store.cell)
    there.add(WHOLE, 1)
    other = Target(source=stack, planes=((1,), (2,), (3,)), covered={(1,): there})
    events = list(predicting(model, store).other(store, other))
    assert set(by_plane(events)) == {(2,), (3,)}
    assert not store.has((1,), 0)


def test_planes_are_looked_at_side_by_side(
    model: InstantModel, stack: ImageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(2, monkeypatch)
    store, read = opened(model, stack), ImageSource.read
    both = threading.Barrier(2)

    def wait(
        self: ImageSource, rows: slice, columns: slice, *, plane: Plane = ()
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        both.wait(20)  # breaks if they come one after the other
        return read(self, rows, columns, plane=plane)

    monkeypatch.setattr(ImageSource, "read", wait)
    other = Target(source=stack, planes=((1,), (2,), (3,), (4,)))
    events = list(predicting(model, store).other(store, other))
    assert len(by_plane(events)) == 4


def test_large_planes_and_graphics_cards_are_busy_with_one(
    model: InstantModel, stack: ImageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(16, monkeypatch)
    store = opened(model, stack)
    assert len(store.tiles) == 1
    assert n_at_once(store) == 4
    store.device = torch.device("cuda")
    assert n_at_once(store) == 1
    small = FeatureStore(stack, model.descriptor, device=CPU, size=32)
    assert len(small.tiles) > 4
    assert n_at_once(small) == 1
