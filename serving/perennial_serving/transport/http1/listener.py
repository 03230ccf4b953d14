"""What the connections of a port have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING

from perennial_serving.system.budget import Budget
from perennial_serving.transport import crowd
from perennial_serving.transport.http1.plain import Head, plain
from perennial_serving.transport.http1.request import Request

if TYPE_CHECKING:
    from perennial_serving.transport.http1.connection import Connection

# How many plain heads are remembered for each port.
REMEMBERED = 256
# While none comes again, as where each has a trace's number, one in so many is remembered.
SELDOM = 16

Refusal = Callable[[str], bytes]
"""Makes the body of an answer that the transport gives by itself."""


@dataclass
class Listener:
    """A port's handler, bounds and connections.

    ``body_bytes`` bounds one body, the budget all of them together, ``most`` the connections.
    """

    handle: Callable[[Request], None]
    refusal: Refusal
    body_bytes: int
    budget: Budget
    most: int = 10_000
    draining: bool = False
    """Ask clients to reconnect, which takes them elsewhere."""
    heads: dict[bytes, Head] = field(default_factory=dict)
    """What heads say that clients send with most of their requests."""
    new_heads: int = 0
    """How many have come since one came again."""
    connections: set[Connection] = field(default_factory=set)
    _date: bytes = b""
    _dated: float = float("-inf")

    def read(self, head: bytes) -> Head | None:
        """Return what a whole head says, None where it is not plain, or promises too much."""
        known = self.heads.get(head)
        if known is not None:
            self.new_heads = 0
            return known
        self.new_heads += 1
        found = plain(head)
        if found is None or found.length > self.body_bytes:
            return None
        if self.new_heads <= REMEMBERED or self.new_heads % SELDOM == 0:
            if len(self.heads) >= REMEMBERED:
                self.heads.clear()
            self.heads[head] = found
        return found

    def date(self) -> bytes:
        """Return the header line of that name (RFC 9110, section 6.6.1)."""
        now = time.monotonic()
        if now - self._dated > 0.5:
            self._dated = now
            self._date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        return self._date

    def enter(self, connection: Connection) -> None:
        """Add a connection, in the place of others where there are too many."""
        crowd.enter(self.connections, connection, self.most)

    def sweep(self, now: float) -> None:
        """Close connections that stalled, or idle for very long."""
        for connection in list(self.connections):
            connection.close_if_late(now)

    def ask_to_leave(self) -> None:
        """Let each client that is here now make another connection, which may lead elsewhere."""
        for connection in self.connections:
            connection.ask_to_leave()

    def close_idle(self) -> None:
        """Close connections on which nothing is under way."""
        for connection in list(self.connections):
            connection.close_if_idle()
