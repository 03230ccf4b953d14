"""Open Inference Protocol v2 over gRPC.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_grpc.md.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import grpc.aio
import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_serving import inference_pb2 as pb
from perennial_serving.admission import Admission
from perennial_serving.dataplane import DataPlane
from perennial_serving.datatypes import DTYPES
from perennial_serving.description import EXTENSIONS, PLATFORM, SERVER, server_version
from perennial_serving.errors import RequestError
from perennial_serving.scheduler import Scheduler
from perennial_serving.tensors import Feeds, Given, to_bytes, wrong
from perennial_serving.tracing import trace_id

SERVICE = "inference.GRPCInferenceService"

# The field of typed contents that carries each datatype; FP16 has none, it is always raw.
_FIELDS: dict[str, str] = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}


class InferenceService:
    """The service of one model; it belongs to the event loop's thread."""

    def __init__(self, plane: DataPlane, scheduler: Scheduler, admission: Admission) -> None:
        self._plane, self._scheduler, self._admission = plane, scheduler, admission
        self._feeds = Feeds(plane.model)

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what grpc calls."""
        # Infer's bytes are parsed by us, so that rubbish is the client's error, not the server's.
        handlers = {"ModelInfer": grpc.unary_unary_rpc_method_handler(self._infer)}
        for name in ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata"):
            handlers[name] = grpc.unary_unary_rpc_method_handler(
                getattr(self, f"_{name}"),
                request_deserializer=getattr(pb, f"{name}Request").FromString,
                response_serializer=getattr(pb, f"{name}Response").SerializeToString,
            )
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    async def _ServerLive(self, _: Any, __: Any) -> Any:
        return pb.ServerLiveResponse(live=True)

    async def _ServerReady(self, _: Any, __: Any) -> Any:
        return pb.ServerReadyResponse(ready=not self._admission.draining)

    async def _ModelReady(self, request: Any, context: Any) -> Any:
        await self._known(request, context)
        return pb.ModelReadyResponse(ready=not self._admission.draining)

    async def _ServerMetadata(self, _: Any, __: Any) -> Any:
        version = server_version()
        return pb.ServerMetadataResponse(name=SERVER, version=version, extensions=EXTENSIONS)

    async def _ModelMetadata(self, request: Any, context: Any) -> Any:
        await self._known(request, context)
        model = self._plane.model
        answer = pb.ModelMetadataResponse(
            name=model.name, versions=[model.version], platform=PLATFORM
        )
        for side, tensors in ((answer.inputs, model.inputs), (answer.outputs, model.outputs)):
            for tensor in tensors:
                side.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        return answer

    async def _known(self, request: Any, context: Any) -> None:
        try:
            self._check(request.name, request.version)
        except RequestError as error:
            await context.abort(_CODES[error.status], str(error))

    def _check(self, name: str, version: str) -> None:
        model = self._plane.model
        if name != model.name or version not in ("", model.version):
            asked = f"model {name[:64]!r} version {version[:64]!r} is not served"
            told = f"{asked}; the model is {model.name!r}, version {model.version!r}"
            raise RequestError(404, told)

    async def _infer(self, body: bytes, context: Any) -> bytes:
        metrics, admission = self._plane.metrics, self._admission
        tracing = self._plane.tracing
        began = time.monotonic()
        if tracing is not None:
            span = tracing.begin(
                f"{SERVICE}/ModelInfer",
                {k: v for k, v in context.invocation_metadata() if isinstance(v, str)},
                **{"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": "ModelInfer"},
            )
        failure: RequestError | None = None
        answer = b""
        try:
            admission.check()
            admission.in_flight += 1
            metrics.in_flight = admission.in_flight
            try:
                answer = await self._answer(body, context)
            finally:
                admission.in_flight -= 1
                metrics.in_flight = admission.in_flight
        except RequestError as error:
            failure = error
        except Exception:
            print(traceback.format_exc(), file=sys.stderr, flush=True)
            failure = RequestError(500, "the server failed; its log says why")
        status = failure.status if failure else 200
        trace = None
        if tracing is not None:
            code = _CODES[status] if failure else grpc.StatusCode.OK
            trace = tracing.end(span, "rpc.grpc.status_code", code.value[0], status >= 500)
        metrics.answered("grpc", status, time.monotonic() - began, trace)
        if failure is not None:
            await context.abort(_CODES[status], str(failure))
        return answer

    async def _answer(self, body: bytes, context: Any) -> bytes:
        try:
            request = pb.ModelInferRequest.FromString(body)
        except DecodeError as error:
            raise RequestError(400, f"the message is no ModelInferRequest: {error}") from error
        self._check(request.model_name, request.model_version)
        feeds, rows = self._feeds(_given(request))
        asked = self._plane.asked([o.name for o in request.outputs])
        results = await self._scheduler.infer(feeds, rows)
        tensors = [(tensor, results[tensor.name]) for tensor in asked]
        name = request.id
        if (log := self._plane.log) is not None:
            parent = dict(context.invocation_metadata()).get("traceparent", "")
            name = log.note(name, trace_id(str(parent).encode()), feeds, results, rows)
        raw = bool(request.raw_input_contents) or any(t.datatype == "FP16" for t in asked)
        return self._encode(name, tensors, raw)

    def _encode(
        self, request_id: str, tensors: Sequence[tuple[Tensor, NDArray[Any]]], raw: bool
    ) -> bytes:
        """Answer as was asked: raw contents where the request had them, else typed ones."""
        model = self._plane.model
        answer = pb.ModelInferResponse(
            model_name=model.name, model_version=model.version, id=request_id
        )
        for tensor, values in tensors:
            output = answer.outputs.add(
                name=tensor.name, datatype=tensor.datatype, shape=values.shape
            )
            if raw:
                answer.raw_output_contents.append(to_bytes(values))
                continue
            flat = values.ravel().tolist()
            if tensor.datatype == "BYTES":
                flat = [v.encode() if isinstance(v, str) else v for v in flat]
            getattr(output.contents, _FIELDS[tensor.datatype]).extend(flat)
        return bytes(answer.SerializeToString())


def _given(request: Any) -> Iterator[Given]:
    """Yield a request's tensors.

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
            if tensor.HasField("contents"):
                raise wrong(name, "raw_input_contents alone", "contents too")
            yield Given(name, datatype, shape, None, memoryview(raw[n]))
            continue
        fields = tensor.contents.ListFields()
        if not fields:
            raise wrong(name, "contents or raw_input_contents", "neither")
        wanted = _FIELDS.get(datatype, "")
        others = [field.name for field, _ in fields if field.name != wanted]
        if others:
            raise wrong(name, f"data of {datatype[:64]} in {wanted or 'raw contents'}", others[0])
        yield Given(name, datatype, shape, _typed(name, datatype, fields[0][1]))


def _typed(name: str, datatype: str, values: Any) -> NDArray[Any]:
    if datatype == "BYTES":
        try:
            return np.array([str(value, "utf-8") for value in values], dtype=object)
        except UnicodeDecodeError as error:
            raise wrong(name, "strings of UTF-8", "other bytes") from error
    found = np.array(values)
    dtype = np.dtype(DTYPES[datatype])
    if dtype.kind in "iu" and dtype.itemsize < 4:
        limits = np.iinfo(dtype)
        if found.min() < limits.min or found.max() > limits.max:
            raise wrong(name, f"values of {datatype}", "one that does not fit")
    return found.astype(dtype, copy=False)


def server(service: InferenceService, address: str, maximum_body: int) -> Any:
    """Return a server bound to an address that other processes may share.

    Raises:
        RuntimeError: the address cannot be bound.
    """
    options = [
        ("grpc.max_receive_message_length", maximum_body),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 1),
    ]
    found = grpc.aio.server(options=options, compression=grpc.Compression.NoCompression)
    found.add_generic_rpc_handlers((service.handler(),))
    found.add_insecure_port(address)
    return found
