"""What an ONNX file refers to outside itself, found without the onnx package.

Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from perennial_serving.system.errors import ModelInvalid

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
    "Entry": {},
}
_KEY, _VALUE = 1, 2  # of an Entry: strings
_LOCATION = b"location"
# What onnxruntime's own format has behind its first four bytes (a flatbuffer's identifier).
_ORT_FORMAT = b"ORTM"


def check(model: bytes, directory: Path) -> None:
    """Refuse what is not ONNX, and weights in files that are not beside it.

    Raises:
        ModelInvalid: it is no protobuf, or a file lies outside ``directory`` or is not there.
    """
    if model[4:8] == _ORT_FORMAT:
        raise ModelInvalid("the model is in onnxruntime's own format: export it as ONNX")
    # A string's bytes lie together, so this tells, at no cost, that there is no such key.
    if _LOCATION not in model:
        return
    home = directory.resolve()
    for location in locations(model):
        file = (home / location).resolve()
        if not file.is_relative_to(home) or "\0" in location:
            raise ModelInvalid(f"the model's external data {location!r} leaves its directory")
        if not file.is_file():
            raise ModelInvalid(f"the model's external data {location!r} is not in its directory")


def locations(model: bytes) -> set[str]:
    """Return the files that a model's tensors name.

    Raises:
        ModelInvalid: it is no protobuf, or a name is no text.
    """
    from google.protobuf.message import DecodeError

    try:
        return set(_below(_message("Model").FromString(model), "Model"))
    except (DecodeError, UnicodeDecodeError) as error:
        raise ModelInvalid("the model is not an ONNX file, or it is cut short") from error


def _below(message: Any, kind: str) -> Iterator[str]:
    if kind == "Tensor":
        entries = getattr(message, _field(13))
        yield from (e.value.decode() for e in entries if e.key == _LOCATION)
        return
    for number, child in _PATHS[kind].items():
        for value in getattr(message, _field(number)):
            yield from _below(value, child)


def _field(number: int) -> str:
    return f"f{number}"


@cache
def _message(name: str) -> Any:
    """Return the class of a message that has the fields of the table alone.

    With these protobuf itself reads the file, as it does for onnxruntime: what one of them takes
    for a field, the other does too. All fields are repeated: then none that comes twice is lost.
    """
    # Here, since few models keep weights in other files.
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="external", package="external", syntax="proto2")
    many, one = 3, 1  # labels: repeated, optional
    for kind, fields in _PATHS.items():
        message = file.message_type.add(name=kind)
        for number, child in fields.items():
            message.field.add(
                name=_field(number),
                number=number,
                label=many,
                type=11,  # a message
                type_name=f".external.{child}",
            )
        if kind == "Entry":
            for field, number in (("key", _KEY), ("value", _VALUE)):
                message.field.add(name=field, number=number, label=one, type=12)  # bytes
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"external.{name}"))
