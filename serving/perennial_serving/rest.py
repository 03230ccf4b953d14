"""The data port: Open Inference Protocol v2 over HTTP, as a raw ASGI application."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from perennial_serving import codec
from perennial_serving.admission import Admission
from perennial_serving.dataplane import DataPlane
from perennial_serving.description import Description
from perennial_serving.errors import RequestError
from perennial_serving.requestlog import feedback
from perennial_serving.scheduler import Scheduler
from perennial_serving.tensors import Feeds
from perennial_serving.tracing import carrier, trace_id

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
T = TypeVar("T")
Headers = tuple[tuple[bytes, bytes], ...]

# Parsing or compressing more than this takes long enough to be a thread's work.
LARGE_BYTES = 256 * 1024
# Below it, compressing costs more than it saves.
COMPRESSED_BYTES = 4096
# Bodies that are still arriving may hold this many times the largest body in memory.
BUFFERED_BODIES = 8

_JSON = (b"content-type", b"application/json")
_BINARY = (b"content-type", b"application/octet-stream")
_HEADER_LENGTH = b"inference-header-content-length"
_GZIP = (b"content-encoding", b"gzip")
_CLOSE = (b"connection", b"close")
_RETRY = (b"retry-after", b"1")
_WINDOW_BITS = {b"gzip": 31, b"deflate": 15}


class RestApp:
    """ASGI application of one model; it belongs to the event loop's thread."""

    def __init__(
        self, plane: DataPlane, scheduler: Scheduler, admission: Admission, maximum_body: int
    ) -> None:
        self._plane, self._scheduler, self._admission = plane, scheduler, admission
        self._maximum_body = maximum_body
        self._buffered = 0
        self._feeds = Feeds(plane.model)
        self._threads = ThreadPoolExecutor(1, "body")
        self._description = Description(plane.model, admission)
        self._infer_paths = frozenset(f"{base}/infer" for base in self._description.bases)
        self._feedback_paths = frozenset(f"{base}/feedback" for base in self._description.bases)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if path in self._infer_paths and scope["method"] == "POST":
            status, body, headers = await self._infer(scope, receive)
        else:
            headers = (_JSON,)
            try:
                if path in self._infer_paths:
                    raise RequestError(405, "infer takes POST")
                if path in self._feedback_paths:
                    status, answer = 200, await self._feedback(scope, receive)
                else:
                    status, answer = self._description(scope["method"], path)
                body = codec.document(answer)
            except RequestError as error:
                status, body, headers = _refused(error)
        if self._admission.draining:
            # The client's next request goes to another pod instead of into a closing connection.
            headers = (*headers, _CLOSE)
        length = (b"content-length", b"%d" % len(body))
        start = {"type": "http.response.start", "status": status, "headers": [*headers, length]}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    async def _infer(self, scope: Scope, receive: Receive) -> tuple[int, bytes, Headers]:
        metrics, admission = self._plane.metrics, self._admission
        tracing = self._plane.tracing
        began = time.monotonic()
        headers = dict(scope["headers"])
        if tracing is not None:
            route, method = scope["path"], scope["method"]
            span = tracing.begin(
                f"{method} {route}",
                carrier(headers),
                **{"http.request.method": method, "http.route": route},
            )
        try:
            admission.check()
            content = await self._body(headers, receive)
            admission.check()
            began = time.monotonic()
            admission.in_flight += 1
            metrics.in_flight = admission.in_flight
            try:
                status, (body, more) = 200, await self._answer(headers, content)
            finally:
                admission.in_flight -= 1
                metrics.in_flight = admission.in_flight
        except RequestError as error:
            status, body, more = _refused(error)
        except Exception:
            print(traceback.format_exc(), file=sys.stderr, flush=True)
            body = codec.document({"error": "the server failed; its log says why"})
            status, more = 500, (_JSON,)
        trace = None
        if tracing is not None:
            trace = tracing.end(span, "http.response.status_code", status, status >= 500)
        metrics.answered("rest", status, time.monotonic() - began, trace)
        return status, body, more

    async def _feedback(self, scope: Scope, receive: Receive) -> dict[str, int]:
        log = self._plane.log
        if log is None:
            told = "feedback is not taken: the request log is off (spec.serving.requestLog)"
            raise RequestError(404, told)
        if scope["method"] != "POST":
            raise RequestError(405, "feedback takes POST")
        content = await self._body(dict(scope["headers"]), receive)
        items = await self._off_loop(feedback.parse, content)
        await log.feedback(items)
        return {"accepted": len(items)}

    async def _answer(self, headers: dict[bytes, bytes], content: bytes) -> tuple[bytes, Headers]:
        header_length = None
        if (text := headers.get(_HEADER_LENGTH)) is not None:
            header_length = _number(text, "Inference-Header-Content-Length")
        encoding = headers.get(b"content-encoding", b"identity")
        if encoding != b"identity":
            content = await self._off_loop(self._decompressed, encoding, content)
        if len(content) > LARGE_BYTES:
            parsed = await self._off_loop(self._parsed, content, header_length)
        else:
            parsed = self._parsed(content, header_length)
        request, feeds, rows = parsed
        asked = self._plane.asked([o.name for o in request.outputs or ()])
        results = await self._scheduler.infer(feeds, rows)
        if (log := self._plane.log) is not None:
            request.id = log.note(
                request.id, trace_id(headers.get(b"traceparent")), feeds, results, rows
            )
        model = self._plane.model
        tensors = [(tensor, results[tensor.name]) for tensor in asked]
        if sum(values.size for _, values in tensors) * 8 > LARGE_BYTES:
            encode = codec.encode, model.name, model.version, request, tensors
            body, json_length = await self._off_loop(*encode)
        else:
            body, json_length = codec.encode(model.name, model.version, request, tensors)
        more: Headers = (_JSON,)
        if json_length is not None:
            more = (_BINARY, (_HEADER_LENGTH, b"%d" % json_length))
        if len(body) > COMPRESSED_BYTES and b"gzip" in headers.get(b"accept-encoding", b""):
            body = await self._off_loop(_compressed, body)
            more = (*more, _GZIP)
        return body, more

    def _off_loop(self, work: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _parsed(
        self, content: bytes, header_length: int | None
    ) -> tuple[codec.InferRequest, dict[str, Any], int]:
        request, binary = codec.decode(content, header_length)
        return request, *self._feeds(codec.tensors(request, binary))

    def _decompressed(self, encoding: bytes, content: bytes) -> bytes:
        bits = _WINDOW_BITS.get(encoding.strip().lower())
        if bits is None:
            name = encoding[:64].decode("latin-1")
            raise RequestError(415, f"Content-Encoding {name!r}: expected gzip or deflate")
        unpacker = zlib.decompressobj(bits)
        try:
            whole = unpacker.decompress(content, self._maximum_body + 1)
        except zlib.error as error:
            told = f"the body is not what its Content-Encoding says: {error}"
            raise RequestError(400, told) from error
        if len(whole) > self._maximum_body:
            raise self._too_large()
        if not unpacker.eof:
            raise RequestError(400, "the compressed body is cut short")
        return whole

    def _too_large(self) -> RequestError:
        return RequestError(413, f"the body is larger than {self._maximum_body} bytes")

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        if _number(headers.get(b"content-length", b"0"), "Content-Length") > self._maximum_body:
            raise self._too_large()
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            whole: bytes = message.get("body", b"")
            if len(whole) > self._maximum_body:
                raise self._too_large()
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
                    raise self._too_large()
                if self._buffered > BUFFERED_BODIES * self._maximum_body:
                    raise RequestError(503, "too many large bodies are arriving: try again in 1 s")
                if not message.get("more_body", False):
                    return b"".join(parts)
                message = await receive()
        finally:
            self._buffered -= size


def _number(text: bytes, header: str) -> int:
    if not text.isdigit() or len(text) > 18:
        shown = text[:64].decode("latin-1")
        raise RequestError(400, f"{header}: expected a whole number, got {shown!r}")
    return int(text)


def _compressed(body: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(body) + packer.flush()


def _refused(error: RequestError) -> tuple[int, bytes, Headers]:
    headers: Headers = (_JSON, _RETRY) if error.status == 503 else (_JSON,)
    return error.status, codec.document({"error": str(error)}), headers
