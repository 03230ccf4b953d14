"""The data port: Open Inference Protocol v2 over HTTP."""

from __future__ import annotations

import asyncio
import zlib
from functools import partial
from typing import Any

from perennial_serving.evidence.feedback import parse
from perennial_serving.evidence.taking import IS_COPY, NO_FEEDBACK
from perennial_serving.evidence.tracing import Tracing, carrier
from perennial_serving.protocol import codec
from perennial_serving.protocol.call import LARGE_BYTES, Call, Decoded, Engine, Tensors
from perennial_serving.protocol.description import Description
from perennial_serving.protocol.messages import InferRequest
from perennial_serving.system.errors import RequestError, as_request_error, refusal
from perennial_serving.transport.http1.connection import JSON
from perennial_serving.transport.http1.request import Request, accepts_gzip, listed
from perennial_serving.transport.inflate import TooLarge, inflated

# Below it, compressing costs more than it saves.
COMPRESSED_BYTES = 4096

_HEADER_LENGTH = b"inference-header-content-length"
_RETRY = b"retry-after: 1\r\n"
_GZIP = b"content-encoding: gzip\r\n"
_BINARY = b"content-type: application/octet-stream\r\n" + _HEADER_LENGTH + b": %d\r\n"
_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


class RestApp:
    """Answers the requests of one model; it belongs to the event loop's thread."""

    def __init__(self, engine: Engine, maximum_body: int, mirrored: bool = False) -> None:
        """Answer requests; ``mirrored`` ones are copies, whose answers nobody gets."""
        self._engine, self._maximum_body, self._mirrored = engine, maximum_body, mirrored
        self._description = Description(engine.plane.model, engine.admission)
        self._infer_paths = frozenset(f"{base}/infer" for base in self._description.bases)
        self._feedback_paths = frozenset(f"{base}/feedback" for base in self._description.bases)
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, request: Request) -> None:
        """Answer one request, at once or later."""
        if request.path in self._infer_paths and request.method == "POST":
            RestCall(self._engine, request, self._maximum_body, self._mirrored).start()
            return
        try:
            if request.path in self._infer_paths:
                raise RequestError(405, "infer takes POST", allow="POST")
            if request.path in self._feedback_paths:
                self._feedback(request)
                return
            status, answer = self._description(request.method, request.path)
        except RequestError as error:
            refuse(request, error)
            return
        request.respond(status, codec.document(answer), JSON)

    def _feedback(self, request: Request) -> None:
        if not self._engine.plane.feedback.is_on:
            raise RequestError(404, NO_FEEDBACK)
        if self._mirrored:
            raise RequestError(404, IS_COPY)
        if request.method != "POST":
            raise RequestError(405, "feedback takes POST", allow="POST")
        task = asyncio.get_running_loop().create_task(self._take_feedback(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_feedback(self, request: Request) -> None:
        engine = self._engine
        try:
            told = await engine.plane.feedback(partial(parse, request.body), engine.threads)
        except Exception as error:
            refuse(request, as_request_error(error))
        else:
            request.respond(200, codec.document(told), JSON)


class RestCall(Call):
    """An infer request over HTTP."""

    __slots__ = ("_maximum_body", "_outputs", "_request")

    PROTOCOL = "rest"

    def __init__(
        self, engine: Engine, request: Request, maximum_body: int, mirrored: bool = False
    ) -> None:
        super().__init__(engine, mirrored)
        self._request, self._maximum_body = request, maximum_body
        self._outputs: InferRequest | None = None

    def is_large(self) -> bool:
        """Tell whether the body is large, or may be when it is unpacked."""
        request = self._request
        return len(request.body) > LARGE_BYTES or b"content-encoding" in request.headers

    def decode(self) -> Decoded:
        """Return what is asked for."""
        headers, content = self._request.headers, self._request.body
        header_length = None
        if (text := headers.get(_HEADER_LENGTH)) is not None:
            header_length = _number(text, "Inference-Header-Content-Length")
        encoding = headers.get(b"content-encoding")
        if encoding is not None:
            content = decompressed(encoding, content, self._maximum_body)
        request, binary = codec.decode(content, header_length)
        arrays, rows = self.engine.feeds(codec.tensors(request, binary))
        self._outputs = request
        names = [o.name for o in request.outputs] if request.outputs else ()
        return Decoded(request.id, arrays, rows, names)

    def encode(
        self, tensors: Tensors, request_id: str | None, receipt: str | None
    ) -> tuple[bytes, bytes]:
        """Return body and header lines."""
        model = self.engine.plane.model
        assert self._outputs is not None
        self._outputs.id = request_id
        body, json_length = codec.encode(model.name, model.version, self._outputs, tensors, receipt)
        return body, JSON if json_length is None else _BINARY % json_length

    def answer(self, encoded: tuple[bytes, bytes]) -> None:
        """Send body and headers."""
        body, head = encoded
        self._request.respond(200, body, head)

    def send(self, encoded: tuple[bytes, bytes]) -> None:
        """End with an answer, compressed where the client likes that and it pays."""
        body, head = encoded
        large = len(body) > COMPRESSED_BYTES and _GZIP not in head
        if large and accepts_gzip(self._request.headers):
            work = partial(_compressed, body, head + _GZIP)
            self.engine.off_loop(work, self.send, self)
            return
        super().send(encoded)

    def refuse(self, error: RequestError) -> None:
        """Send an error."""
        refuse(self._request, error)

    def span(self, tracing: Tracing) -> Any:
        """Start the span of this request."""
        method, route = self._request.method, self._request.path
        attributes = {"http.request.method": method, "http.route": route}
        return tracing.begin(f"{method} {route}", carrier(self._request.headers), **attributes)

    def end_span(self, tracing: Tracing, span: Any, status: int) -> str | None:
        """End it."""
        return tracing.end(span, "http.response.status_code", status, status >= 500)

    def header(self, name: str) -> bytes | None:
        """Return the header of that name."""
        return self._request.headers.get(name.encode())


def refuse(request: Request, error: RequestError) -> None:
    """Answer with the protocol's error."""
    head = JSON + _RETRY if error.status == 503 else JSON
    if error.allow:  # RFC 9110, section 15.5.6
        head += b"allow: %s\r\n" % error.allow.encode()
    request.respond(error.status, refusal(str(error)), head)


def decompressed(field: bytes, content: bytes | bytearray, maximum: int) -> bytes | bytearray:
    """Return a body without its codings, of which the last was laid on last (RFC 9110, 8.4).

    Raises:
        RequestError: 400, 413, 415.
    """
    codings = [coding for coding, _ in listed(field) if coding != b"identity"]
    bits = [_WINDOW_BITS.get(coding) for coding in codings]
    if None in bits or len(bits) > 1:
        name = field[:64].decode("latin-1")
        raise RequestError(415, f"Content-Encoding {name!r}: expected gzip or deflate")
    for one in bits:
        assert one is not None
        try:
            content = inflated(content, one, maximum)
        except TooLarge as error:
            raise RequestError(413, f"the body {error}") from error
        except ValueError as error:
            told = f"the body is not what its Content-Encoding says: {error}"
            raise RequestError(400, told) from error
    return content


def _number(text: bytes, header: str) -> int:
    if not text.isdigit() or len(text) > 18:
        shown = text[:64].decode("latin-1")
        raise RequestError(400, f"{header}: expected a whole number, got {shown!r}")
    return int(text)


def _compressed(body: bytes, head: bytes) -> tuple[bytes, bytes]:
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(body) + packer.flush(), head
