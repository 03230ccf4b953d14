"""Typed contents of tensors over gRPC: read and written, the long ones in pieces.

Protobuf reads a message in one go, and holds the interpreter's lock while it does; but parts of a
message, one after another, mean the same as the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from perennial_artifact.manifest import Kind
from perennial_serving.model import strings
from perennial_serving.model.datatypes import DTYPES
from perennial_serving.protocol import inference_pb2 as pb
from perennial_serving.protocol import wire
from perennial_serving.protocol.lists import AT_ONCE
from perennial_serving.system.errors import wrong

# The field of typed contents that carries each datatype; FP16 has none, it is always raw.
FIELDS: dict[str, str] = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
# Bytes of one number of a fixed size, by the field's number.
_SIZES = {6: 4, 7: 8}


def read(name: str, datatype: str, contents: Any) -> NDArray[Any] | None:
    """Return the values of a message of contents, flat, None where it has none.

    Raises:
        RequestError: 400, they are of another datatype.
    """
    fields = contents.ListFields()
    if not fields:
        return None
    wanted = FIELDS.get(datatype, "")
    others = [field.name for field, _ in fields if field.name != wanted]
    if others:
        raise wrong(name, f"data of {datatype[:64]} in {wanted or 'raw contents'}", others[0])
    return _array(name, datatype, fields[0][1])


def _array(name: str, datatype: str, values: Any) -> NDArray[Any]:
    if datatype == "BYTES":
        try:
            return np.array([str(value, "utf-8") for value in values], dtype=object)
        except UnicodeDecodeError as error:
            raise wrong(name, "strings of UTF-8", "other bytes") from error
    found = np.array(values)
    dtype = DTYPES[datatype]
    if dtype.kind in "iu" and dtype.itemsize < 4:
        limits = np.iinfo(dtype)
        if found.min() < limits.min or found.max() > limits.max:
            raise wrong(name, f"values of {datatype}", "one that does not fit")
    return found.astype(dtype, copy=False)


class Typed:
    """Long contents, which are read once it is known how many values there are to be."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[memoryview]) -> None:
        self._parts = parts

    def read(
        self, name: str, datatype: str, shape: Sequence[int], kind: Kind | None = None
    ) -> NDArray[Any]:
        """Return the values, flat.

        Raises:
            RequestError: 400, they are not as many as the shape says, or of another datatype.
        """
        count, taken = math.prod(shape), 0
        told = f"{count} values for shape {list(shape)}"
        if count > sum(map(len, self._parts)):  # each has a byte
            raise wrong(name, told, "fewer")
        values = np.empty(count, DTYPES[datatype])
        with strings.emptied_if_wrong(values):
            for found in self._read(name, datatype):
                if len(found) > count - taken:
                    raise wrong(name, told, "more")
                values[taken : taken + len(found)] = found
                taken += len(found)
            if taken < count:
                raise wrong(name, told, "fewer")
        return values

    def _read(self, name: str, datatype: str) -> Iterator[NDArray[Any]]:
        for part in self._parts:
            for piece in wire.pieces(part, _SIZES):
                try:
                    found = read(name, datatype, pb.InferTensorContents.FromString(piece))
                except DecodeError as error:
                    raise wrong(name, "contents that are protobuf", str(error)) from error
                if found is not None:
                    yield found


def fill(contents: Any, datatype: str, values: NDArray[Any]) -> None:
    """Put values into a message of contents."""
    flat = values.ravel().tolist()
    if datatype == "BYTES":
        flat = [value.encode() if isinstance(value, str) else value for value in flat]
    getattr(contents, FIELDS[datatype]).extend(flat)


def parts(datatype: str, values: NDArray[Any]) -> Iterator[bytes]:
    """Yield messages of contents that together are those of all values."""
    flat = values.ravel()
    for n in range(0, flat.size, AT_ONCE):
        contents = pb.InferTensorContents()
        fill(contents, datatype, flat[n : n + AT_ONCE])
        yield bytes(contents.SerializeToString())
