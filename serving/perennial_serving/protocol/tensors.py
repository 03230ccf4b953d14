"""What a request's tensors must be, whatever transport they come by."""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perennial_artifact.manifest import Kind, Tensor
from perennial_serving.model import strings
from perennial_serving.model.datatypes import DTYPES
from perennial_serving.model.loaded import Model
from perennial_serving.protocol import columns
from perennial_serving.system.errors import SHOWN, RequestError, wrong

_SIZE = struct.Struct("<I")
DOES_NOT_FIT = (struct.error, OverflowError)
_FORMATS = {
    **{"BOOL": "?", "FP16": "e", "FP32": "f", "FP64": "d"},
    **{"INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q"},
    **{"UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q"},
}


class Unread(Protocol):
    """Values that are read when their tensor is known to be welcome."""

    def read(
        self, name: str, datatype: str, shape: Sequence[int], kind: Kind | None
    ) -> list[Any] | NDArray[Any]:
        """Return values as JSON has them, flat or nested, or an array."""


Given = tuple[str, str, Sequence[int], Unread | list[Any] | NDArray[Any] | None, memoryview | None]
"""One tensor of a request: name, datatype, shape; values; or raw bytes. A plain tuple, for there is
one for each request at least."""


# Where rounding begins to make a number infinite: half a step above the largest.
_LIMITS = {"FP16": 65_504.0 + 2.0**4, "FP32": float(np.finfo(np.float32).max) + 2.0**103}


class Feeds:
    """Turns requests into the inputs of one model."""

    def __init__(self, model: Model, most_rows: int) -> None:
        self._most = most_rows
        kinds = {column.name: column.kind for column in model.columns}
        self._inputs = {t.name: (t, kinds.get(t.name)) for t in model.inputs}
        self._names = ", ".join(self._inputs)
        self._shared = model.shared

    def __call__(self, tensors: Iterable[Given]) -> tuple[dict[str, NDArray[Any]], int]:
        """Return the model's inputs as arrays by name, and the number of rows.

        Raises:
            RequestError: 400, a tensor is missing, unknown, repeated or does not fit.
        """
        arrays: dict[str, NDArray[Any]] = {}
        inputs, rows = self._inputs, 0
        for tensor in tensors:
            name = tensor[0]
            known = inputs.get(name)
            if known is None:
                told = f"input {name[:SHOWN]!r} is unknown: expected {self._names}"
                raise RequestError(400, told, cause="Unknown")
            if name in arrays:
                raise RequestError(400, f"input {name!r} is given twice")
            expected, kind = known
            shape = tensor[2]
            if shape and (shape[0] > self._most or expected.datatype == "BYTES"):
                self._check_count(name, shape, expected.datatype)
            arrays[name] = values = _array(tensor, expected, kind)
            rows = rows or (len(values) if values.ndim else 1)
        if len(arrays) != len(inputs):
            self._fill(arrays, rows)
        for axes in self._shared:
            self._agree(axes, arrays)
        return arrays, rows or 1

    def _check_count(self, name: str, shape: Sequence[int], datatype: str) -> None:
        """Refuse too many rows, or strings, of which each is an object."""
        many, what = shape[0], "rows"
        if datatype == "BYTES" and len(shape) > 1:
            many, what = math.prod(shape), "strings"
        if many > self._most:
            told = f"{many} {what}; at most {self._most} are taken"
            asked = f"input {name!r} has {told}: ask in several requests"
            raise RequestError(400, asked, cause="TooLarge", field=name)

    def _fill(self, arrays: dict[str, NDArray[Any]], rows: int) -> None:
        """Add what was left out, as missing, where the model says that it may be."""
        absent = [known for name, known in self._inputs.items() if name not in arrays]
        needed = [tensor.name for tensor, kind in absent if kind is None or not arrays]
        if needed:
            told = f"input {', '.join(needed)} is missing"
            raise RequestError(400, told, cause="Missing", field=needed[0])
        for tensor, kind in absent:
            assert kind is not None
            arrays[tensor.name] = columns.missing(tensor, kind, rows)

    def _agree(self, axes: Sequence[tuple[str, int]], arrays: dict[str, NDArray[Any]]) -> None:
        first, axis = axes[0]
        size = arrays[first].shape[axis]
        for name, other in axes:
            if arrays[name].shape[other] != size:
                expected = f"{size} in dimension {other} of its shape, as in {first!r}"
                raise wrong(name, expected, str(list(arrays[name].shape)))


def _array(tensor: Given, expected: Tensor, kind: Kind | None) -> NDArray[Any]:
    name, datatype, shape, data, raw = tensor
    if kind is not None:
        if len(shape) == 1 and expected.shape == [-1, 1]:
            shape = [*shape, 1]
        if (
            kind == "Boolean"
            and datatype == "BOOL"
            and raw is None
            and type(data) is not np.ndarray
        ):
            datatype = expected.datatype  # where true, false and null are numbers
        elif datatype != expected.datatype and datatype == columns.ALSO.get(kind):
            own = Tensor(name=name, datatype=datatype, shape=expected.shape)
            values = _array((name, datatype, shape, data, raw), own, kind)
            return columns.converted(name, values, kind)
    if datatype != expected.datatype:
        raise wrong(name, f"datatype {expected.datatype}", repr(datatype[:SHOWN]))
    if len(shape) != len(expected.shape):
        raise wrong(name, f"shape {expected.shape}", f"{len(shape)} dimensions ({_brief(shape)})")
    for wanted, given in zip(expected.shape, shape, strict=True):
        if given < 1 or (wanted != given and wanted != -1):
            raise wrong(name, f"shape {expected.shape} with no dimension of 0", _brief(shape))
    count = math.prod(shape)
    if raw is not None:
        return _from_bytes(name, raw, datatype, count, shape).reshape(shape)
    if data is None:
        raise wrong(name, "data, or binary_data_size among its parameters", "neither")
    if not isinstance(data, list | np.ndarray):
        data = data.read(name, datatype, shape, kind)
    if isinstance(data, list) and len(shape) > 1 and data and type(data[0]) is list:
        data = _flat(name, data, shape)
    if len(data) != count:
        raise wrong(name, f"{count} values for shape {_brief(shape)}", f"{len(data)}")
    if isinstance(data, list):
        data = converted(name, data, datatype, kind)
    elif data.dtype != DTYPES[datatype]:
        data = _narrowed(name, data, datatype)
    return data.reshape(shape)


def converted(name: str, data: list[Any], datatype: str, kind: Kind | None) -> NDArray[Any]:
    """Return values as JSON has them, flat, as an array.

    Raises:
        RequestError: 400, they are not of the datatype.
    """
    return _packed(name, _checked(name, data, datatype, kind), datatype)


def _brief(shape: Sequence[int]) -> str:
    text = str(list(shape[:16]))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _flat(name: str, data: list[Any], shape: Sequence[int]) -> list[Any]:
    for size in shape[1:]:
        for row in data:
            if type(row) is not list or len(row) != size:
                raise wrong(name, f"nested lists of shape {_brief(shape)}", "ragged or other ones")
        data = list(chain.from_iterable(data))
    return data


_NONE = type(None)


def _checked(name: str, data: list[Any], datatype: str, kind: Kind | None) -> list[Any]:
    """Return values of the right kind, NaN for a missing number."""
    kinds = set(map(type, data))
    if kind is not None and (easy := columns.plain(data, kinds, kind, datatype)) is not None:
        data, kinds = easy
    if datatype == "BYTES":
        if kinds != {str}:
            raise wrong(name, "strings in data of BYTES", _kinds(kinds - {str}))
    elif datatype == "BOOL":
        if kinds != {bool}:
            raise wrong(name, "true or false in data of BOOL", _kinds(kinds - {bool}))
    elif datatype[0] == "F":
        if kinds != {float}:
            if kinds - {int, float, _NONE}:
                others = _kinds(kinds - {int, float, _NONE})
                raise wrong(name, f"numbers or null in data of {datatype}", others)
            if _NONE in kinds:  # a value that is missing
                data = [math.nan if value is None else value for value in data]
    elif kinds != {int}:
        raise wrong(name, f"whole numbers in data of {datatype}", _kinds(kinds - {int}))
    return data


def _packed(name: str, data: list[Any], datatype: str) -> NDArray[Any]:
    if datatype == "BYTES":
        return np.array(data, dtype=object)
    try:
        return packed(data, datatype)
    except DOES_NOT_FIT as error:
        raise _does_not_fit(name, datatype) from error


def packed(data: list[Any], datatype: str) -> NDArray[Any]:
    """Return numbers as an array, faster than numpy makes one of a list.

    Raises:
        OverflowError, struct.error: one is too large; numpy would make it infinite.
    """
    return np.frombuffer(_packer(len(data), datatype)(*data), DTYPES[datatype])


@functools.lru_cache(256)
def _packer(count: int, datatype: str) -> Callable[..., bytes]:
    return struct.Struct(f"<{count}{_FORMATS[datatype]}").pack


def _narrowed(name: str, data: NDArray[np.float64], datatype: str) -> NDArray[Any]:
    """Return finite numbers in another precision."""
    limit = _LIMITS[datatype]
    # Where the sum of squares is small, as nearly always, no number is large.
    if not np.vdot(data, data) < limit and not np.abs(data).max() < limit:
        raise _does_not_fit(name, datatype)
    return data.astype(DTYPES[datatype])


def _does_not_fit(name: str, datatype: str) -> RequestError:
    told = f"input {name!r}: a value does not fit into {datatype}"
    return RequestError(400, told, cause="WrongType", field=name)


_JSON_NAMES: dict[type, str] = {
    **{str: "a string", bool: "a boolean", int: "a number", float: "a number"},
    **{list: "a list", dict: "an object", type(None): "null"},
}


def _kinds(kinds: set[type]) -> str:
    return " and ".join(sorted({_JSON_NAMES[kind] for kind in kinds}))


def _from_bytes(
    name: str, raw: memoryview, datatype: str, count: int, shape: Sequence[int]
) -> NDArray[Any]:
    """Return little-endian values as an array that lives as long as the request's body."""
    if datatype == "BYTES":
        return _strings(name, raw, count)
    dtype = DTYPES[datatype]
    if len(raw) != count * dtype.itemsize:
        needed = f"{count * dtype.itemsize} bytes for shape {_brief(shape)} of {datatype}"
        raise wrong(name, needed, f"{len(raw)}")
    values = np.frombuffer(raw, dtype)
    if datatype == "BOOL" and values.view(np.uint8).max(initial=0) > 1:
        raise wrong(name, "bytes of 0 or 1 in data of BOOL", "another byte")
    return values


def _strings(name: str, raw: memoryview, count: int) -> NDArray[Any]:
    """Read strings that each follow their length in 4 bytes; they must be UTF-8, as ONNX's are."""
    found = np.empty(min(count, len(raw) // _SIZE.size), dtype=object)
    with strings.emptied_if_wrong(found):
        _read_strings(name, raw, count, found)
    return found


def _read_strings(name: str, raw: memoryview, count: int, found: NDArray[Any]) -> None:
    values: list[str] = []
    taken = at = 0
    end = len(raw)
    while at < end and taken + len(values) <= count:
        if end - at < 4:
            raise wrong(name, "4 bytes of length before each string", f"{end - at}")
        (size,) = _SIZE.unpack_from(raw, at)
        at += 4
        if size > end - at:
            raise wrong(name, f"a string of {size} bytes, as its length says", f"{end - at}")
        try:
            values.append(str(raw[at : at + size], "utf-8"))
        except UnicodeDecodeError as error:
            raise wrong(name, "strings of UTF-8", "other bytes") from error
        at += size
        if len(values) == strings.AT_ONCE and taken + len(values) <= count:
            found[taken : taken + len(values)] = values
            taken += len(values)
            values = []
    if taken + len(values) != count:
        got = "more" if taken + len(values) > count else f"{taken + len(values)}"
        raise wrong(name, f"{count} strings", got)
    found[taken:] = values


def to_bytes(values: NDArray[Any]) -> bytes:
    """Return values as the binary extension and gRPC's raw contents carry them."""
    if not values.dtype.hasobject:
        return values.tobytes()
    flat, whole = values.ravel(), bytearray()
    for n in range(0, flat.size, strings.AT_ONCE):
        for value in flat[n : n + strings.AT_ONCE]:
            content = value.encode() if isinstance(value, str) else bytes(value)
            whole += _SIZE.pack(len(content))
            whole += content
    return bytes(whole)
