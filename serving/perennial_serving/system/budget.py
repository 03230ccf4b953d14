"""How many bytes all that clients make us hold may have together."""

from __future__ import annotations

import threading
import time
from typing import Protocol

# What is smaller is not counted: what there can be of it is bounded by counts.
UNCOUNTED = 4 * 1024
# A request of up to so many bytes is always taken: what waits for its client makes room.
SMALL = 64 * 1024
# How long a client may keep us waiting before it makes room for a large request.
PATIENCE_SECONDS = 1.0


class Waiting(Protocol):
    """A connection that holds memory until its client sends or takes something."""

    def make_room(self) -> None:
        """Let go of it, and of the client."""


class Budget:
    """Bodies arriving, arrays, answers: what requests hold, counted while they do.

    Taking belongs to the event loop's thread; any thread may give back, as objects end anywhere.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """In bytes."""
        self.held = 0
        self.refusals = 0
        self._lock = threading.RLock()  # the collector may end a lease within
        self._waiting: dict[Waiting, float] = {}
        """Those who wait for their clients, longest first, with the moment that they began."""

    def take(self, size: int, *, always: bool = False) -> bool:
        """Count bytes and return True; where they do not fit, make room, or return False.

        ``always`` takes them in any case: they are few, or there already.
        """
        if self.held + size > self.limit and not self._make_room(size, always) and not always:
            self.refusals += 1
            return False
        with self._lock:
            self.held += size
        return True

    def give(self, size: int) -> None:
        """Count bytes no longer."""
        with self._lock:
            self.held -= size

    def waits(self, connection: Waiting) -> None:
        """Note that a connection holds bytes until its client does something."""
        self._waiting.setdefault(connection, time.monotonic())

    def goes_on(self, connection: Waiting) -> None:
        """Note that it does so no longer."""
        self._waiting.pop(connection, None)

    def _make_room(self, size: int, always: bool) -> bool:
        latest = time.monotonic() - (0.0 if always else PATIENCE_SECONDS)
        while self._waiting and self.held + size > self.limit:
            connection, since = next(iter(self._waiting.items()))
            if since > latest:
                return False
            del self._waiting[connection]
            connection.make_room()
        return self.held + size <= self.limit


class Lease:
    """Bytes that count as long as somebody holds this object."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget, self.size = budget, 0

    def grow(self, size: int, *, always: bool = False) -> bool:
        """Count so many bytes more; False where they do not fit."""
        if not self._budget.take(size, always=always):
            return False
        self.size += size
        return True

    def shrink(self, size: int) -> None:
        """Count so many bytes less."""
        self.size -= size
        self._budget.give(size)

    def __del__(self) -> None:
        self._budget.give(self.size)
