"""Health endpoints for the kubelet: ``/healthz`` and ``/readyz``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

STALE_SECONDS = 15.0


@dataclass
class Readiness:
    """Whether this replica does its part: a standby waits for the Lease, the leader watches.

    A standby is ready, too: otherwise a second replica would never let a roll-out end.
    """

    touched: float | None = None
    """When the API server last gave or took the Lease, on time.monotonic()'s clock."""
    leads: bool = False
    watches: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once all objects have been listed, of several namespaces in one at least."""

    def touch(self) -> None:
        """Note that the API server has just answered about the Lease."""
        self.touched = time.monotonic()

    def is_ready(self) -> bool:
        """Tell whether the Lease is within reach and, where this replica leads, it watches."""
        in_touch = self.touched is not None and time.monotonic() - self.touched < STALE_SECONDS
        return in_touch and (self.watches.is_set() or not self.leads)


async def serve(
    port: int,
    is_alive: Callable[[], bool],
    is_ready: Callable[[], bool],
    host: str = "0.0.0.0",
) -> web.AppRunner:
    """Answer on a port until the runner is cleaned up: 200, or 503 where it is not so."""

    def answer(check: Callable[[], bool]) -> Callable[[web.Request], object]:
        async def handler(_: web.Request) -> web.Response:
            good = check()
            return web.Response(status=200 if good else 503, text="ok" if good else "not ok")

        return handler

    app = web.Application()
    app.router.add_get("/healthz", answer(is_alive))  # type: ignore[arg-type]
    app.router.add_get("/readyz", answer(is_ready))  # type: ignore[arg-type]
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
