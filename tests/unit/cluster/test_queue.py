"""The work queue: one at a time per key, de-duplicated, with backoff and delays."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from virtual import run

from effort import tried
from perennial.cluster.queue import (
    LONGEST_BACKOFF_SECONDS,
    RESYNC_SECONDS,
    Key,
    Later,
    WorkQueue,
)

A, B = Key("ModelTraining", "team", "a"), Key("ModelTraining", "team", "b")


class Bench:
    """A started queue that notes when each key was begun and ended."""

    def __init__(self, work: Callable[[Key], Awaitable[float | None]]) -> None:
        self.work = work
        self.begun: list[tuple[str, float]] = []
        self.running: set[Key] = set()
        self.most = 0
        self.listed: list[Key] = []
        self.queue = WorkQueue(self._reconcile, lambda: self.listed, workers=3)

    async def _reconcile(self, key: Key) -> float | None:
        assert key not in self.running, "a key ran twice at once"
        self.running.add(key)
        self.most = max(self.most, len(self.running))
        self.begun.append((key.name, asyncio.get_running_loop().time()))
        try:
            return await self.work(key)
        finally:
            self.running.discard(key)


async def nothing(_: Key) -> None:
    return None


async def second(_: Key) -> None:
    await asyncio.sleep(1)


def bench(
    work: Callable[[Key], Awaitable[float | None]],
    play: Callable[[Bench], Coroutine[Any, Any, None]],
) -> Bench:
    """Play against a queue in virtual time."""
    made: list[Bench] = []

    async def whole() -> None:
        made.append(Bench(work))
        made[0].queue.start()
        await play(made[0])
        await made[0].queue.stop()

    run(whole())
    return made[0]


def test_what_is_added_twice_before_it_runs_runs_once() -> None:
    async def play(b: Bench) -> None:
        for key in (A, B, A, A, B):
            b.queue.add(key)
        await asyncio.sleep(5)

    assert bench(nothing, play).begun == [("a", 0), ("b", 0)]


def test_what_is_added_while_it_runs_runs_once_more_and_never_at_the_same_time() -> None:
    async def play(b: Bench) -> None:
        b.queue.add(A)
        await asyncio.sleep(0.5)
        for _ in range(3):
            b.queue.add(A)
        await asyncio.sleep(5)

    assert bench(second, play).begun == [("a", 0), ("a", 1)]


def test_keys_run_side_by_side_up_to_the_number_of_workers() -> None:
    async def play(b: Bench) -> None:
        for n in range(5):
            b.queue.add(Key("ModelTraining", "team", str(n)))
        await asyncio.sleep(5)

    done = bench(second, play)
    assert done.most == 3 and [at for _, at in done.begun] == [0, 0, 0, 1, 1]


def test_what_waits_for_something_that_hangs_keeps_no_other_waiting() -> None:
    async def play(b: Bench) -> None:
        async def work(key: Key) -> None:
            if key.name.startswith("hangs"):
                async with b.queue.meanwhile():
                    await asyncio.sleep(10)
            await asyncio.sleep(1)

        b.work = work
        for n in range(6):
            b.queue.add(Key("ModelDeployment", "team", f"hangs-{n}"))
        for n in range(4):
            b.queue.add(Key("ModelTraining", "team", str(n)))
        b.queue.add(Key("ModelDeployment", "team", "hangs-0"))
        await asyncio.sleep(30)

    begun = dict(reversed(bench(nothing, play).begun))
    assert [begun[str(n)] for n in range(4)] == [0, 0, 0, 1]
    assert all(begun[f"hangs-{n}"] == 0 for n in range(6))


def test_a_result_is_when_to_look_again() -> None:
    delays = iter([7.0, 2.0, None])

    async def work(_: Key) -> float | None:
        return next(delays)

    async def play(b: Bench) -> None:
        b.queue.add(A)
        await asyncio.sleep(100)

    assert bench(work, play).begun == [("a", 0), ("a", 7), ("a", 9)]


def test_the_earliest_of_several_delays_counts_and_an_event_replaces_them() -> None:
    async def play(b: Bench) -> None:
        b.queue.add_after(A, 9)
        b.queue.add_after(A, 4)
        b.queue.add_after(A, 6)
        b.queue.add_after(B, -3)
        await asyncio.sleep(20)
        b.queue.add_after(A, 5)
        b.queue.add(A)
        await asyncio.sleep(20)

    assert bench(nothing, play).begun == [("b", 0), ("a", 4), ("a", 20)]


def test_failures_back_off_doubling_up_to_a_limit_and_a_success_forgets_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("perennial.cluster.queue.random.uniform", lambda _, high: high)
    fails = [True] * 12 + [False, True, False]

    async def work(_: Key) -> None:
        if fails.pop(0):
            raise RuntimeError("the API server is away")

    async def play(b: Bench) -> None:
        b.queue.add(A)
        await asyncio.sleep(1000)
        b.queue.add(A)
        await asyncio.sleep(1000)

    times = [at for _, at in bench(work, play).begun]
    waits = [later - at for at, later in itertools.pairwise(times)]
    assert waits[:5] == pytest.approx([0.4, 0.8, 1.6, 3.2, 6.4])
    assert max(waits[:12]) == LONGEST_BACKOFF_SECONDS and waits[9:12] == [60, 60, 60]
    assert waits[-1] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("after", "at_most", "waits"),
    [
        (0.0, None, [0.4, 0.8, 1.6, 3.2]),  # as any failure
        (5.0, None, [5.0, 5.0, 5.0, 5.0]),  # as long as it was asked to
        (0.0, 1.0, [0.4, 0.8, 1.0, 1.0]),  # what else is due comes in its time
    ],
)
def test_what_was_refused_is_tried_again_in_time(
    monkeypatch: pytest.MonkeyPatch, after: float, at_most: float | None, waits: list[float]
) -> None:
    monkeypatch.setattr("perennial.cluster.queue.random.uniform", lambda _, high: high)

    async def work(_: Key) -> None:
        raise Later("no room", after, at_most)

    async def play(b: Bench) -> None:
        b.queue.add(A)
        await asyncio.sleep(30)

    times = [at for _, at in bench(work, play).begun][:5]
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx(waits)


def test_a_failing_key_holds_up_nobody_and_the_queue_lives() -> None:
    async def work(key: Key) -> None:
        if key == A:
            raise ValueError("no")

    async def play(b: Bench) -> None:
        b.queue.add(A)
        b.queue.add(B)
        await asyncio.sleep(0.1)
        assert b.queue.is_alive()

    assert ("b", 0) in bench(work, play).begun


def test_an_event_ends_a_backoff() -> None:
    async def work(_: Key) -> None:
        raise ValueError("no")

    async def play(b: Bench) -> None:
        b.queue.add(A)
        await asyncio.sleep(0.01)
        b.queue.add(A)
        await asyncio.sleep(0.01)

    assert [at for _, at in bench(work, play).begun] == [0, 0.01]


def test_after_stop_nothing_runs_any_more() -> None:
    async def play(b: Bench) -> None:
        b.queue.add(A)
        b.queue.add_after(B, 3)
        await asyncio.sleep(0.5)
        await b.queue.stop()
        assert not b.queue.is_alive()
        await asyncio.sleep(20)

    done = bench(second, play)
    assert done.begun == [("a", 0)] and not done.running


def test_whatever_is_listed_runs_once_in_each_interval_and_not_all_at_once() -> None:
    async def play(b: Bench) -> None:
        b.listed = [A, B]
        await asyncio.sleep(1.5 * RESYNC_SECONDS)
        b.listed = [B]
        await asyncio.sleep(1.5 * RESYNC_SECONDS - 1)

    begun = bench(nothing, play).begun
    rounds = sorted((int(at / RESYNC_SECONDS), name) for name, at in begun)
    assert rounds == [(0, "a"), (0, "b"), (1, "a"), (1, "b"), (2, "b")]
    assert len({at for _, at in begun}) == 5


def test_a_resync_puts_off_nothing_that_is_due_earlier() -> None:
    async def work(_: Key) -> float:
        return 100

    async def play(b: Bench) -> None:
        b.queue.add(A)
        b.listed = [A]
        await asyncio.sleep(RESYNC_SECONDS)

    times = [at for _, at in bench(work, play).begun]
    assert all(later - at < 100.001 for at, later in itertools.pairwise(times))


LABELS = {"name": "perennial", "controller": "perennial"}


def test_work_under_way_is_exported_and_observed_once_it_is_done() -> None:
    def shown(name: str) -> float:
        return REGISTRY.get_sample_value(f"workqueue_{name}", LABELS) or 0.0

    def workers(name: str) -> float | None:
        labels = {"controller": "perennial"}
        return REGISTRY.get_sample_value(f"perennial_controller_{name}", labels)

    async def work(key: Key) -> None:
        await asyncio.sleep(2 if key == A else 5)
        if key == B:
            raise RuntimeError("a failure took time, too")

    async def play(b: Bench) -> None:
        count, total = shown("work_duration_seconds_count"), shown("work_duration_seconds_sum")
        b.queue.add(A)
        await asyncio.sleep(0.5)
        b.queue.add(B)
        await asyncio.sleep(1)
        assert workers("active_workers") == 2 and workers("max_concurrent_reconciles") == 3
        assert shown("unfinished_work_seconds") == 2.5
        assert shown("longest_running_processor_seconds") == 1.5
        assert shown("work_duration_seconds_count") == count
        await asyncio.sleep(1)  # the first is done, after 2 s
        assert shown("unfinished_work_seconds") == 2
        assert shown("longest_running_processor_seconds") == 2
        assert shown("work_duration_seconds_sum") == total + 2
        await asyncio.sleep(3.1)
        assert shown("work_duration_seconds_count") == count + 2
        assert shown("work_duration_seconds_sum") == total + 7
        assert shown("unfinished_work_seconds") == workers("active_workers") == 0
        assert shown("longest_running_processor_seconds") == 0

    bench(work, play)


def test_the_depth_is_exported() -> None:
    labels = LABELS

    async def play(b: Bench) -> None:
        before = REGISTRY.get_sample_value("workqueue_adds_total", labels) or 0
        for n in range(5):
            b.queue.add(Key("ModelTraining", "team", str(n)))
        assert REGISTRY.get_sample_value("workqueue_depth", labels) == 5
        await asyncio.sleep(0.5)
        assert REGISTRY.get_sample_value("workqueue_depth", labels) == 2
        assert REGISTRY.get_sample_value("workqueue_adds_total", labels) == before + 5
        await asyncio.sleep(5)
        assert REGISTRY.get_sample_value("workqueue_depth", labels) == 0

    bench(second, play)


@tried(40)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3), st.floats(0, 2)), max_size=25),
    st.floats(0.1, 2),
)
def test_no_wish_is_lost(moves: list[tuple[str, float, float]], takes: float) -> None:
    """Whoever is added, at whatever moment, begins at that moment or later."""
    asked: dict[str, float] = {}

    async def work(_: Key) -> None:
        await asyncio.sleep(takes)

    async def play(b: Bench) -> None:
        for name, delay, wait in moves:
            key = Key("ModelTraining", "team", name)
            b.queue.add_after(key, delay) if delay > 1 else b.queue.add(key)
            asked[name] = asyncio.get_running_loop().time()
            await asyncio.sleep(wait)
        await asyncio.sleep(100)

    begun = dict(bench(work, play).begun)  # the newest start of each
    assert all(begun[name] >= at for name, at in asked.items())
