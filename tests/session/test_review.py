from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.types import UNKNOWN
from napari_ood_seg.session.review import Review
from napari_ood_seg.session.session import Session
from tests.contracts.owner import InlineExecutor, Owner
from tests.contracts.scenes import strokes, three_textures

if TYPE_CHECKING:
    import numpy.typing as npt

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
N = 4
STRANGE = 2
"""The only frame with something that nobody painted."""


def series() -> npt.NDArray[np.float32]:
    """Return `(4, h, w, 3)`; columns of two textures, in one frame also a third."""
    frames = []
    for t in range(N):
        whole = three_textures(seed=t)
        if t != STRANGE:
            whole[:, 64:] = whole[:, 32:64]
        frames.append(whole)
    return np.stack(frames)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def opened(owner: Owner | None = None) -> tuple[Session, Review]:
    post = (lambda call: call()) if owner is None else owner.post
    session = Session(executor=InlineExecutor(), post=post)
    session.set_config(CONFIG)
    session.set_device("cpu")
    review = Review(session, clock=Clock())
    session.set_image(ImageSource.from_array(series(), axes="TYXC", rgb=False))
    scribbles = session.scribbles
    for stroke in strokes().strokes:
        scribbles = scribbles.add(stroke.class_id, stroke.coords, plane=(0,))
    session.set_scribbles(scribbles)
    return session, review


@pytest.fixture
def trained() -> tuple[Session, Review]:
    session, review = opened()
    session.train()  # nothing is known of a view: all planes are predicted
    review.count()
    return session, review


def there(review: Review) -> list[bool]:
    return [a is not None for a in review.frames]


def is_predicting(review: Review) -> bool:
    return review.predicting


def shares(review: Review, class_id: int) -> list[float]:
    return [-1.0 if a is None else a.share(class_id) for a in review.frames]


def test_each_frame_is_counted_as_its_result_shows(
    trained: tuple[Session, Review],
) -> None:
    session, review = trained
    for i, areas in enumerate(review.frames):
        result = session.result_at((i,))
        assert result is not None
        assert areas is not None
        labels = result.labels(session.keep)
        for class_id in (1, 2, UNKNOWN):
            assert areas.pixels.get(class_id, 0) == (labels == class_id).sum()
    assert review.done == review.n == N


def test_next_unknown_frame(trained: tuple[Session, Review]) -> None:
    session, review = trained
    assert np.argmax(shares(review, UNKNOWN)) == STRANGE
    review.least = 0.25
    assert review.next_unknown() == STRANGE
    session.set_plane((3,))
    assert review.next_unknown() == STRANGE
    review.least = 0.99
    assert review.next_unknown() is None


def test_threshold_is_counted_anew(trained: tuple[Session, Review]) -> None:
    session, review = trained
    before = shares(review, UNKNOWN)
    session.set_keep(0.5)
    review.count(most=0)
    assert shares(review, UNKNOWN) == before
    review.count()
    after = shares(review, UNKNOWN)
    assert all(a >= b for a, b in zip(after, before, strict=True))
    assert sum(after) > sum(before)


def test_some_frames_at_a_time_the_shown_one_first(
    trained: tuple[Session, Review],
) -> None:
    session, review = trained
    session.set_plane((3,))
    session.set_keep(0.5)
    before = shares(review, UNKNOWN)
    review.count(most=1)
    changed = [a != b for a, b in zip(shares(review, UNKNOWN), before, strict=True)]
    assert changed == [False, False, False, True]
    assert review.stale


def test_training_anew_empties_what_is_gone() -> None:
    owner = Owner()
    session, review = opened(owner)
    session.train()
    owner.run_waiting()
    review.count()
    assert there(review) == [True] * N
    session._age_results()  # what a new model does first
    review.count()
    assert there(review) == [True, False, False, False]
    assert review.done == 0


def test_another_image_and_back(trained: tuple[Session, Review]) -> None:
    session, review = trained
    before, source = review.frames, session.source
    session.set_image(ImageSource.from_array(three_textures(), axes="YXC", rgb=True))
    assert (review.n, review.at, review.frames) == (0, 0, ())
    assert review.next_unknown() is None
    assert review.unknown_share() is None
    session.set_image(source)
    review.count()
    assert review.frames == before
    assert review.done == N


def test_predicting_all_frames_says_how_long_it_takes() -> None:
    owner = Owner()
    session, review = opened(owner)
    session.train()
    owner.run_waiting()
    session._age_results()
    assert review.seconds_left() is None
    running: list[bool] = []
    review.changed.connect(lambda: running.append(review.predicting))
    review.predict()
    assert is_predicting(review)
    assert running[:1] == [True]  # before the first frame: there is something to stop
    told: list[float] = []
    session.plane_written.connect(lambda _: told.append(review.seconds_left() or -1.0))
    owner.run_waiting()
    assert not is_predicting(review)
    assert review.done == N
    assert told[0] == -1.0  # half a frame says nothing
    assert any(t > 0 for t in told)
    review.count()
    assert there(review) == [True] * N


def test_without_a_model_nothing_is_predicted() -> None:
    session, review = opened()
    said: list[str] = []
    session.message.connect(lambda text, _: said.append(text))
    review.predict()
    assert not is_predicting(review)
    assert said == ["there is no model yet: train one or load one first"]


def test_exact_counts_every_pixel(
    trained: tuple[Session, Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_ood_seg.session import review as module

    session, review = trained
    monkeypatch.setattr(module, "_COUNTED", 60)
    session.set_keep(0.9)
    review.count()
    exact = review.exact()
    assert [i for i, _ in exact] == list(range(N))
    assert all(a.total == 64 * 96 for _, a in exact)
    rough = review.frames[0]
    assert rough is not None
    assert rough.total != 64 * 96
    assert rough.share(1) == pytest.approx(exact[0][1].share(1), abs=0.1)


def test_time_is_the_axis_and_depth_stays() -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    review = Review(session)
    stack = np.zeros((2, 5, 8, 8), np.float32)
    session.set_image(ImageSource.from_array(stack, axes="ZTYX"))
    session.set_plane((1, 3))
    assert (review.axis, review.n, review.at) == (1, 5, 3)
    assert review.plane(4) == (1, 4)
    review.close()
    session.set_plane((0, 0))


def test_stepping_does_not_make_anybody_wait() -> None:
    """Who steps to a frame that is not there sees it next, and those ahead of it."""
    owner = Owner()
    session, _ = opened(owner)
    session.train()
    owner.run_waiting()
    session._age_results()
    heard: list[tuple[int, ...]] = []
    session.plane_written.connect(heard.append)
    busy: list[bool] = []
    session.busy_changed.connect(busy.append)
    session._filling = True
    session.set_plane((1,))
    owner.run_waiting()
    assert list(dict.fromkeys(heard)) == [(1,), (2,), (3,), (0,)]
    assert busy == []


def test_a_job_that_comes_there_anyway_is_not_started_again() -> None:
    """What it has predicted, but nobody has heard of yet, would be lost."""
    owner = Owner()
    session, _ = opened(owner)
    session.train()
    owner.run_waiting()
    session._age_results()
    session._filling = True
    heard: list[tuple[int, ...]] = []
    session.plane_written.connect(heard.append)
    session.set_plane((1,))  # all is predicted by now, and waits to be told
    session.set_plane((2,))
    session.set_plane((3,))
    owner.run_waiting()
    assert set(heard) == {(0,), (1,), (2,), (3,)}
    assert list(dict.fromkeys(heard)) == [(1,), (2,), (3,), (0,)]  # one job alone
    session.set_plane((0,))
    assert session.result is not None
    assert not session.result.lacks(None)
