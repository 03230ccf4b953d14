"""The data port: Open Inference Protocol v2 over HTTP, as a raw ASGI application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from perennial_serving import codec
from perennial_serving.dataplane import DataPlane
from perennial_serving.errors import RequestError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SERVER = "perennial"
# Above this a request goes to a thread, so that small ones need not wait for it.
LARGE_BODY_BYTES = 256 * 1024


class RestApp:
    """ASGI application of one model."""

    def __init__(self, plane: DataPlane, maximum_body: int, maximum_in_flight: int) -> None:
        self.plane = plane
        self.ready = True
        self._maximum_body = maximum_body
        self._maximum_in_flight = maximum_in_flight
        self._in_flight = 0
        model = plane.model
        self._bases = (
            f"/v2/models/{model.name}",
            f"/v2/models/{model.name}/versions/{model.version}",
        )
        self._infer_paths = frozenset(f"{base}/infer" for base in self._bases)
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"] in self._infer_paths and scope["method"] == "POST":
            await self._infer(scope, receive, send)
            return
        try:
            status, body = self._describe(scope["method"], scope["path"])
        except RequestError as error:
            status, body = error.status, codec.document({"error": str(error)})
        await _answer(send, status, body)

    async def _infer(self, scope: Scope, receive: Receive, send: Send) -> None:
        metrics = self.plane.metrics
        retry: tuple[tuple[bytes, bytes], ...] = ()
        self._in_flight += 1
        metrics.in_flight.set(self._in_flight)
        began = time.perf_counter()
        try:
            try:
                if self._in_flight > self._maximum_in_flight:
                    retry = ((b"retry-after", b"1"),)
                    raise RequestError(503, "too many requests are under way; try again in 1 s")
                content = await self._body(scope, receive)
                began = time.perf_counter()
                if len(content) > LARGE_BODY_BYTES:
                    async with self._lock:
                        body = await asyncio.to_thread(self._run, content)
                else:
                    body = self._run(content)
                status = 200
            except RequestError as error:
                status, body = error.status, codec.document({"error": str(error)})
            metrics.answered(status, time.perf_counter() - began)
            await _answer(send, status, body, retry)
        finally:
            self._in_flight -= 1
            metrics.in_flight.set(self._in_flight)

    def _run(self, content: bytes) -> bytes:
        request = codec.decode(content)
        model = self.plane.model
        feeds = codec.feeds(request, model.inputs)
        names = [o.name for o in request.outputs] if request.outputs else None
        tensors = self.plane.infer(feeds, names)
        return codec.encode(model.name, model.version, request.id, tensors)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        limit = RequestError(413, f"the body is larger than {self._maximum_body} bytes")
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._maximum_body:
                raise limit
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestError(400, "the client went away before the body was whole")
            part = message.get("body", b"")
            size += len(part)
            if size > self._maximum_body:
                raise limit
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _describe(self, method: str, path: str) -> tuple[int, bytes]:
        """Answer everything but infer."""
        model = self.plane.model
        if path in self._infer_paths or path.endswith("/infer"):
            if path not in self._infer_paths:
                raise self._unknown(path)
            raise RequestError(405, "infer takes POST")
        if method not in ("GET", "HEAD"):
            raise RequestError(405, f"{path[:128]} takes GET")
        match path.rstrip("/"):
            case "/v2/health/live":
                return 200, codec.document({"live": True})
            case "/v2/health/ready":
                return (200 if self.ready else 503), codec.document({"ready": self.ready})
            case "/v2":
                return 200, codec.document(
                    {"name": SERVER, "version": _version(), "extensions": []}
                )
            case base if base in self._bases:
                return 200, codec.document(
                    {
                        "name": model.name,
                        "versions": [model.version],
                        "platform": "onnxruntime_onnx",
                        "inputs": [t.model_dump() for t in model.inputs],
                        "outputs": [t.model_dump() for t in model.outputs],
                    }
                )
            case ready if ready.removesuffix("/ready") in self._bases:
                return (200 if self.ready else 503), codec.document(
                    {"name": model.name, "ready": self.ready}
                )
        raise self._unknown(path)

    def _unknown(self, path: str) -> RequestError:
        model = self.plane.model
        return RequestError(
            404,
            f"{path[:128]!r} is not served; the model is {model.name!r}, version {model.version!r}",
        )


def _version() -> str:
    try:
        return version("perennial")
    except PackageNotFoundError:
        return "dev"


async def _answer(
    send: Send, status: int, body: bytes, more: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
