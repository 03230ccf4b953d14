"""uvicorn, set up for short requests on long connections."""

from __future__ import annotations

from typing import Any

import uvicorn

from perennial_serving.sockets import BACKLOG

# Longer than clients' and proxies' own, so that it is they who close an idle connection: a server
# that closes one races with the request that may be on its way.
KEEP_ALIVE_SECONDS = 620


def http_server(app: Any) -> uvicorn.Server:
    """Return a server of an ASGI application that leaves signals and logs alone."""
    config = uvicorn.Config(
        app,
        backlog=BACKLOG,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        http="httptools",
    )
    return uvicorn.Server(config)
