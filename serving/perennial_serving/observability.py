"""The metrics port: what Prometheus and the operator read, apart from the data port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec
from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:  # the workers' parent has no model, and none of its libraries
    from perennial_serving.dataplane import DataPlane

MAXIMUM_WINDOW_SECONDS = 86_400
JSON = b"application/json"

Answer = tuple[int, bytes, bytes]
"""Status, content type, body."""


def not_found() -> Answer:
    """Return the answer where nothing is."""
    return 404, JSON, b'{"error":"nothing is here"}'


def exposition(registry: Any, accept: str) -> Answer:
    """Return metrics in the format that the client likes best; only OpenMetrics has exemplars."""
    encode, kind = choose_encoder(accept)
    return 200, kind.encode(), encode(registry)


class ObservabilityApp:
    """ASGI application over whoever knows the answers."""

    def __init__(self, source: Callable[[str, bytes, str], Awaitable[Answer]]) -> None:
        self._source = source

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        accept = next((v for k, v in scope["headers"] if k == b"accept"), b"").decode("latin-1")
        query = scope.get("query_string", b"")
        status, kind, body = await self._source(scope["path"], query, accept)
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


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
                    return 400, JSON, msgspec.json.encode({"error": reason})
                window = self._plane.window(seconds)
                if window is not None:
                    return 200, JSON, window.to_json().encode()
        return not_found()
