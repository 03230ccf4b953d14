"""The data port: Open Inference Protocol v2 over HTTP, as a raw ASGI application."""

from __future__ import annotations

import asyncio
import math
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from perennial_serving import codec
from perennial_serving.cpu import cpu_limit
from perennial_serving.dataplane import DataPlane
from perennial_serving.errors import RequestError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

SERVER = "perennial"
# Even parsing more than this takes long enough to be a thread's work.
LARGE_BODY_BYTES = 256 * 1024
# Bodies that are still arriving may hold this many times the largest body in memory.
BUFFERED_BODIES = 8

_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")
_RETRY = (b"retry-after", b"1")


class RestApp:
    """ASGI application of one model; it belongs to the event loop's thread."""

    def __init__(self, plane: DataPlane, maximum_body: int, maximum_in_flight: int) -> None:
        self.plane = plane
        self.draining = False
        self.in_flight = 0
        self.last_infer = 0.0  # on time.monotonic()'s clock
        self._maximum_body = maximum_body
        self._maximum_in_flight = maximum_in_flight
        self._buffered = 0
        self._feeds = codec.Feeds(plane.model)
        self._threads = ThreadPoolExecutor(max(1, math.ceil(cpu_limit())), "infer")
        model = plane.model
        self._bases = (
            f"/v2/models/{model.name}",
            f"/v2/models/{model.name}/versions/{model.version}",
        )
        self._infer_paths = frozenset(f"{base}/infer" for base in self._bases)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] in self._infer_paths and scope["method"] == "POST":
            status, body, more = await self._infer(scope, receive)
        else:
            more = ()
            try:
                status, body = self._describe(scope["method"], scope["path"])
            except RequestError as error:
                status, body = error.status, _error(error)
        if self.draining:
            # The client's next request goes to another pod instead of into a closing connection.
            more = (*more, _CLOSE)
        length = (b"content-length", str(len(body)).encode())
        await send(
            {"type": "http.response.start", "status": status, "headers": [_JSON, length, *more]}
        )
        await send({"type": "http.response.body", "body": body})

    async def _infer(self, scope: Scope, receive: Receive) -> tuple[int, bytes, Headers]:
        metrics = self.plane.metrics
        began = self.last_infer = time.monotonic()
        more: Headers = ()
        try:
            content = await self._body(scope, receive)
            self._admit()
            began = time.monotonic()
            self.in_flight += 1
            metrics.in_flight.set(self.in_flight)
            try:
                body = await self._run(content)
            finally:
                self.in_flight -= 1
                metrics.in_flight.set(self.in_flight)
            status = 200
        except RequestError as error:
            status, body = error.status, _error(error)
            if status == 503:
                more = (_RETRY,)
        except Exception:
            print(traceback.format_exc(), file=sys.stderr, flush=True)
            status, body = 500, codec.document({"error": "the server failed; its log says why"})
        metrics.answered(status, time.monotonic() - began)
        return status, body, more

    async def _run(self, content: bytes) -> bytes:
        if len(content) > LARGE_BODY_BYTES:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._all, content)
        request = codec.decode(content)
        feeds, rows = self._feeds(request)
        if self.plane.is_quick(rows):
            return self._answer(request, feeds, rows)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._answer, request, feeds, rows)

    def _all(self, content: bytes) -> bytes:
        request = codec.decode(content)
        return self._answer(request, *self._feeds(request))

    def _answer(self, request: codec.InferRequest, feeds: Any, rows: int) -> bytes:
        names = [o.name for o in request.outputs or ()]
        self.plane.check_outputs(names)
        tensors = self.plane.infer(feeds, rows, names)
        model = self.plane.model
        return codec.encode(model.name, model.version, request.id, tensors)

    def _admit(self) -> None:
        if self.in_flight >= self._maximum_in_flight:
            raise RequestError(503, "too many requests are under way: try again in 1 s")

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        self._admit()
        limit = RequestError(413, f"the body is larger than {self._maximum_body} bytes")
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._maximum_body:
                raise limit
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            whole: bytes = message.get("body", b"")
            if len(whole) > self._maximum_body:
                raise limit
            return whole
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise RequestError(400, "the client went away before the body was whole")
                part = message.get("body", b"")
                parts.append(part)
                size += len(part)
                self._buffered += len(part)
                if size > self._maximum_body:
                    raise limit
                if self._buffered > BUFFERED_BODIES * self._maximum_body:
                    raise RequestError(503, "too many large bodies are arriving: try again in 1 s")
                if not message.get("more_body", False):
                    return b"".join(parts)
                message = await receive()
        finally:
            self._buffered -= size

    def _describe(self, method: str, path: str) -> tuple[int, bytes]:
        """Answer everything but infer."""
        if path in self._infer_paths:
            raise RequestError(405, "infer takes POST")
        status, answer = self._look_up(path.rstrip("/"))
        if method not in ("GET", "HEAD"):
            raise RequestError(405, f"{path[:128]} takes GET")
        return status, codec.document(answer)

    def _look_up(self, path: str) -> tuple[int, dict[str, Any]]:
        model = self.plane.model
        ready = not self.draining
        status = 200 if ready else 503
        match path:
            case "/v2/health/live":
                return 200, {"live": True}
            case "/v2/health/ready":
                return status, {"ready": ready}
            case "/v2":
                return 200, {"name": SERVER, "version": _version(), "extensions": []}
        if path in self._bases:
            return 200, {
                "name": model.name,
                "versions": [model.version],
                "platform": "onnxruntime_onnx",
                "inputs": [t.model_dump() for t in model.inputs],
                "outputs": [t.model_dump() for t in model.outputs],
            }
        if path.removesuffix("/ready") in self._bases:
            return status, {"name": model.name, "ready": ready}
        raise RequestError(
            404,
            f"{path[:128]!r} is not served; the model is {model.name!r}, version {model.version!r}",
        )


def _error(error: RequestError) -> bytes:
    return codec.document({"error": str(error)})


def _version() -> str:
    try:
        return version("perennial")
    except PackageNotFoundError:
        return "dev"
