"""Pods of the base, that answer what was recorded of them: what they counted comes again."""

import contextlib
import json
import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

PORT = 9090
TOO_EARLY = 425
COLUMNS = ("features", "predictions")


@dataclass(frozen=True)
class Pod:
    """A pod: its address, and what it once answered."""

    address: str
    window: Json
    answers: dict[str, bytes]
    """By path."""


def again(recorded: Json, start: int, end: int, parts: Sequence[str], clock: float) -> Json:
    """Return a window of another time: the requests of the recorded one come again and again.

    Columns are not counted by time in a window, and so are those that were recorded.
    """
    told = {**recorded, "start": start, "end": end, "clock": clock}
    told["since"] = min(start, recorded["since"] + start - recorded["start"])
    for part in ("requests", *COLUMNS):
        if part not in parts:
            told.pop(part, None)
    if not any(part in told for part in COLUMNS):
        told |= {"profile": "", "rows": 0}
    if (requests := told.get("requests")) is not None:
        length = recorded["end"] - recorded["start"]
        first, last = (
            math.floor((t - recorded["start"]) / length) * length for t in (start, end - 1)
        )
        buckets = [
            [b[0] + later, *b[1:]]
            for later in range(first, last + 1, length)
            for b in requests["buckets"]
            if start <= b[0] + later < end
        ]
        told["requests"] = {**requests, "buckets": buckets}
    return told


@contextlib.contextmanager
def answering(pods: Sequence[Pod]) -> Iterator[None]:
    """Let pods answer on the metrics port of their own addresses, which are loopback's."""
    servers = [ThreadingHTTPServer((pod.address, PORT), _handler(pod)) for pod in pods]
    try:
        for server in servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def _handler(pod: Pod) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path == "/window":
                self._tell(*_window(pod, parse_qs(asked.query)))
            elif asked.path in pod.answers:
                self._tell(200, pod.answers[asked.path])
            else:
                self._tell(404, b"{}")

        do_POST = do_GET

        def _tell(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _window(pod: Pod, query: dict[str, list[str]]) -> tuple[int, bytes]:
    start, end, now = int(query["from"][0]), int(query["to"][0]), time.time()
    if end > now:
        return TOO_EARLY, json.dumps({"error": "it has not ended", "clock": now}).encode()
    parts = query.get("parts", ["requests,features,predictions"])[0].split(",")
    return 200, json.dumps(again(pod.window, start, end, parts, now)).encode()
