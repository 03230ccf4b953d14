"""When, where and together with what a request runs."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from perennial_serving.execution.dataplane import DataPlane
from perennial_serving.model import strings
from perennial_serving.model.datatypes import Arrays
from perennial_serving.system.errors import RequestError
from perennial_serving.system.resources import start_threads

Outcome = Arrays | RequestError
Done = Callable[[Outcome], None]

# What is expected to take less runs on the event loop: a thread's hop costs 50 to 100 microseconds.
INLINE_SECONDS = 0.0003
# What runs together on the event loop takes no longer than this, nor is collected for longer.
TURN_SECONDS = 0.001
# A run on the event loop that takes more of the processor than this sends the model to threads ...
SURPRISE_SECONDS = 0.01
# ... for so long.
CAREFUL_SECONDS = 600.0
# After a turn of the loop on which a request found no company, so many do not wait for one.
LONELY = 15


# What is so many times larger than what was quick is not known to be: if time grows with the third
# power of the size, it is still no surprise.
LARGER = 2


class _Waiting:
    __slots__ = ("done", "feeds", "rows", "shapes", "since", "size")

    def __init__(self, feeds: Arrays, rows: int, size: int, done: Done, shapes: Any) -> None:
        self.feeds, self.rows, self.size, self.done, self.shapes = feeds, rows, size, done, shapes
        self.since = time.perf_counter()


class Scheduler:
    """Runs quick requests on the event loop, others on threads; together those that came together.

    Quick is what is known to be. What is much larger than all that was quick so far runs on a
    thread, and shows what it takes; so does the first request, where the model did not run when it
    was loaded. A model whose work a request's values can multiply never is quick, and one run that
    was not sends all to threads for a while.

    Nobody waits for company. A quick request runs at the end of the loop's turn that brought it,
    with the others of that turn and what came meanwhile; while turns bring one request each, it
    runs at once. A slow one runs as soon as a thread is free, with those that have come while none
    was. So a batch grows with the load, and one client alone never waits. It belongs to the event
    loop's thread.
    """

    def __init__(self, plane: DataPlane, batch_rows: int, threads: int) -> None:
        """Take a model; ``batch_rows`` is the most rows that run together, 0 for no batching."""
        self._plane = plane
        self._slots = threads
        self._threads = ThreadPoolExecutor(self._slots, "infer")
        self._batch_rows = batch_rows if plane.is_batchable else 0
        self._is_quick = plane.model.is_predictable
        self._names = [t.name for t in plane.model.inputs]
        # The inputs whose rows may differ in size from request to request.
        self._varying = [t.name for t in plane.model.inputs if -1 in t.shape[1:]]
        self._texts = [t.name for t in plane.model.inputs if t.datatype == "BYTES"]
        self._quick_size = 1 if 0.0 < plane.seconds_per_row < TURN_SECONDS else 0
        """The largest size that was quick, of a request or several together."""
        self._loop = asyncio.get_running_loop()
        self._turn: list[_Waiting] = []
        self._seen = 0  # of the turn, at its last end
        self._lonely = 0
        self._queue: deque[_Waiting] = deque()
        self._recording: set[asyncio.Future[None]] = set()
        self._running = 0

    def submit(self, feeds: Arrays, rows: int, done: Done) -> None:
        """Run the model on arrays that fit its signature; ``done`` gets the outcome once.

        At once, or later on the event loop.
        """
        plane = self._plane
        size = self._size(feeds) if self._varying or self._texts else rows
        if (
            self._is_quick
            and 0 < size <= LARGER * self._quick_size
            and rows * plane.seconds_per_row < INLINE_SECONDS
        ):
            if self._lonely or not self._batch_rows:
                self._lonely -= self._lonely > 0
                self._now(feeds, rows, size, done)
                return
            self._turn.append(_Waiting(feeds, rows, size, done, self._shapes(feeds)))
            if len(self._turn) == 1:
                self._loop.call_soon(self._end_turn)
            return
        self._queue.append(_Waiting(feeds, rows, size, done, self._shapes(feeds)))
        self._start()

    def start_threads(self) -> None:
        """Start what would else start with the first slow request."""
        start_threads(self._threads, self._slots)

    def _size(self, feeds: Arrays) -> int:
        """Return what a run's time may grow with, where that is not the number of rows.

        It is 0 where there are so many strings that even to count their characters is not quick.
        """
        size = sum(feeds[name].size for name in self._varying)
        for name in self._texts:
            values = feeds[name]
            if values.size > strings.AT_ONCE:
                return 0
            size += values.size + sum(map(len, values.ravel().tolist()))
        return size

    def _took(self, began: float, worked: float, rows: int, size: int) -> None:
        """Learn from a run on the event loop; one that was not quick is the last for a while.

        By the processor's time: a machine that did something else says nothing of the model.
        ``size`` is 0 where it is not known, or the run failed, which says nothing of what does not.
        """
        self._plane.took(time.perf_counter() - began, rows)
        spent = time.thread_time() - worked
        self._learn(size, spent)
        if spent > SURPRISE_SECONDS and self._is_quick:
            self._is_quick, self._quick_size = False, 0
            self._loop.call_later(CAREFUL_SECONDS, self._trust)
            told = f"a run that was expected to be quick took {spent:.3f} s"
            print(f"{told}: the model runs on threads for {CAREFUL_SECONDS:.0f} s", flush=True)

    def _learn(self, size: int, spent: float) -> None:
        if size > self._quick_size and spent < TURN_SECONDS:
            self._quick_size = size

    def _trust(self) -> None:
        self._is_quick = True

    def _shapes(self, feeds: Arrays) -> list[tuple[int, ...]]:
        return [feeds[name].shape[1:] for name in self._varying]

    def _now(self, feeds: Arrays, rows: int, size: int, done: Done) -> None:
        began, worked = time.perf_counter(), time.thread_time()
        outcome = self._alone(feeds)
        # A failure's time counts too: a model may take long to fail.
        self._took(began, worked, rows, 0 if isinstance(outcome, RequestError) else size)
        self._answer(feeds, rows, outcome, done)

    def _end_turn(self) -> None:
        turn = self._turn
        grew, self._seen = self._seen < len(turn), len(turn)
        if grew and len(turn) > 1 and time.perf_counter() - turn[0].since < TURN_SECONDS:
            # What came while these were parsed is there already; left for the next turn, it would
            # wait for all of this one, and those after it for that.
            self._loop.call_soon(self._end_turn)
            return
        self._turn, self._seen = [], 0
        if len(turn) == 1 and self._is_quick:
            self._lonely = LONELY
            self._now(turn[0].feeds, turn[0].rows, turn[0].size, turn[0].done)
            return
        waiting = deque(turn)
        fitting = int(TURN_SECONDS / max(self._plane.seconds_per_row, 1e-9))
        while waiting:
            most = min(self._batch_rows, fitting)
            batch = self._take(waiting, most, LARGER * self._quick_size)
            if self._is_quick:
                self._together_now(batch)
            else:  # since this turn began
                self._queue.extend(batch)
        self._start()

    def _together_now(self, batch: list[_Waiting]) -> None:
        if len(batch) == 1:
            self._now(batch[0].feeds, batch[0].rows, batch[0].size, batch[0].done)
            return
        began, worked = time.perf_counter(), time.thread_time()
        rows = sum(w.rows for w in batch)
        try:
            feeds, results = self._joined(batch)
        except Exception:
            for waiting in batch:  # each alone, so that one spoils no other
                self._now(waiting.feeds, waiting.rows, waiting.size, waiting.done)
            return
        self._took(began, worked, rows, sum(w.size for w in batch))
        self._plane.metrics.batch_rows.observe(rows)
        for waiting, part in zip(batch, _parts(batch, results), strict=True):
            waiting.done(part)
        if self._plane.recorder is not None:
            self._plane.recorder.record(feeds, results, rows)

    def _answer(self, feeds: Arrays, rows: int, outcome: Outcome, done: Done) -> None:
        recorder = self._plane.recorder
        if recorder is None or isinstance(outcome, RequestError):
            done(outcome)
        elif rows <= recorder.LARGE_ROWS:
            done(outcome)
            recorder.record(feeds, outcome, rows)
        else:
            recording = asyncio.ensure_future(recorder.record_many(feeds, outcome, rows))
            self._recording.add(recording)
            recording.add_done_callback(self._recording.discard)
            recording.add_done_callback(lambda _: done(outcome))

    # On threads

    def _start(self) -> None:
        while self._queue and self._running < self._slots:
            batch = self._take(self._queue, self._batch_rows, sys.maxsize)
            now = time.perf_counter()
            for waiting in batch:
                self._plane.metrics.queued.observe(now - waiting.since)
            self._plane.metrics.batch_rows.observe(sum(w.rows for w in batch))
            self._running += 1
            future = self._loop.run_in_executor(self._threads, self._on_thread, batch)
            future.add_done_callback(partial(self._finished, batch))

    def _take(self, waiting: deque[_Waiting], most: int, largest: int) -> list[_Waiting]:
        batch = [waiting.popleft()]
        rows, size = batch[0].rows, batch[0].size
        while waiting and batch[0].shapes == waiting[0].shapes:
            rows += waiting[0].rows
            size += waiting[0].size
            if rows > most or size > largest:
                break
            batch.append(waiting.popleft())
        return batch

    def _finished(
        self, batch: list[_Waiting], future: asyncio.Future[tuple[list[Outcome], float, float]]
    ) -> None:
        self._running -= 1
        self._start()
        outcomes, taken, spent = future.result()
        self._plane.took(taken, sum(w.rows for w in batch))
        if not any(isinstance(outcome, RequestError) for outcome in outcomes):
            self._learn(sum(w.size for w in batch), spent)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            self._answer(waiting.feeds, waiting.rows, outcome, waiting.done)

    def _on_thread(self, batch: Sequence[_Waiting]) -> tuple[list[Outcome], float, float]:
        """Run a batch; where it fails, run each alone, so that one spoils no other.

        Return the outcomes with the seconds that passed, and those of the processor.
        """
        began, worked = time.perf_counter(), time.thread_time()
        outcomes: list[Outcome]
        if len(batch) == 1:
            outcomes = [self._alone(batch[0].feeds)]
        else:
            try:
                outcomes = list(_parts(batch, self._joined(batch)[1]))
            except Exception:
                outcomes = [self._alone(w.feeds) for w in batch]
        return outcomes, time.perf_counter() - began, time.thread_time() - worked

    def _alone(self, feeds: Arrays) -> Outcome:
        try:
            return self._plane.run(feeds)
        except RequestError as error:
            return error

    def _joined(self, batch: Sequence[_Waiting]) -> tuple[Arrays, Arrays]:
        feeds = {name: np.concatenate([w.feeds[name] for w in batch]) for name in self._names}
        results = self._plane.run(feeds)
        rows = sum(w.rows for w in batch)
        if any(len(values) != rows for values in results.values()):
            raise RequestError(500, "the model does not answer row by row")
        return feeds, results


def _parts(batch: Sequence[_Waiting], results: Arrays) -> list[Arrays]:
    """Return each request's own rows of a batch's results."""
    parts: list[Arrays] = []
    end = 0
    for waiting in batch:
        first, end = end, end + waiting.rows
        parts.append({name: values[first:end] for name, values in results.items()})
    return parts
