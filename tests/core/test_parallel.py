from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import torch

from napari_ood_seg.core import parallel
from napari_ood_seg.core.device import one_thread
from napari_ood_seg.core.interrupt import Interrupted, asking, checkpoint
from napari_ood_seg.core.parallel import all_cores, n_workers, side_by_side, spread
from tests.contracts.scenes import CPU, fit, three_textures

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers, whatever machine this is."""
    monkeypatch.setattr(parallel, "n_workers", lambda: 2)


def test_the_environment_limits_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    for words, expected in (("1", 1), ("0", None), ("many", None), ("100000", None)):
        n_workers.cache_clear()
        monkeypatch.setenv("OMP_NUM_THREADS", words)
        found = n_workers()
        assert found == expected if expected else found >= 1
    n_workers.cache_clear()


@pytest.mark.usefixtures("two")
def test_results_come_in_order_from_other_threads() -> None:
    both = threading.Barrier(2)  # breaks unless two compute at the same time

    def work(n: int) -> tuple[int, str]:
        both.wait(20)
        return n * n, threading.current_thread().name

    found = spread(work, [1, 2, 3, 4], on=CPU)
    assert [square for square, _ in found] == [1, 4, 9, 16]
    assert len({name for _, name in found}) == 2


@pytest.mark.usefixtures("two")
def test_each_part_is_computed_on_one_thread_and_the_caller_keeps_its_own() -> None:
    before = torch.get_num_threads()
    found = spread(lambda _: torch.get_num_threads(), range(8), on=CPU)
    assert set(found) == {1}
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("mode", [True, False])
def test_parts_are_in_the_mode_of_the_caller(mode: bool) -> None:
    with torch.inference_mode(mode):
        found = spread(lambda _: torch.ones(2).is_inference(), range(4), on=CPU)
    assert found == [mode] * 4


@pytest.mark.usefixtures("two")
def test_what_is_raised_reaches_the_caller() -> None:
    def work(n: int) -> int:
        if n == 2:
            raise ValueError("two")
        return n

    with pytest.raises(ValueError, match="two"):
        spread(work, range(4), on=CPU)


@pytest.mark.usefixtures("two")
def test_a_part_may_have_parts() -> None:
    """More than there are workers, each of which waits for its own."""

    def outer(n: int) -> list[int]:
        return spread(lambda m: 10 * n + m, range(3), on=CPU)

    found = spread(outer, range(4), on=CPU)
    assert found == [[10 * n + m for m in range(3)] for n in range(4)]


@pytest.mark.usefixtures("two")
def test_on_another_device_nothing_is_spread() -> None:
    here = threading.current_thread().name
    names = spread(
        lambda _: threading.current_thread().name, range(3), on=torch.device("meta")
    )
    assert names == [here] * 3


def test_a_prediction_is_the_same_on_any_number_of_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = fit(three_textures()).prediction
    monkeypatch.setattr(parallel, "n_workers", lambda: 2)
    spreaded = fit(three_textures()).prediction
    assert (alone.classes == spreaded.classes).all()
    assert (alone.score == spreaded.score).all()
    assert (alone.typicality == spreaded.typicality).all()


@pytest.mark.usefixtures("two")
def test_what_is_not_wanted_any_more_stops_between_two_items() -> None:
    stopped = threading.Event()
    done = []

    def work(n: int) -> None:
        done.append(n)
        if n == 3:
            stopped.set()

    with pytest.raises(Interrupted), asking(stopped.is_set):
        spread(work, range(1000), on=CPU)
    assert len(done) < 10


def test_one_worker_stops_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "n_workers", lambda: 1)
    done: list[int] = []
    with pytest.raises(Interrupted), asking(lambda: 2 in done):
        spread(done.append, range(5), on=CPU)
    assert done == [0, 1, 2]


@pytest.mark.usefixtures("two")
def test_an_item_is_drawn_when_a_thread_is_free() -> None:
    drawn: list[int] = []
    gates = [threading.Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for n in range(4):
            drawn.append(n)
            yield n

    def work(n: int) -> tuple[int, int, bool]:
        assert gates[n].wait(20)
        mode = torch.is_inference_mode_enabled()
        return n, torch.get_num_threads(), mode

    with torch.inference_mode():
        found = side_by_side(work, items(), n=2)
        gates[1].set()
        assert next(found) == (1, 1, True)  # as soon as it is there
        assert drawn == [0, 1]
        gates[2].set()
        assert next(found) == (2, 1, True)
        assert drawn == [0, 1, 2]
        gates[0].set()
        gates[3].set()
        assert sorted(n for n, *_ in found) == [0, 3]


@pytest.mark.usefixtures("two")
def test_nothing_is_computed_after_the_end() -> None:
    begun, going, ended = [], threading.Event(), []

    def work(n: int) -> int:
        begun.append(n)
        if n == 0:
            assert going.wait(20)
            raise ValueError("no")
        going.set()
        try:
            while True:
                checkpoint()
        finally:
            ended.append(n)

    with pytest.raises(ValueError, match="no"):
        list(side_by_side(work, range(9), n=2))
    assert sorted(begun) == [0, 1]
    assert ended == [1]


@pytest.mark.usefixtures("two")
def test_side_by_side_stops_when_it_is_not_wanted() -> None:
    stop = threading.Event()

    def work(n: int) -> int:
        if n == 2:
            stop.set()
        return n

    found: list[int] = []
    with asking(stop.is_set), pytest.raises(Interrupted):
        found.extend(side_by_side(work, range(1000), n=2))
    assert stop.is_set()


def test_one_at_a_time_needs_no_threads() -> None:
    threads = side_by_side(lambda _: threading.current_thread(), range(3), n=1)
    assert set(threads) == {threading.current_thread()}


@pytest.mark.usefixtures("two")
def test_large_operations_may_use_all_cores_but_not_beside_others() -> None:
    def threads(_: int) -> int:
        with all_cores():
            return torch.get_num_threads()

    with one_thread():
        assert threads(0) == 2
        assert torch.get_num_threads() == 1
    assert set(spread(threads, range(4), on=CPU)) == {1}


@pytest.mark.usefixtures("two")
def test_while_python_ends_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = ThreadPoolExecutor(2)
    ended.shutdown()
    monkeypatch.setattr(parallel, "_pool", lambda: ended)
    with pytest.raises(Interrupted):
        spread(abs, [1, 2], on=CPU)
    with pytest.raises(Interrupted):
        list(side_by_side(abs, [1, 2], n=2))


@pytest.mark.usefixtures("two")
def test_other_trouble_with_threads_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(parallel, "_pool", full)
    with pytest.raises(RuntimeError, match="start new thread"):
        spread(abs, [1, 2], on=CPU)
    with pytest.raises(RuntimeError, match="start new thread"):
        list(side_by_side(abs, [1, 2], n=2))
