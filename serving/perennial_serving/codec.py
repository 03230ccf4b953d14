"""Open Inference Protocol v2 over HTTP: bodies to tensors and back, as JSON or binary.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md,
and the binary tensor data extension of Triton's protocol/extension_binary_data.md.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import simdjson
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_serving.errors import RequestError, wrong
from perennial_serving.messages import InferRequest, InputTensor
from perennial_serving.tensors import DOES_NOT_FIT, Given, packed, to_bytes

_requests = msgspec.json.Decoder(InferRequest)
_lists = msgspec.json.Decoder(list[Any])
_floats = msgspec.json.Decoder(list[float])
_encoder = msgspec.json.Encoder()
_of_thread = threading.local()
_FLOATS = ("FP32", "FP64", "FP16")
_ABSENT = (b"", b"null")
# Up to so many bytes, a list of objects is made sooner than an array.
_SHORT = 2048
_DATA = re.compile(rb'"data"\s*:\s*\[')
# A value that no client can know.
_PLACE = b'"%s"' % secrets.token_hex(16).encode()
_NOTHING = memoryview(b"")
# What programs write for numbers that JSON does not have (RFC 8259, section 6).
_NO_NUMBER = re.compile(rb"[\[:,\s](-?(?:NaN|nan|Infinity|inf))[\],}\s]")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode(
    body: bytes | bytearray, header_length: int | None = None
) -> tuple[InferRequest, memoryview]:
    """Parse a request's body; return it with the bytes that follow its JSON.

    Raises:
        RequestError: it is not JSON, or not of the protocol's form.
    """
    binary = _NOTHING
    content: bytes | bytearray | memoryview = body
    if header_length is not None:
        if not 0 < header_length <= len(body):
            told = f"Inference-Header-Content-Length: expected 1 to {len(body)}, the body's length"
            raise RequestError(400, f"{told}, got {header_length}")
        whole = memoryview(body)
        content, binary = whole[:header_length], whole[header_length:]
    try:
        if header_length is None and len(body) > _SHORT and (request := _without_list(body)):
            return request, binary
        return _requests.decode(content), binary
    except _UNREADABLE as error:
        told = f"the body is not an inference request: {error}{_advice(content)}"
        raise RequestError(400, told) from error


def _advice(content: bytes | bytearray | memoryview) -> str:
    """Return what to write for what programs write, but JSON does not have."""
    found = _NO_NUMBER.search(content)
    if found is None:
        return ""
    return f"; JSON has no {found[1].decode()}: write null for a number that is missing"


def _without_list(body: bytes | bytearray) -> InferRequest | None:
    """Parse all but a long list of numbers, which is parsed by itself; None where that fails.

    Without quotes and inner brackets, from a bracket to the next is one value. It was a tensor's
    if what is put in its place turns out to be.
    """
    key = _DATA.search(body)
    if key is None:
        return None
    first = key.end() - 1
    end = body.find(b"]", first) + 1
    if (
        end - first < _SHORT
        or body.find(b"[", first + 1, end) > 0
        or body.find(b'"', first, end) > 0
    ):
        return None
    try:
        request = _requests.decode(b"".join((body[:first], _PLACE, body[end:])))
    except _UNREADABLE:
        return None  # and what is wrong is told of the whole
    for tensor in request.inputs:
        if bytes(tensor.data) == _PLACE:
            tensor.data = msgspec.Raw(body[first:end])
            return request
    return None


def tensors(request: InferRequest, binary: memoryview) -> Iterator[Given]:
    """Yield a request's tensors, as ``decode`` returned them.

    Raises:
        RequestError: 400, a tensor's data is no list, or the bytes after the JSON are too few or
            too many.
    """
    at = 0
    for t in request.inputs:
        size = t.parameters.binary_data_size if t.parameters is not None else None
        if size is None:
            yield t.name, t.datatype, t.shape, _values(t), None
            continue
        if bytes(t.data) not in _ABSENT:
            raise wrong(t.name, "either data or binary_data_size", "both")
        if not 0 <= size <= len(binary) - at:
            raise wrong(
                t.name, f"{size} bytes, as its binary_data_size says", f"{len(binary) - at}"
            )
        yield t.name, t.datatype, t.shape, None, binary[at : at + size]
        at += size
    if at != len(binary):
        raise RequestError(400, f"{len(binary) - at} bytes follow the last tensor's")


def _values(tensor: InputTensor) -> list[Any] | NDArray[np.float64] | None:
    """Return what a tensor's JSON lists; many numbers in a row become no objects on their way."""
    content = bytes(tensor.data)
    if content in _ABSENT:
        return None
    if tensor.datatype in _FLOATS and content.rfind(b"[") == 0:
        try:
            if len(content) > _SHORT:
                return _numbers(content)
            return packed(_floats.decode(content), tensor.datatype)
        except (TypeError, ValueError, RuntimeError, *DOES_NOT_FIT):
            pass  # with a null, beyond 64 bits, or wrong
    try:
        return _lists.decode(content)
    except _UNREADABLE as error:
        raise wrong(
            tensor.name, "a list of values in data", f"{error}{_advice(content)}"
        ) from error


def _numbers(content: bytes) -> NDArray[np.float64]:
    try:
        parser = _of_thread.parser
    except AttributeError:
        parser = _of_thread.parser = simdjson.Parser()
    return np.frombuffer(parser.parse(content).as_buffer(of_type="d"))


def encode(
    name: str,
    version: str,
    request: InferRequest,
    results: Sequence[tuple[Tensor, NDArray[Any]]],
) -> tuple[bytes, int | None]:
    """Return the body of an answer, and the length of its JSON where binary tensors follow it.

    JSON has no NaN and no infinity, so these become null.
    """
    answer: dict[str, Any] = {"model_name": name, "model_version": version}
    if request.id is not None:
        answer["id"] = request.id
    wanted = _binary(request)
    blobs: list[bytes] = []
    answer["outputs"] = outputs = []
    for n, (tensor, values) in enumerate(results):
        output: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": values.shape,
        }
        if wanted is not None and wanted[n if len(wanted) > 1 else 0]:
            blob = to_bytes(values)
            output["parameters"] = {"binary_data_size": len(blob)}
            blobs.append(blob)
        else:
            output["data"] = (values if values.ndim == 1 else values.ravel()).tolist()
        outputs.append(output)
    head = _encoder.encode(answer)
    return (b"".join((head, *blobs)), len(head)) if blobs else (head, None)


def _binary(request: InferRequest) -> list[bool] | None:
    """Return for each asked output, or for all at once, whether it is wanted as bytes."""
    default = request.parameters is not None and request.parameters.binary_data_output is True
    if not request.outputs:
        return [True] if default else None
    chosen = [
        default
        if o.parameters is None or o.parameters.binary_data is None
        else o.parameters.binary_data
        for o in request.outputs
    ]
    return chosen if any(chosen) else None


def document(value: Any) -> bytes:
    """Return any plain value as JSON."""
    return _encoder.encode(value)
