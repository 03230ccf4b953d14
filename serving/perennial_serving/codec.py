"""Open Inference Protocol v2, JSON tensors: bytes to arrays and back.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_serving.errors import RequestError

DTYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}
MAXIMUM_RANK = 8


class InputTensor(msgspec.Struct):
    """One tensor of a request; ``data`` is flat or nested, row-major."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] | None = None


class RequestedOutput(msgspec.Struct):
    """An output that the client asks for."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct):
    """The body of an infer request."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestedOutput] | None = None


_decoder = msgspec.json.Decoder(InferRequest)
_encoder = msgspec.json.Encoder()


def decode(body: bytes) -> InferRequest:
    """Parse a request's body.

    Raises:
        RequestError: it is not JSON, or not of the protocol's form.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(400, f"the body is not an inference request: {error}") from error


def feeds(request: InferRequest, expected: tuple[Tensor, ...]) -> dict[str, NDArray[Any]]:
    """Return the model's inputs as arrays by name.

    Raises:
        RequestError: a tensor is missing, unknown, repeated or does not fit.
    """
    known = {t.name: t for t in expected}
    arrays: dict[str, NDArray[Any]] = {}
    for tensor in request.inputs:
        if tensor.name not in known:
            raise RequestError(
                400, f"input {tensor.name[:64]!r} is unknown; the model takes {', '.join(known)}"
            )
        if tensor.name in arrays:
            raise RequestError(400, f"input {tensor.name!r} is given twice")
        arrays[tensor.name] = array(tensor, known[tensor.name])
    if absent := [name for name in known if name not in arrays]:
        raise RequestError(400, f"input {', '.join(absent)} is missing")
    return arrays


def array(tensor: InputTensor, expected: Tensor) -> NDArray[Any]:
    """Return one tensor as an array of the shape it says.

    Raises:
        RequestError: datatype, shape or data do not fit.
    """
    where = f"input {tensor.name!r}"
    if tensor.datatype != expected.datatype:
        raise RequestError(
            400, f"{where}: expected datatype {expected.datatype}, got {tensor.datatype[:16]!r}"
        )
    shape = tensor.shape
    fits = len(shape) == len(expected.shape) and all(
        e in (-1, g) for e, g in zip(expected.shape, shape, strict=True)
    )
    if not fits or len(shape) > MAXIMUM_RANK or any(d < 0 for d in shape):
        raise RequestError(400, f"{where}: expected shape {expected.shape}, got {shape[:16]}")
    data = tensor.data
    if len(shape) > 1 and data and isinstance(data[0], list):
        data = _flat(data, shape, where)
    count = 1
    for dimension in shape:
        count *= dimension
    if len(data) != count:
        raise RequestError(400, f"{where}: shape {shape} needs {count} values, got {len(data)}")
    return _typed(data, tensor.datatype, where).reshape(shape)


def _flat(data: list[Any], shape: list[int], where: str) -> list[Any]:
    for size in shape[1:]:
        if any(not isinstance(row, list) or len(row) != size for row in data):
            raise RequestError(400, f"{where}: the nested lists of data are not of shape {shape}")
        data = [value for row in data for value in row]
    return data


def _typed(data: list[Any], datatype: str, where: str) -> NDArray[Any]:
    kinds = set(map(type, data))
    if datatype == "BYTES":
        if kinds - {str}:
            raise RequestError(400, f"{where}: data of BYTES must be strings")
        return np.array(data, dtype=object)
    if datatype == "BOOL":
        if kinds - {bool}:
            raise RequestError(400, f"{where}: data of BOOL must be true or false")
    elif datatype.startswith("FP"):
        if kinds - {int, float, type(None)}:
            raise RequestError(400, f"{where}: data of {datatype} must be numbers or null")
        if type(None) in kinds:  # a value that is missing
            data = [float("nan") if value is None else value for value in data]
    elif kinds - {int}:
        raise RequestError(400, f"{where}: data of {datatype} must be whole numbers")
    try:
        with np.errstate(over="ignore"):
            return np.array(data, dtype=DTYPES[datatype])
    except (OverflowError, ValueError, TypeError) as error:
        raise RequestError(400, f"{where}: a value does not fit into {datatype}") from error


def encode(
    name: str,
    version: str,
    request_id: str | None,
    tensors: list[tuple[Tensor, NDArray[Any]]],
) -> bytes:
    """Return the body of an answer."""
    answer: dict[str, Any] = {"model_name": name, "model_version": version}
    if request_id is not None:
        answer["id"] = request_id
    answer["outputs"] = [
        {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(values.shape),
            "data": values.ravel().tolist(),
        }
        for tensor, values in tensors
    ]
    return _encoder.encode(answer)


def document(value: Any) -> bytes:
    """Return any plain value as JSON."""
    return _encoder.encode(value)
