"""A work queue of keys: one at a time per key, de-duplicated, with backoff and delays."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from perennial.cluster.metrics import ADDS, DEPTH, QUEUE_SECONDS, RETRIES

log = logging.getLogger("perennial.queue")

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 60.0
LABELS = ("perennial", "perennial")


class Key(NamedTuple):
    """What to reconcile."""

    kind: str
    namespace: str
    name: str


Reconcile = Callable[[Key], Awaitable[float | None]]


class WorkQueue:
    """Runs ``reconcile`` for keys. A key that is added while it runs runs once more afterwards.

    Its semantics are those of client-go's workqueue: add, de-duplicate, add after, rate-limit.
    """

    def __init__(self, reconcile: Reconcile, workers: int = 8) -> None:
        self._reconcile = reconcile
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: dict[Key, float] = {}  # since when, on time.monotonic()'s clock
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._workers = workers
        self._tasks: list[asyncio.Task[None]] = []
        self._depth = DEPTH.labels(*LABELS)

    def start(self) -> None:
        """Start the workers on the running loop."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]

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
            self._waiting[key] = time.monotonic()
            ADDS.labels(*LABELS).inc()
            self._ready.put_nowait(key)
            self._depth.set(len(self._waiting))

    def add_after(self, key: Key, seconds: float) -> None:
        """Reconcile a key after a delay; the earliest of several delays counts."""
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0.0, seconds)
        if (timer := self._timers.get(key)) is not None:
            if timer.when() <= when:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(when, self.add, key)

    async def _work(self) -> None:
        while True:
            key = await self._ready.get()
            QUEUE_SECONDS.labels(*LABELS).observe(time.monotonic() - self._waiting.pop(key))
            self._depth.set(len(self._waiting))
            self._running.add(key)
            delay: float | None
            try:
                delay = await self._reconcile(key)
                self._failures.pop(key, None)
            except asyncio.CancelledError:
                raise
            except Exception:
                count = self._failures[key] = self._failures.get(key, 0) + 1
                longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(count, 12))
                delay = longest * random.uniform(0.5, 1.0)
                RETRIES.labels(*LABELS).inc()
                log.exception("reconcile failed", extra={"key": "/".join(key), "retry_in": delay})
            finally:
                self._running.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)
            elif delay is not None:
                self.add_after(key, delay)
