"""Open Inference Protocol v2, JSON tensors: bytes to arrays and back.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_serving.errors import RequestError
from perennial_serving.model import DTYPES, Model

_SHOWN = 64  # characters of a client's text that an error repeats


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


class Feeds:
    """Turns requests into the inputs of one model."""

    def __init__(self, model: Model) -> None:
        self._inputs = {t.name: t for t in model.inputs}
        self._names = ", ".join(self._inputs)
        self._shared = model.shared

    def __call__(self, request: InferRequest) -> tuple[dict[str, NDArray[Any]], int]:
        """Return the model's inputs as arrays by name, and the number of rows.

        Raises:
            RequestError: 400, a tensor is missing, unknown, repeated or does not fit.
        """
        arrays: dict[str, NDArray[Any]] = {}
        inputs = self._inputs
        # A number too large for its datatype is refused, not turned into infinity.
        with np.errstate(over="raise"):
            for tensor in request.inputs:
                name = tensor.name
                expected = inputs.get(name)
                if expected is None:
                    raise RequestError(
                        400, f"input {name[:_SHOWN]!r} is unknown: expected {self._names}"
                    )
                if name in arrays:
                    raise RequestError(400, f"input {name!r} is given twice")
                arrays[name] = array(tensor, expected)
        if len(arrays) != len(inputs):
            absent = [name for name in inputs if name not in arrays]
            raise RequestError(400, f"input {', '.join(absent)} is missing")
        for axes in self._shared:
            self._agree(axes, arrays)
        shape = next((a.shape for a in arrays.values()), ())
        return arrays, shape[0] if shape else 1

    def _agree(self, axes: Sequence[tuple[str, int]], arrays: dict[str, NDArray[Any]]) -> None:
        first, axis = axes[0]
        size = arrays[first].shape[axis]
        for name, other in axes:
            if arrays[name].shape[other] != size:
                raise RequestError(
                    400,
                    f"input {name!r}: expected {size} in dimension {other} of its shape, as in "
                    f"{first!r}, got {list(arrays[name].shape)}",
                )


def array(tensor: InputTensor, expected: Tensor) -> NDArray[Any]:
    """Return one tensor as an array of the shape it says.

    Raises:
        RequestError: 400, datatype, shape or data do not fit.
    """
    name, datatype, shape = tensor.name, tensor.datatype, tensor.shape
    if datatype != expected.datatype:
        raise _wrong(name, f"datatype {expected.datatype}", repr(datatype[:_SHOWN]))
    if len(shape) != len(expected.shape):
        raise _wrong(name, f"shape {expected.shape}", f"{len(shape)} dimensions ({_brief(shape)})")
    for wanted, given in zip(expected.shape, shape, strict=True):
        if given < 1 or (wanted != given and wanted != -1):
            raise _wrong(name, f"shape {expected.shape} with no dimension of 0", _brief(shape))
    data = tensor.data
    if len(shape) > 1 and data and type(data[0]) is list:
        data = _flat(name, data, shape)
    if len(data) != (count := math.prod(shape)):
        raise _wrong(name, f"{count} values for shape {_brief(shape)}", f"{len(data)}")
    return _typed(name, data, datatype).reshape(shape)


def _wrong(name: str, expected: str, got: str) -> RequestError:
    return RequestError(400, f"input {name!r}: expected {expected}, got {got}")


def _brief(shape: Sequence[int]) -> str:
    text = str(list(shape[:16]))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _flat(name: str, data: list[Any], shape: Sequence[int]) -> list[Any]:
    for size in shape[1:]:
        for row in data:
            if type(row) is not list or len(row) != size:
                raise _wrong(name, f"nested lists of shape {_brief(shape)}", "ragged or other ones")
        data = list(chain.from_iterable(data))
    return data


def _typed(name: str, data: list[Any], datatype: str) -> NDArray[Any]:
    kinds = set(map(type, data))
    if datatype == "BYTES":
        if kinds != {str}:
            raise _wrong(name, "strings in data of BYTES", _kinds(kinds - {str}))
        return np.array(data, dtype=object)
    if datatype == "BOOL":
        if kinds != {bool}:
            raise _wrong(name, "true or false in data of BOOL", _kinds(kinds - {bool}))
    elif datatype[0] == "F":
        if kinds != {float}:
            if kinds - {int, float, type(None)}:
                others = _kinds(kinds - {int, float, type(None)})
                raise _wrong(name, f"numbers or null in data of {datatype}", others)
            if type(None) in kinds:  # a value that is missing
                data = [math.nan if value is None else value for value in data]
    elif kinds != {int}:
        raise _wrong(name, f"whole numbers in data of {datatype}", _kinds(kinds - {int}))
    try:
        return np.array(data, dtype=DTYPES[datatype])
    except (ArithmeticError, ValueError, TypeError) as error:
        raise RequestError(400, f"input {name!r}: a value does not fit into {datatype}") from error


_JSON_NAMES: dict[type, str] = {
    **{str: "a string", bool: "a boolean", int: "a number", float: "a number"},
    **{list: "a list", dict: "an object", type(None): "null"},
}


def _kinds(kinds: set[type]) -> str:
    return " and ".join(sorted({_JSON_NAMES[kind] for kind in kinds}))


def encode(
    name: str,
    version: str,
    request_id: str | None,
    tensors: Sequence[tuple[Tensor, NDArray[Any]]],
) -> bytes:
    """Return the body of an answer; JSON has no NaN and no infinity, so these become null."""
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
