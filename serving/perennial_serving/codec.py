"""Open Inference Protocol v2 over HTTP: bodies to tensors and back, as JSON or binary.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md,
and the binary tensor data extension of Triton's protocol/extension_binary_data.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_serving.errors import RequestError
from perennial_serving.tensors import Given, to_bytes, wrong


class TensorParameters(msgspec.Struct):
    """The parameters of a tensor that mean something here; others are passed over."""

    binary_data_size: int | None = None
    binary_data: bool | None = None


T = TypeVar("T")


class InputTensor(msgspec.Struct, Generic[T]):
    """One tensor of a request; ``data`` is flat or nested, row-major."""

    name: str
    shape: list[int]
    datatype: str
    data: list[T] | None = None
    parameters: TensorParameters | None = None


class RequestedOutput(msgspec.Struct):
    """An output that the client asks for."""

    name: str
    parameters: TensorParameters | None = None


class RequestParameters(msgspec.Struct):
    """The parameters of a request that mean something here."""

    binary_data_output: bool | None = None


class InferRequest(msgspec.Struct, Generic[T]):
    """The body of an infer request."""

    inputs: list[InputTensor[T]]
    id: str | None = None
    parameters: RequestParameters | None = None
    outputs: list[RequestedOutput] | None = None


_anything = msgspec.json.Decoder(InferRequest[Any])
_numbers = msgspec.json.Decoder(InferRequest[float])
_encoder = msgspec.json.Encoder()
_NOTHING = memoryview(b"")


def decode(
    body: bytes, header_length: int | None = None, floats: bool = False
) -> tuple[InferRequest[Any], memoryview, bool]:
    """Parse a request's body; return it with the bytes that follow its JSON.

    ``floats`` tells to expect flat lists of numbers; the third value, that all data was such.

    Raises:
        RequestError: it is not JSON, or not of the protocol's form.
    """
    binary = _NOTHING
    content: bytes | memoryview = body
    if header_length is not None:
        if not 0 < header_length <= len(body):
            told = f"Inference-Header-Content-Length: expected 1 to {len(body)}, the body's length"
            raise RequestError(400, f"{told}, got {header_length}")
        whole = memoryview(body)
        content, binary = whole[:header_length], whole[header_length:]
    if floats:
        try:
            return _numbers.decode(content), binary, True
        except msgspec.DecodeError:
            pass  # nested, with a null, or wrong
    try:
        return _anything.decode(content), binary, False
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(400, f"the body is not an inference request: {error}") from error


def tensors(
    request: InferRequest[Any], binary: memoryview, floats: bool = False
) -> Iterator[Given]:
    """Yield a request's tensors, as ``decode`` returned them.

    Raises:
        RequestError: 400, the bytes after the JSON are too few or too many.
    """
    at = 0
    for t in request.inputs:
        size = t.parameters.binary_data_size if t.parameters is not None else None
        if size is None:
            yield Given(t.name, t.datatype, t.shape, t.data, None, floats)
            continue
        if t.data is not None:
            raise wrong(t.name, "either data or binary_data_size", "both")
        if not 0 <= size <= len(binary) - at:
            raise wrong(
                t.name, f"{size} bytes, as its binary_data_size says", f"{len(binary) - at}"
            )
        yield Given(t.name, t.datatype, t.shape, None, binary[at : at + size])
        at += size
    if at != len(binary):
        raise RequestError(400, f"{len(binary) - at} bytes follow the last tensor's")


def encode(
    name: str,
    version: str,
    request: InferRequest[Any],
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
            "shape": list(values.shape),
        }
        if wanted is not None and wanted[n if len(wanted) > 1 else 0]:
            blob = to_bytes(values)
            output["parameters"] = {"binary_data_size": len(blob)}
            blobs.append(blob)
        else:
            output["data"] = values.ravel().tolist()
        outputs.append(output)
    head = _encoder.encode(answer)
    return (b"".join((head, *blobs)), len(head)) if blobs else (head, None)


def _binary(request: InferRequest[Any]) -> list[bool] | None:
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
