"""What one process tells of itself on the metrics port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec

from perennial_artifact.windows import DEFAULT, PARTS, Part, Window
from perennial_serving.execution.admission import Admission
from perennial_serving.execution.dataplane import DataPlane
from perennial_serving.process.observability import (
    JSON,
    Answer,
    check_post,
    exposition,
    not_found,
)
from perennial_serving.protocol.description import Description
from perennial_serving.system.errors import RequestError
from perennial_serving.transport.http1.request import Request

TOO_EARLY = 425
LATEST = 2**53


class Pulse:
    """Tells whether the event loop that answers requests gets round."""

    # A loop that is late for so long answers nobody just now; for so long, nobody any more.
    READY_SECONDS, LIVE_SECONDS = 10.0, 60.0
    _PERIOD = 0.5

    def __init__(self, loop: asyncio.AbstractEventLoop, admission: Admission) -> None:
        """Begin to beat on a loop, from its own thread."""
        self.loop, self._admission = loop, admission
        self.listening = False
        """Whether the data ports take connections."""
        self._last = time.monotonic()
        self._beat()

    def _beat(self) -> None:
        self._last = time.monotonic()
        self.loop.call_later(self._PERIOD, self._beat)

    @property
    def is_live(self) -> bool:
        """Whether requests are answered, be it late; any thread may ask."""
        return time.monotonic() - self._last < self.LIVE_SECONDS

    @property
    def is_ready(self) -> bool:
        """Whether requests are welcome."""
        late = time.monotonic() - self._last
        draining = self._admission.draining
        return self.listening and late < self.READY_SECONDS and not draining


class Own:
    """Answers /metrics, /window?from=S&to=S, /profile, /drain, health and the model's metadata.

    ``drain``, called on the requests' own event loop, asks clients to leave their connections.
    """

    def __init__(
        self, plane: DataPlane, pulse: Pulse, about: Description, drain: Callable[[], None]
    ) -> None:
        self._plane, self._pulse, self._about, self._drain = plane, pulse, about, drain

    async def __call__(self, request: Request) -> Answer:
        """Return the answer for one process."""
        match request.path:
            case "/metrics":
                return exposition(self._plane.metrics.registry, request)
            case "/healthz" | "/v2/health/live":
                return _health("live", self._pulse.is_live)
            case "/v2/health/ready":
                return _health("ready", self._pulse.is_ready)
            case "/profile" if self._plane.model.profile is not None:
                return 200, JSON, self._plane.model.profile
            case "/window":
                return await self._window(request.query)
            case "/drain":
                check_post(request)
                self._pulse.loop.call_soon_threadsafe(self._drain)
                return 200, JSON, msgspec.json.encode({"draining": True})
            case path if path in self._about.bases:
                return 200, JSON, msgspec.json.encode(self._about("GET", path)[1])
        return not_found()

    async def _window(self, query: bytes) -> Answer:
        start, end, parts = _asked(query)

        async def window() -> Window:
            return self._plane.window(start, end, parts)

        # The counts belong to the other loop.
        counting = asyncio.run_coroutine_threadsafe(window(), self._pulse.loop)
        try:
            found = await asyncio.wrap_future(counting)
        except RequestError as early:
            if early.status != TOO_EARLY:
                raise
            told = {"error": str(early), "clock": time.time()}
            return TOO_EARLY, JSON, msgspec.json.encode(told)
        return 200, JSON, found.to_json()


def _asked(query: bytes) -> tuple[int, int, list[Part]]:
    """Read the start, the end and the parts of a window that is asked for; by default DEFAULT.

    Raises:
        RequestError: 400, they make no sense.
    """
    try:
        fields = parse_qs(query.decode("ascii"))
        start, end = (int(fields[name][0]) for name in ("from", "to"))
    except (KeyError, ValueError):
        told = "expected from and to in seconds since 1970: /window?from=1700000000&to=1700000060"
        raise RequestError(400, told) from None
    if not 0 <= start < end < LATEST:
        raise RequestError(400, "to must come after from")
    names = fields.get("parts", [",".join(DEFAULT)])[0].split(",")
    # A newer operator may ask for what this server does not count: the answer has no such part.
    return start, end, [part for part in PARTS if part in names]


def _health(word: str, holds: bool) -> Answer:
    return (200 if holds else 503), JSON, msgspec.json.encode({word: holds})
