"""The metrics port, apart from the data ports: for Prometheus, the operator and the kubelet.

It has a thread and an event loop of its own, so that it answers however busy the others are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client.exposition import choose_encoder

from perennial_serving.system.budget import Budget
from perennial_serving.system.errors import RequestError, as_request_error, refusal
from perennial_serving.transport.http1.request import Request
from perennial_serving.transport.listen import HttpPort, http_port

BODY_BYTES, BUDGET_BYTES, CONNECTIONS = 64 * 1024, 1024 * 1024, 256
JSON = b"application/json"

Answer = tuple[int, bytes, bytes]
"""Status, content type, body."""
Source = Callable[[Request], Awaitable[Answer]]
"""Knows the answer to a request."""


def not_found() -> Answer:
    """Return the answer where nothing is."""
    return 404, JSON, refusal("nothing is here")


def exposition(registry: Any, request: Request) -> Answer:
    """Return metrics in the format that the client likes best; only OpenMetrics has exemplars."""
    accept = request.headers.get(b"accept", b"").decode("latin-1")
    encode, kind = choose_encoder(accept)
    return 200, kind.encode(), encode(registry)


def check_post(request: Request) -> None:
    """Refuse to do anything for a request that only looks.

    Raises:
        RequestError: 405.
    """
    if request.method != "POST":
        raise RequestError(405, f"{request.path} takes POST", allow="POST")


class ObservabilityApp:
    """Answers requests by whoever knows the answers; it belongs to the event loop's thread."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, request: Request) -> None:
        """Answer one request, later."""
        task = asyncio.get_running_loop().create_task(self._answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request) -> None:
        allow = ""
        try:
            status, kind, body = await self._source(request)
        except Exception as error:
            told = as_request_error(error)
            status, kind, body, allow = told.status, JSON, refusal(str(told)), told.allow
        head = b"allow: %s\r\n" % allow.encode() if allow else b""
        request.respond(status, body, b"content-type: %s\r\n" % kind + head)


def observability_port(source: Source) -> HttpPort:
    """Return the port that answers what a source knows."""
    return http_port(
        ObservabilityApp(source), refusal, BODY_BYTES, Budget(BUDGET_BYTES), CONNECTIONS
    )
