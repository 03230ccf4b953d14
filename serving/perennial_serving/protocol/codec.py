"""Open Inference Protocol v2 over HTTP: bodies to tensors and back, as JSON or binary.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md,
and the binary tensor data extension of Triton's protocol/extension_binary_data.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_serving.protocol.cut import PIECE, SHORT, cut_out
from perennial_serving.protocol.lists import UNREADABLE, Listed, advice, written
from perennial_serving.protocol.messages import InferRequest
from perennial_serving.protocol.tensors import Given, to_bytes
from perennial_serving.system.errors import RequestError, wrong

_requests = msgspec.json.Decoder(InferRequest)
_encoder = msgspec.json.Encoder()
_ABSENT = (b"", b"null")
_NOTHING = memoryview(b"")
# What a request may say besides its data: thousands of inputs.
_SAID_BYTES = 2 * 1024 * 1024


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
        if len(content) > SHORT:
            return _without_lists(bytes(content)), binary
        return _requests.decode(content), binary
    except UNREADABLE as error:
        told = f"the body is not an inference request: {error}{advice(bytes(content))}"
        raise RequestError(400, told) from error


def _without_lists(content: bytes) -> InferRequest:
    """Parse all but long lists of data, which are read by themselves."""
    skeleton, lists = cut_out(content)
    large = len(content) > PIECE
    if large and len(skeleton) > _SAID_BYTES:
        told = f"the request says more than {_SAID_BYTES} bytes besides its lists of data"
        raise RequestError(400, told)
    try:
        request = _requests.decode(skeleton)
    except UNREADABLE:
        if large:
            raise
        return _requests.decode(content)  # so that what is wrong is told of the whole
    places = [lists.pop(bytes(tensor.data), None) for tensor in request.inputs]
    if lists and not large:  # of something that is no tensor, and not worth a thought
        return _requests.decode(content)
    for tensor, place in zip(request.inputs, places, strict=True):
        if place is not None:
            tensor.data = msgspec.Raw(content[place[0] : place[1]])
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


def encode(
    name: str,
    version: str,
    request: InferRequest,
    results: Sequence[tuple[Tensor, NDArray[Any]]],
    receipt: str | None = None,
) -> tuple[bytes, int | None]:
    """Return the body of an answer, and the length of its JSON where binary tensors follow it.

    JSON has no NaN and no infinity, so these become null.
    """
    answer: dict[str, Any] = {"model_name": name, "model_version": version}
    if request.id is not None:
        answer["id"] = request.id
    if receipt is not None:
        answer["parameters"] = {"receipt": receipt}
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
            output["data"] = written(values)
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
