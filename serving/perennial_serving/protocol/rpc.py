"""Open Inference Protocol v2 over gRPC.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_grpc.md.
"""

from __future__ import annotations

import base64
import weakref
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError

from perennial_serving.evidence.tracing import Tracing
from perennial_serving.model.loaded import Model
from perennial_serving.protocol import codec, contents, health_pb2, wire
from perennial_serving.protocol import inference_pb2 as pb
from perennial_serving.protocol.call import Call, Decoded, Engine, Tensors
from perennial_serving.protocol.description import (
    EXTENSIONS,
    PLATFORM,
    SERVER,
    described,
    index,
    server_version,
)
from perennial_serving.protocol.lists import AT_ONCE
from perennial_serving.protocol.rpc_feedback import METHOD, FeedbackCalls
from perennial_serving.protocol.tensors import Given, to_bytes
from perennial_serving.system.errors import RequestError, wrong
from perennial_serving.transport.http2 import calls as http2
from perennial_serving.transport.http2.dialogue import Streamed
from perennial_serving.transport.http2.grpc_wire import RESOURCE_EXHAUSTED, CallFault

SERVICE = "inference.GRPCInferenceService"
HEALTH = "grpc.health.v1.Health"
# What has a health: the server as a whole, and its services.
_WITH_HEALTH = ("", SERVICE, HEALTH)
METHODS = (
    *("ServerLive", "ServerReady", "ModelReady"),
    *("ServerMetadata", "ModelMetadata", "RepositoryIndex"),
)

_INFER = f"/{SERVICE}/ModelInfer"
# Reading more than this takes long enough to be a thread's work: protobuf makes objects.
_LARGE_BYTES = 64 * 1024
# The largest message of any other method.
SMALL = 64 * 1024

# Status of HTTP -> of gRPC: INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE.
# Source: https://grpc.github.io/grpc/core/md_doc_statuscodes.html
_LONGEST_PACKED = 1_024
"""Characters of packed metadata that are read; names are cut long before."""
_CODES = {400: 3, 404: 5, 413: 8, 500: 13, 503: 14}
UNIMPLEMENTED = 12


class GrpcApp:
    """Answers the calls of one model; it belongs to the event loop's thread."""

    def __init__(self, engine: Engine, maximum_message: int, mirrored: bool = False) -> None:
        """Answer calls; ``mirrored`` ones are copies, whose answers nobody gets."""
        self._engine, self._maximum, self._mirrored = engine, maximum_message, mirrored
        self._feedback = FeedbackCalls(engine, maximum_message, mirrored, fail)
        self._metadata = _metadata(engine.plane.model)  # once: there may be thousands of inputs
        self._methods = {
            f"/{SERVICE}/{name}": (getattr(pb, f"{name}Request"), getattr(self, f"_{name}"))
            for name in METHODS
        }
        self._methods[f"/{HEALTH}/Check"] = health_pb2.HealthCheckRequest, self._health
        self.streamed = {f"/{HEALTH}/Watch": Streamed(self._watch, once=True)}
        """What streams, by path."""
        self._watchers = weakref.WeakSet[http2.Call]()
        engine.admission.on_drain.append(self._tell_watchers)

    def __call__(self, call: http2.Call) -> None:
        """Answer one call, at once or later."""
        if call.path == _INFER:
            GrpcCall(self._engine, call, self._maximum, self._mirrored).start()
            return
        if call.path == METHOD:
            self._feedback(call)
            return
        known = self._methods.get(call.path)
        if known is None:
            call.fail(UNIMPLEMENTED, f"{call.path[:128]} is no method of {SERVICE}")
            return
        kind, method = known
        try:
            answer = method(_parsed(kind, call.read(SMALL)))
        except RequestError as error:
            fail(call, error)
        else:
            call.respond(answer.SerializeToString())

    def _ServerLive(self, _: Any) -> Any:
        return pb.ServerLiveResponse(live=True)

    def _ServerReady(self, _: Any) -> Any:
        return pb.ServerReadyResponse(ready=not self._engine.admission.draining)

    def _ModelReady(self, request: Any) -> Any:
        _known(self._engine.plane.model, request.name, request.version)
        return pb.ModelReadyResponse(ready=not self._engine.admission.draining)

    def _ServerMetadata(self, _: Any) -> Any:
        version = server_version()
        return pb.ServerMetadataResponse(name=SERVER, version=version, extensions=EXTENSIONS)

    def _ModelMetadata(self, request: Any) -> Any:
        _known(self._engine.plane.model, request.name, request.version)
        return self._metadata

    def _RepositoryIndex(self, _: Any) -> Any:
        answer = pb.RepositoryIndexResponse()
        for known in index(self._engine.plane.model, self._engine.admission):
            answer.models.add(**known)
        return answer

    def _health(self, request: Any) -> Any:
        if request.service not in _WITH_HEALTH:
            raise RequestError(404, f"service {request.service[:128]!r} is not served here")
        return self._status()

    def _status(self) -> Any:
        word = "NOT_SERVING" if self._engine.admission.draining else "SERVING"
        return health_pb2.HealthCheckResponse(status=word)

    def _watch(self, call: http2.Call, message: bytes) -> None:
        """Tell a service's health now, and when it changes."""
        try:
            request = _parsed(health_pb2.HealthCheckRequest, message)
        except RequestError as error:
            fail(call, error)
            return
        if request.service not in _WITH_HEALTH:  # no error, for it may be there one day
            unknown = health_pb2.HealthCheckResponse(status="SERVICE_UNKNOWN")
            call.say(unknown.SerializeToString())
            return
        self._watchers.add(call)
        call.say(self._status().SerializeToString())

    def _tell_watchers(self) -> None:
        told = self._status().SerializeToString()
        for call in list(self._watchers):
            call.say(told)


def fail(call: http2.Call, error: RequestError) -> None:
    """End a call with an error."""
    call.fail(_CODES[error.status], str(error))


class GrpcCall(Call):
    """An infer request over gRPC."""

    __slots__ = ("_call", "_maximum", "_raw")

    PROTOCOL = "grpc"

    def __init__(
        self, engine: Engine, call: http2.Call, maximum: int, mirrored: bool = False
    ) -> None:
        super().__init__(engine, mirrored)
        self._call, self._maximum = call, maximum
        self._raw = False

    def is_large(self) -> bool:
        """Tell whether the message is large."""
        call = self._call
        return len(call.message) > _LARGE_BYTES or bool(call.packed)

    def decode(self) -> Decoded:
        """Return what is asked for."""
        try:
            message = self._call.read(self._maximum)
        except CallFault as fault:
            status = 413 if fault.code == RESOURCE_EXHAUSTED else 400
            raise RequestError(status, fault.text) from fault
        message, long = wire.lifted(message)
        request = _parsed(pb.ModelInferRequest, message)
        _known(self.engine.plane.model, request.model_name, request.model_version)
        feeds, rows = self.engine.feeds(_given(request, long))
        self._raw = bool(request.raw_input_contents)
        return Decoded(request.id, feeds, rows, [o.name for o in request.outputs])

    def encode(self, tensors: Tensors, request_id: str | None, receipt: str | None) -> bytes:
        """Answer as was asked: raw contents where the request had them, else typed ones."""
        model = self.engine.plane.model
        raw = self._raw or any(t.datatype == "FP16" for t, _ in tensors)
        answer = pb.ModelInferResponse(
            model_name=model.name, model_version=model.version, id=request_id or ""
        )
        longs: list[bytes] = []
        for tensor, values in tensors:
            output = pb.ModelInferResponse.InferOutputTensor(
                name=tensor.name, datatype=tensor.datatype, shape=values.shape
            )
            if raw:
                answer.raw_output_contents.append(to_bytes(values))
            elif values.size <= AT_ONCE and not longs:
                contents.fill(output.contents, tensor.datatype, values)
            else:  # what follows a long one, too, for they have an order
                long = b"".join(contents.parts(tensor.datatype, values))
                whole = bytes(output.SerializeToString()) + wire.field(wire.CONTENTS, long)
                longs.append(wire.field(wire.TENSORS, whole))
                continue
            answer.outputs.append(output)
        sealed = _receipt(receipt) if receipt is not None else b""
        return b"".join((answer.SerializeToString(), *longs, sealed))

    def answer(self, encoded: bytes) -> None:
        """Send the message."""
        self._call.respond(encoded)

    def refuse(self, error: RequestError) -> None:
        """Send a status."""
        fail(self._call, error)

    def span(self, tracing: Tracing) -> Any:
        """Start the span of this request."""
        attributes = {"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": "ModelInfer"}
        return tracing.begin(f"{SERVICE}/ModelInfer", self._call.metadata, **attributes)

    def end_span(self, tracing: Tracing, span: Any, status: int) -> str | None:
        """End it."""
        code = 0 if status == 200 else _CODES[status]
        return tracing.end(span, "rpc.grpc.status_code", code, status >= 500)

    def header(self, name: str) -> bytes | None:
        """Return the metadata of that name; beyond ASCII gRPC has it packed, as NAME-bin."""
        metadata = self._call.metadata
        if (said := metadata.get(name)) is not None:
            return said.encode("latin-1")
        packed = metadata.get(f"{name}-bin", "")[:_LONGEST_PACKED]
        try:
            return base64.b64decode(packed + "=" * (-len(packed) % 4))
        except ValueError:
            return b""


def _metadata(model: Model) -> Any:
    answer = pb.ModelMetadataResponse(name=model.name, versions=[model.version], platform=PLATFORM)
    for side, tensors in zip((answer.inputs, answer.outputs), described(model), strict=True):
        for tensor, known in tensors:
            told = side.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            for name, value in known.items():
                text = value if isinstance(value, str) else codec.document(value).decode()
                told.parameters[name].string_param = text
    return answer


def _receipt(text: str) -> bytes:
    """Return the part of an answer that is its receipt; what parts say follows one another."""
    content = text.encode()
    return _before_receipt(len(content)) + content


@lru_cache(maxsize=1024)
def _before_receipt(length: int) -> bytes:
    """Return what comes before a receipt of so many bytes: a map's entry costs more than that."""
    answer = pb.ModelInferResponse()
    answer.parameters["receipt"].string_param = "x" * length
    return bytes(answer.SerializeToString()[:-length])


def _parsed(kind: Any, message: bytes) -> Any:
    try:
        return kind.FromString(message)
    except DecodeError as error:
        told = f"the message is no {kind.DESCRIPTOR.name}: {error}"
        raise RequestError(400, told) from error


def _known(model: Model, name: str, version: str) -> None:
    if name != model.name or version not in ("", model.version):
        asked = f"model {name[:64]!r} version {version[:64]!r} is not served"
        told = f"{asked}; the model is {model.name!r}, version {model.version!r}"
        raise RequestError(404, told)


def _given(request: Any, long: wire.Lifted) -> Iterator[Given]:
    """Yield a request's tensors, of which some have long contents by themselves.

    Raises:
        RequestError: 400, contents are typed and raw, or of the wrong type.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        told = f"raw_input_contents: expected {len(request.inputs)}, one for each input"
        raise RequestError(400, f"{told}, got {len(raw)}")
    for n, tensor in enumerate(request.inputs):
        name, datatype, shape = tensor.name, tensor.datatype, list(tensor.shape)
        if raw:
            if tensor.HasField("contents") or n in long:
                raise wrong(name, "raw_input_contents alone", "contents too")
            yield name, datatype, shape, None, memoryview(raw[n])
        elif n in long:
            yield name, datatype, shape, contents.Typed(long[n]), None
        else:
            found = contents.read(name, datatype, tensor.contents)
            if found is None:
                raise wrong(name, "contents or raw_input_contents", "neither")
            yield name, datatype, shape, found, None
