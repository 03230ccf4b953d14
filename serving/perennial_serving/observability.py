"""The metrics port: what Prometheus and the operator read, apart from the data port."""

from __future__ import annotations

import asyncio
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


class Own:
    """Answers /metrics, /drift?seconds=N, /profile and /healthz for one process."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    async def __call__(self, path: str, query: bytes, accept: str) -> Answer:
        """Return the answer to a path."""
        match path:
            case "/metrics":
                return exposition(self._plane.metrics.registry, accept)
            case "/healthz":
                return 200, JSON, b"{}"
            case "/profile" if self._plane.model.profile is not None:
                return 200, JSON, self._plane.model.profile
            case "/drift":
                try:
                    seconds = float(parse_qs(query.decode()).get("seconds", ["3600"])[0])
                except ValueError:  # UnicodeDecodeError too
                    seconds = -1.0
                if not 0 < seconds <= MAXIMUM_WINDOW_SECONDS:
                    reason = f"seconds must be a number up to {MAXIMUM_WINDOW_SECONDS}"
                    return 400, JSON, refusal(reason)
                window = self._plane.window(seconds)
                if window is not None:
                    return 200, JSON, window.to_json()
        return not_found()
