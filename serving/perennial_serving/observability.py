"""The metrics port: what Prometheus, the operator and the kubelet read, apart from the data ports.

It has a thread and an event loop of its own, so that it answers however busy the others are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec
from prometheus_client.exposition import choose_encoder

from perennial_serving.budget import Budget
from perennial_serving.errors import as_request_error
from perennial_serving.http.listen import HttpPort, http_port
from perennial_serving.http.request import Request

if TYPE_CHECKING:  # the workers' parent has no model, and none of its libraries
    from perennial_artifact.window import Window
    from perennial_serving.admission import Admission
    from perennial_serving.dataplane import DataPlane

BODY_BYTES, BUDGET_BYTES, CONNECTIONS = 64 * 1024, 1024 * 1024, 256
MAXIMUM_WINDOW_SECONDS = 86_400
JSON = b"application/json"

Answer = tuple[int, bytes, bytes]
"""Status, content type, body."""


def not_found() -> Answer:
    """Return the answer where nothing is."""
    return 404, JSON, refusal("nothing is here")


def exposition(registry: Any, accept: str) -> Answer:
    """Return metrics in the format that the client likes best; only OpenMetrics has exemplars."""
    encode, kind = choose_encoder(accept)
    return 200, kind.encode(), encode(registry)


class ObservabilityApp:
    """Answers requests by whoever knows the answers; it belongs to the event loop's thread."""

    def __init__(self, source: Callable[[str, bytes, str], Awaitable[Answer]]) -> None:
        self._source = source
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, request: Request) -> None:
        """Answer one request, later."""
        task = asyncio.get_running_loop().create_task(self._answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request) -> None:
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        try:
            status, kind, body = await self._source(request.path, request.query, accept)
        except Exception as error:
            told = as_request_error(error)
            status, kind, body = told.status, JSON, refusal(str(told))
        request.respond(status, body, b"content-type: %s\r\n" % kind)


def observability_port(source: Callable[[str, bytes, str], Awaitable[Answer]]) -> HttpPort:
    """Return the port that answers what a source knows."""
    return http_port(
        ObservabilityApp(source), refusal, BODY_BYTES, Budget(BUDGET_BYTES), CONNECTIONS
    )


def refusal(text: str) -> bytes:
    """Return an error's body."""
    return msgspec.json.encode({"error": text})


class Pulse:
    """Tells whether the event loop that answers requests gets round."""

    # A loop that is late for so long answers nobody just now; for so long, nobody any more.
    READY_SECONDS, LIVE_SECONDS = 10.0, 60.0
    _PERIOD = 0.5

    def __init__(self, loop: asyncio.AbstractEventLoop, admission: Admission) -> None:
        """Begin to beat on a loop, from its own thread."""
        self.loop, self._admission = loop, admission
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
        return late < self.READY_SECONDS and not self._admission.draining


class Own:
    """Answers /metrics, /drift?seconds=N, /profile and health for one process."""

    def __init__(self, plane: DataPlane, pulse: Pulse) -> None:
        self._plane, self._pulse = plane, pulse

    async def __call__(self, path: str, query: bytes, accept: str) -> Answer:
        """Return the answer to a path."""
        match path:
            case "/metrics":
                return exposition(self._plane.metrics.registry, accept)
            case "/healthz" | "/v2/health/live":
                return _health("live", self._pulse.is_live)
            case "/v2/health/ready":
                return _health("ready", self._pulse.is_ready)
            case "/profile" if self._plane.model.profile is not None:
                return 200, JSON, self._plane.model.profile
            case "/drift":
                return await self._drift(query)
        return not_found()

    async def _drift(self, query: bytes) -> Answer:
        try:
            seconds = float(parse_qs(query.decode()).get("seconds", ["3600"])[0])
        except ValueError:  # UnicodeDecodeError too
            seconds = -1.0
        if not 0 < seconds <= MAXIMUM_WINDOW_SECONDS:
            reason = f"seconds must be a number up to {MAXIMUM_WINDOW_SECONDS}"
            return 400, JSON, refusal(reason)

        async def window() -> Window | None:
            return self._plane.window(seconds)

        # The counts belong to the other loop.
        counting = asyncio.run_coroutine_threadsafe(window(), self._pulse.loop)
        found = await asyncio.wrap_future(counting)
        return not_found() if found is None else (200, JSON, found.to_json())


def _health(word: str, holds: bool) -> Answer:
    return (200 if holds else 503), JSON, msgspec.json.encode({word: holds})
