"""gRPC's server reflection: what a client without our .proto files can ask for.

Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from perennial_serving.protocol import feedback_pb2, health_pb2, inference_pb2, reflection_pb2
from perennial_serving.transport.http2.calls import Call
from perennial_serving.transport.http2.dialogue import Streamed

_FILES = tuple(
    file.DESCRIPTOR for file in (inference_pb2, feedback_pb2, health_pb2, reflection_pb2)
)
_BY_NAME = {file.name: file for file in _FILES}
_SERVICES = [service.full_name for file in _FILES for service in file.services_by_name.values()]
_INVALID_ARGUMENT, _NOT_FOUND = 3, 5
_METHOD = "ServerReflection/ServerReflectionInfo"


def streamed() -> dict[str, Streamed]:
    """Return the methods by path: of version 1, and of the one before, which is the same."""
    method = Streamed(_hear)
    return {f"/grpc.reflection.{version}.{_METHOD}": method for version in ("v1", "v1alpha")}


def _hear(call: Call, message: bytes) -> None:
    call.say(answer(message))


def answer(message: bytes) -> bytes:
    """Return the answer to one question."""
    told = reflection_pb2.ServerReflectionResponse()
    try:
        request = reflection_pb2.ServerReflectionRequest.FromString(message)
    except DecodeError as error:
        _fail(told, _INVALID_ARGUMENT, f"the message is no ServerReflectionRequest: {error}")
        return bytes(told.SerializeToString())
    told.valid_host = request.host
    told.original_request.CopyFrom(request)
    kind = request.WhichOneof("message_request")
    if kind == "list_services":
        for name in _SERVICES:
            told.list_services_response.service.add(name=name)
    elif kind in ("file_by_filename", "file_containing_symbol"):
        name = getattr(request, kind)
        file = _BY_NAME.get(name) if kind == "file_by_filename" else _declaring(name)
        if file is None:
            _fail(told, _NOT_FOUND, f"{name[:128]!r} is not known here")
        else:
            told.file_descriptor_response.file_descriptor_proto.append(file.serialized_pb)
    else:
        _fail(told, _NOT_FOUND, "no message here has extensions")
    return bytes(told.SerializeToString())


def _fail(told: Any, code: int, text: str) -> None:
    told.error_response.error_code, told.error_response.error_message = code, text


def _declaring(symbol: str) -> Any:
    """Return the file that declares a service, a method, a message or a part of one."""
    for file in _FILES:
        inner = symbol.removeprefix(f"{file.package}.")
        first = inner.partition(".")[0]
        if inner != symbol and (
            first in file.services_by_name or first in file.message_types_by_name
        ):
            return file
    return None
