"""What an ONNX file refers to outside itself, found without the onnx package.

Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from perennial_serving.errors import ModelInvalid

# Message -> field number -> message of the field. Only what can lead to a TensorProto.
_PATHS: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
}


def check(model: bytes, directory: Path) -> bool:
    """Return whether a model keeps weights in other files.

    Raises:
        ModelInvalid: it is no protobuf, or a file lies outside ``directory`` or is not there.
    """
    try:
        locations = set(_locations(memoryview(model), "Model"))
    except (ValueError, IndexError, RecursionError) as error:
        raise ModelInvalid("the model is not an ONNX file, or it is cut short") from error
    home = directory.resolve()
    for location in locations:
        file = (home / location).resolve()
        if not file.is_relative_to(home) or "\0" in location:
            raise ModelInvalid(f"the model's external data {location!r} leaves its directory")
        if not file.is_file():
            raise ModelInvalid(f"the model's external data {location!r} is not in its directory")
    return bool(locations)


def _locations(message: memoryview, kind: str) -> Iterator[str]:
    for number, value in _fields(message):
        child = _PATHS[kind].get(number)
        if child == "Entry":
            entry = dict(_fields(value))
            if bytes(entry.get(1, b"")) == b"location":
                yield bytes(entry.get(2, b"")).decode()
        elif child is not None:
            yield from _locations(value, child)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the length-delimited fields of a protobuf message."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        match key & 7:
            case 0:
                _, at = _varint(message, at)
            case 1:
                at += 8
            case 2:
                size, at = _varint(message, at)
                if at + size > end:
                    raise ValueError("a field is longer than its message")
                yield key >> 3, message[at : at + size]
                at += size
            case 5:
                at += 4
            case wire:
                raise ValueError(f"wire type {wire}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
