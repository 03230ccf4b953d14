"""The handler on uvicorn, set up as this project's server is."""

import sys

import uvicorn

from applications import asgi

uvicorn.run(
    asgi,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    loop="uvloop",
    http="httptools",
    lifespan="off",
    ws="none",
    log_config=None,
    access_log=False,
    server_header=False,
    date_header=False,
    proxy_headers=False,
)
