"""Read the body, answer the same bytes each time: all that is left is the HTTP server."""

import sys
from pathlib import Path
from typing import Any

import uvicorn



def main() -> None:
    """Serve the files that were named, each on a path of its own."""
    port, directory = int(sys.argv[1]), Path(sys.argv[2])
    answers = {f"/{f.stem}": f.read_bytes() for f in directory.glob("*.answer")}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        parts = []
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                break
        b"".join(parts)
        body = answers.get(scope["path"], b"{}")
        length = (b"content-length", b"%d" % len(body))
        headers = [(b"content-type", b"application/json"), length]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
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


main()
