"""Health endpoints for the kubelet: ``/healthz`` and ``/readyz``."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web


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
