"""The metrics port: what Prometheus and the operator read, apart from the data port."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from prometheus_client import generate_latest

from perennial_serving.codec import document
from perennial_serving.dataplane import DataPlane
from perennial_serving.rest import Receive, Scope, Send

MAXIMUM_WINDOW_SECONDS = 86_400


class ObservabilityApp:
    """ASGI application: /metrics, /drift?seconds=N, /profile, /healthz."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        status, kind, body = self._route(scope["path"], scope.get("query_string", b""))
        headers: list[Any] = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _route(self, path: str, query: bytes) -> tuple[int, bytes, bytes]:
        json = b"application/json"
        match path:
            case "/metrics":
                text = generate_latest(self._plane.metrics.registry)
                return 200, b"text/plain; version=0.0.4; charset=utf-8", text
            case "/healthz":
                return 200, json, b"{}"
            case "/profile" if self._plane.model.profile is not None:
                return 200, json, self._plane.model.profile
            case "/drift":
                try:
                    seconds = float(parse_qs(query.decode()).get("seconds", ["3600"])[0])
                except ValueError:  # UnicodeDecodeError too
                    seconds = -1.0
                if not 0 < seconds <= MAXIMUM_WINDOW_SECONDS:
                    reason = f"seconds must be a number up to {MAXIMUM_WINDOW_SECONDS}"
                    return 400, json, document({"error": reason})
                window = self._plane.window(seconds)
                if window is not None:
                    return 200, json, window.to_json().encode()
        return 404, json, document({"error": "nothing is here"})
