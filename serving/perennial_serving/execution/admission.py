"""How many requests are under way, over all transports; it belongs to the event loop's thread."""

from __future__ import annotations

from collections.abc import Callable

from perennial_serving.evidence.metrics import Metrics
from perennial_serving.system.errors import RequestError


class Admission:
    """Takes requests on up to a limit, and knows when the last one came."""

    def __init__(self, maximum: int, metrics: Metrics) -> None:
        self.last_infer = 0.0
        """On time.monotonic()'s clock, as the event loop's."""
        self.draining = False
        self.on_drain: list[Callable[[], None]] = []
        """Who wants to be told."""
        self._maximum, self._metrics = maximum, metrics

    def drain(self) -> None:
        """Answer what comes, but ask it to go elsewhere."""
        self.draining = True
        for tell in self.on_drain:
            tell()

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return self._metrics.in_flight

    def enter(self, now: float) -> None:
        """Take a request on at a moment of time.monotonic().

        Raises:
            RequestError: 503, too many are under way.
        """
        self.last_infer = now
        if self._metrics.in_flight >= self._maximum:
            raise RequestError(503, "too many requests are under way: try again in 1 s")
        self._metrics.in_flight += 1

    def leave(self) -> None:
        """Let a request go that was taken on."""
        self._metrics.in_flight -= 1
