"""A work queue of keys: one at a time per key, de-duplicated, with backoff and delays."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from perennial.cluster.metrics import (
    ACTIVE_WORKERS,
    ADDS,
    DEPTH,
    LONGEST_SECONDS,
    MAX_RECONCILES,
    QUEUE_SECONDS,
    RETRIES,
    UNFINISHED_SECONDS,
    WORK_SECONDS,
)

log = logging.getLogger("perennial.queue")

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 60.0
RESYNC_SECONDS = 600.0
ASIDE = 16
"""For each place of a reconcile, how many there may be that wait for something else."""
LABELS = ("perennial", "perennial")


class Key(NamedTuple):
    """What to reconcile."""

    kind: str
    namespace: str
    name: str


class Later(Exception):
    """What was to be done is to be tried again; its cause has been told."""

    def __init__(self, message: str, after: float = 0.0, at_most: float | None = None) -> None:
        super().__init__(message)
        self.after, self.at_most = after, at_most
        """The shortest time to wait, in seconds; and the longest, where something else is due."""


Reconcile = Callable[[Key], Awaitable[float | None]]
ListAll = Callable[[], Iterable[Key]]


def _about(key: Key, delay: float) -> dict[str, object]:
    return {"kind": key.kind, "object": f"{key.namespace}/{key.name}", "retry_in": delay}


class WorkQueue:
    """Runs ``reconcile`` for keys. A key that is added while it runs runs once more afterwards.

    Its semantics are those of client-go's workqueue: add, de-duplicate, add after, rate-limit.
    What ``list_all`` returns is added once in each interval, at a random moment of it: a net
    under the watch, for events that were lost.
    """

    def __init__(self, reconcile: Reconcile, list_all: ListAll, workers: int = 8) -> None:
        self._reconcile, self._list_all = reconcile, list_all
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._now = asyncio.get_running_loop().time
        self._waiting: dict[Key, float] = {}  # since when
        self._running: dict[Key, float] = {}  # since when
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._workers, self._places = workers, asyncio.Semaphore(workers)
        self._tasks: list[asyncio.Task[None]] = []
        self._depth = DEPTH.labels(*LABELS)
        UNFINISHED_SECONDS.labels(*LABELS).set_function(lambda: sum(self._taken()))
        LONGEST_SECONDS.labels(*LABELS).set_function(lambda: max(self._taken(), default=0.0))
        ACTIVE_WORKERS.labels(LABELS[1]).set_function(lambda: len(self._running))
        MAX_RECONCILES.labels(LABELS[1]).set(workers)

    def start(self) -> None:
        """Start the workers on the running loop."""
        tasks = self._workers * ASIDE
        self._tasks = [asyncio.create_task(self._work()) for _ in range(tasks)]
        self._tasks.append(asyncio.create_task(self._resync()))

    def is_alive(self) -> bool:
        """Tell whether no worker has died; true before the start."""
        return not any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        """Stop the workers; what they were doing is done again by whoever comes next."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def add(self, key: Key) -> None:
        """Reconcile a key soon."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._running:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = self._now()
            ADDS.labels(*LABELS).inc()
            self._ready.put_nowait(key)
            self._depth.set(len(self._waiting))

    def add_after(self, key: Key, seconds: float) -> None:
        """Reconcile a key after a delay; the earliest of several delays counts."""
        when = self._now() + max(0.0, seconds)
        if (timer := self._timers.get(key)) is not None:
            if timer.when() <= when:
                return
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_at(when, self.add, key)

    def _taken(self) -> list[float]:
        """Return how long each reconcile under way has taken; called by the thread of /metrics."""
        now = self._now()
        return [now - began for began in list(self._running.values())]

    @asynccontextmanager
    async def meanwhile(self) -> AsyncIterator[None]:
        """Give a reconcile's place to another key while it waits for what may hang."""
        self._places.release()
        try:
            yield
        finally:
            await self._places.acquire()

    async def _work(self) -> None:
        while True:
            key = await self._ready.get()
            async with self._places:
                delay = await self._run(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            elif delay is not None:
                self.add_after(key, delay)

    async def _run(self, key: Key) -> float | None:
        """Reconcile a key; return when to do so again, in seconds."""
        QUEUE_SECONDS.labels(*LABELS).observe(self._now() - self._waiting.pop(key))
        self._depth.set(len(self._waiting))
        self._running[key] = self._now()
        try:
            delay = await self._reconcile(key)
            self._failures.pop(key, None)
            return delay
        except Later as later:
            delay = self._backoff(key)
            if later.at_most is not None:
                delay = min(delay, later.at_most)
            delay = max(later.after, delay)
            log.warning("%s", later, extra=_about(key, delay))
            return delay
        except Exception:
            delay = self._backoff(key)
            log.exception("reconcile failed", extra=_about(key, delay))
            return delay
        finally:
            WORK_SECONDS.labels(*LABELS).observe(self._now() - self._running.pop(key))

    def _backoff(self, key: Key) -> float:
        """Return how long to wait after one more failure in a row."""
        count = self._failures[key] = self._failures.get(key, 0) + 1
        longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(count, 12))
        RETRIES.labels(*LABELS).inc()
        return longest * random.uniform(0.5, 1.0)

    async def _resync(self) -> None:
        while True:
            for key in self._list_all():
                self.add_after(key, random.uniform(0, RESYNC_SECONDS))
            await asyncio.sleep(RESYNC_SECONDS)
