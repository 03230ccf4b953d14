"""How many requests are under way, over all transports; it belongs to the event loop's thread."""

from __future__ import annotations

import time

from perennial_serving.errors import RequestError


class Admission:
    """Takes requests on up to a limit, and knows when the last one came."""

    def __init__(self, maximum: int) -> None:
        self.in_flight = 0
        self.last_infer = 0.0
        """On time.monotonic()'s clock."""
        self.draining = False
        self._maximum = maximum

    def check(self) -> None:
        """Refuse a request while too many are under way.

        Raises:
            RequestError: 503.
        """
        self.last_infer = time.monotonic()
        if self.in_flight >= self._maximum:
            raise RequestError(503, "too many requests are under way: try again in 1 s")
