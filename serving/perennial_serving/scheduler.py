"""Where and together with what a request runs."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_serving.dataplane import DataPlane, Results
from perennial_serving.errors import RequestError

Arrays = Mapping[str, NDArray[Any]]

# What is expected to take less runs on the event loop: a thread's hop costs 50 to 100 microseconds.
INLINE_SECONDS = 0.0003


@dataclass(eq=False)
class _Waiting:
    feeds: Arrays
    rows: int
    shapes: tuple[tuple[int, ...], ...]
    done: asyncio.Future[Results]
    since: float


class Scheduler:
    """Runs quick requests at once, on the event loop; others on threads, coalesced under load.

    Nobody waits for company: a request runs as soon as a thread is free, together with those that
    have come while none was. So one client alone never waits, and a batch grows with the load.
    It belongs to the event loop's thread.
    """

    def __init__(self, plane: DataPlane, batch_rows: int, threads: int) -> None:
        """Take a model; ``batch_rows`` is the most rows that run together, 0 for no batching."""
        self._plane = plane
        self._slots = threads
        self._threads = ThreadPoolExecutor(self._slots, "infer")
        self._batch_rows = batch_rows if plane.model.is_batchable else 0
        self._names = [t.name for t in plane.model.inputs]
        self._queue: deque[_Waiting] = deque()
        self._running = 0

    async def infer(self, feeds: Arrays, rows: int) -> Results:
        """Run the model on arrays that fit its signature.

        Raises:
            RequestError: 500, the model itself failed.
        """
        plane = self._plane
        if rows * plane.seconds_per_row < INLINE_SECONDS:
            began = time.perf_counter()
            try:
                results = plane.run(feeds)
            finally:
                # A failure's time counts too: a model may take long to fail.
                plane.took(time.perf_counter() - began, rows)
        else:
            loop = asyncio.get_running_loop()
            shapes = tuple(feeds[name].shape[1:] for name in self._names)
            waiting = _Waiting(feeds, rows, shapes, loop.create_future(), time.perf_counter())
            self._queue.append(waiting)
            self._start()
            results = await waiting.done
        recorder = plane.recorder
        if recorder is not None:
            if rows <= recorder.AT_ONCE:
                recorder.record(feeds, results, rows)
            else:
                await recorder.record_many(feeds, results, rows)
        return results

    def _start(self) -> None:
        while self._queue and self._running < self._slots:
            batch = self._take()
            now = time.perf_counter()
            for waiting in batch:
                self._plane.metrics.queued.observe(now - waiting.since)
            self._plane.metrics.batch_rows.observe(sum(w.rows for w in batch))
            self._running += 1
            asyncio.ensure_future(self._run(batch))  # noqa: RUF006 - its waiters hold on to it

    def _take(self) -> list[_Waiting]:
        batch = [self._queue.popleft()]
        rows = batch[0].rows
        while self._queue and batch[0].shapes == self._queue[0].shapes:
            rows += self._queue[0].rows
            if rows > self._batch_rows:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _run(self, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        rows = sum(w.rows for w in batch)
        try:
            outcomes, taken = await loop.run_in_executor(self._threads, self._together, batch)
            self._plane.took(taken, rows)
        except BaseException as error:
            outcomes = [error] * len(batch)
        finally:
            self._running -= 1
            self._start()
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if waiting.done.done():
                continue
            if isinstance(outcome, BaseException):
                waiting.done.set_exception(outcome)
            else:
                waiting.done.set_result(outcome)

    def _together(self, batch: Sequence[_Waiting]) -> tuple[list[Results | BaseException], float]:
        """Run a batch on a thread; where it fails, run each alone, so that one spoils no other."""
        began = time.perf_counter()
        outcomes: list[Results | BaseException]
        if len(batch) == 1:
            outcomes = [self._alone(batch[0])]
        else:
            try:
                outcomes = list(self._joined(batch))
            except RequestError:
                outcomes = [self._alone(w) for w in batch]
        return outcomes, time.perf_counter() - began

    def _alone(self, waiting: _Waiting) -> Results | BaseException:
        try:
            return self._plane.run(waiting.feeds)
        except RequestError as error:
            return error

    def _joined(self, batch: Sequence[_Waiting]) -> list[Results]:
        names = self._names
        feeds = {name: np.concatenate([w.feeds[name] for w in batch]) for name in names}
        results = self._plane.run(feeds)
        ends = np.cumsum([w.rows for w in batch]).tolist()
        if any(len(values) != ends[-1] for values in results.values()):
            raise RequestError(500, "the model does not answer row by row")
        return [
            {name: values[end - w.rows : end] for name, values in results.items()}
            for w, end in zip(batch, ends, strict=True)
        ]
