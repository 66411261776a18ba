from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_ood_seg.core.interrupt import (
    Interrupted,
    asked,
    asking,
    checkpoint,
    interruptible,
)

if TYPE_CHECKING:
    from collections.abc import Generator


def test_nobody_is_asked_outside_of_a_job() -> None:
    checkpoint()


def test_a_job_stops_in_the_middle_of_what_it_computes() -> None:
    stopped, done, closed = [False], [], []

    def job() -> Generator[int]:
        try:
            for i in range(5):
                yield i
                checkpoint()
                done.append(i)
        finally:
            closed.append(True)

    seen = []

    def run() -> None:
        for event in interruptible(job(), lambda: stopped[0]):
            seen.append(event)
            stopped[0] = event == 2
            checkpoint()  # what is done with an event is not interrupted

    with pytest.raises(Interrupted):
        run()
    assert (seen, done, closed) == ([0, 1, 2], [0, 1], [True])


def test_events_come_to_their_end() -> None:
    assert list(interruptible((i for i in range(3)), lambda: False)) == [0, 1, 2]


def test_it_is_asked_only_meanwhile_and_the_inner_one_first() -> None:
    before = asked()
    with asking(lambda: True):
        with asking(lambda: False):
            checkpoint()
        with pytest.raises(Interrupted):
            checkpoint()
    assert asked() is before


def test_nobody_takes_it_for_an_error() -> None:
    assert not issubclass(Interrupted, Exception)
