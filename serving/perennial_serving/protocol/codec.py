"""Open Inference Protocol v2 over HTTP: bodies to tensors and back, as JSON or binary.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md,
and the binary tensor data extension of Triton's protocol/extension_binary_data.md.
"""

from __future__ import annotations

import math
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import mul
from typing import Any

import msgspec
import numpy as np
import simdjson
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_serving.protocol.messages import InferRequest
from perennial_serving.protocol.tensors import DOES_NOT_FIT, Given, packed, to_bytes
from perennial_serving.system.errors import RequestError, wrong

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
# How much is read at once: longer holds the interpreter's lock for more than a millisecond.
_PIECE = 256 * 1024
_NO_BRACKETS = bytes(set(range(256)) - set(b"[],"))
_NOTHING = memoryview(b"")
# What programs write for numbers that JSON does not have (RFC 8259, section 6).
_NO_NUMBER = re.compile(rb"[\[:,\s](-?(?:NaN|nan|Infinity|inf))[\],}\s]")
_NO_NUMBERS = (TypeError, ValueError, RuntimeError, *DOES_NOT_FIT)
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
        if header_length is None and len(body) > _SHORT and (request := _without_lists(body)):
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


def _without_lists(body: bytes | bytearray) -> InferRequest | None:
    """Parse all but long lists of numbers, which are read by themselves; None where that fails.

    What has no quotes and no braces, from a bracket to the last one before these, is one value. It
    was a tensor's if what is put in its place turns out to be.
    """
    pieces: list[bytes | bytearray] = []
    lists: list[tuple[int, int]] = []
    at = key = 0
    while (key := body.find(b'"data"', key)) >= 0:
        found = _DATA.match(body, key)
        key += 1
        if found is None:
            continue
        first = found.end() - 1
        quote, brace = body.find(b'"', first), body.find(b"}", first)
        end = body.rfind(b"]", first, brace if quote < 0 else min(quote, brace)) + 1
        if end - first >= _SHORT:
            pieces += (body[at:first], _PLACE)
            lists.append((first, end))
            at = key = end
    if not lists:
        return None
    pieces.append(body[at:])
    try:
        request = _requests.decode(b"".join(pieces))
    except _UNREADABLE:
        return None  # and what is wrong is told of the whole
    taken = [tensor for tensor in request.inputs if bytes(tensor.data) == _PLACE]
    if len(taken) != len(lists):
        return None
    for tensor, (first, end) in zip(taken, lists, strict=True):
        tensor.data = msgspec.Raw(body[first:end])
    return request


def tensors(request: InferRequest, binary: memoryview) -> Iterator[Given]:
    """Yield a request's tensors, as ``decode`` returned them.

    Raises:
        RequestError: 400, the bytes after the JSON are too few or too many.
    """
    at = 0
    for t in request.inputs:
        size = t.parameters.binary_data_size if t.parameters is not None else None
        if size is None:
            content = bytes(t.data)
            listed = None if content in _ABSENT else Listed(content)
            yield t.name, t.datatype, t.shape, listed, None
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


class Listed:
    """What a tensor's JSON lists, to be read once it is known how many values there are to be."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, name: str, datatype: str, shape: Sequence[int]) -> list[Any] | NDArray[Any]:
        """Return the values, flat or nested; numbers in a row become no objects on their way.

        Raises:
            RequestError: 400, they are no list, or many more than the shape says.
        """
        content = self._content
        is_float, is_flat = datatype in _FLOATS, content.rfind(b"[") == 0
        try:
            if is_float and is_flat and len(content) <= _SHORT:
                return packed(_floats.decode(content), datatype)
            if is_float and is_flat and len(content) <= _PIECE:
                return _array(content)
        except _NO_NUMBERS:
            pass  # with a null, beyond 64 bits, or wrong
        if len(content) > _SHORT and datatype != "BYTES":
            _check_size(name, content, shape)
            numbers = _without_brackets(content, shape) if is_float else None
            if numbers is not None:
                try:
                    return _numbers(numbers, math.prod(shape))
                except _NO_NUMBERS:
                    pass
        try:
            return _lists.decode(content)
        except _UNREADABLE as error:
            told = f"{error}{_advice(content)}"
            raise wrong(name, "a list of values in data", told) from error


def _check_size(name: str, content: bytes, shape: Sequence[int]) -> None:
    """Refuse what has other than a shape's values, or more lists: each would become an object."""
    count, lists = math.prod(shape), sum(accumulate(shape[:-1], mul, initial=1))
    commas = content.count(b",")  # between values, or lists of them, there is one each
    if commas != count - 1:
        got = "more" if commas >= count else "fewer"
        raise wrong(name, f"{count} values for shape {list(shape)}", got)
    if content.count(b"[") > lists:
        raise wrong(name, f"nested lists of shape {list(shape)}", "more of them")


def _without_brackets(content: bytes, shape: Sequence[int]) -> bytes | None:
    """Return what stands between all brackets, None where these are not as the shape says."""
    if content.rfind(b"[") == 0:
        return content[1:-1]
    skeleton = b""
    for size in reversed(shape):
        skeleton = b"[%s]" % b",".join([skeleton] * size)
    if _translated(content, _NO_BRACKETS) != skeleton:
        return None
    return _translated(content, b"[]")


def _translated(content: bytes, without: bytes) -> bytes:
    # In pieces, so that other threads come to their turn.
    pieces = (content[at : at + _PIECE] for at in range(0, len(content), _PIECE))
    return b"".join(piece.translate(None, without) for piece in pieces)


def _numbers(content: bytes, count: int) -> NDArray[np.float64]:
    """Read numbers between commas.

    Raises:
        ValueError, RuntimeError: they are not so many numbers.
    """
    found = np.empty(count)
    at = first = 0
    while at < len(content):
        end = content.find(b",", at + _PIECE)
        end = len(content) if end < 0 else end
        part = _array(b"[%s]" % content[at:end])
        found[first : first + len(part)] = part  # ValueError where there are too many
        first += len(part)
        at = end + 1
    if first != count or content.endswith(b","):
        raise ValueError("another count")
    return found


def _array(content: bytes) -> NDArray[np.float64]:
    """Read a list of numbers.

    Raises:
        ValueError, RuntimeError: it is no such list.
    """
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
