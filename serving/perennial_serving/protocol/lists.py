"""Lists of values in JSON, read and written, the long ones in pieces.

What holds the interpreter's lock stops the event loop, on whatever thread it is. So nothing here
hands more than a piece, of what may be millions of values, to what does not let go of the lock.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import mul
from typing import Any

import msgspec
import numpy as np
import simdjson
from numpy.typing import NDArray

from perennial_artifact.manifest import Kind
from perennial_serving.model import strings
from perennial_serving.model.datatypes import DTYPES
from perennial_serving.protocol.cut import (
    NUMBERS_PIECE,
    PIECE,
    SHORT,
    STRING,
    STRINGS,
    STRINGS_OR_BRACKETS,
    Content,
    end_of_string,
    occurrences,
)
from perennial_serving.protocol.tensors import DOES_NOT_FIT, converted, packed
from perennial_serving.system.errors import RequestError, wrong

# As many values take as long to be written.
AT_ONCE = strings.AT_ONCE

_lists = msgspec.json.Decoder(list[Any])
_floats = msgspec.json.Decoder(list[float])
_encoder = msgspec.json.Encoder()
_of_thread = threading.local()
_FLOATS = ("FP32", "FP64", "FP16")
_ITEMS = re.compile(rb'(?:(?:[^",]++|' + STRING + rb")*+,)++", re.DOTALL)
_NO_SKELETON = bytes(set(range(256)) - set(b"[],"))
_OPEN, _CLOSE = b"[]"
# What programs write for numbers that JSON does not have (RFC 8259, section 6).
_NO_NUMBER = re.compile(rb"[\[:,\s](-?(?:NaN|nan|Infinity|inf))[\],}\s]")
_NO_NUMBERS = (TypeError, ValueError, RuntimeError, *DOES_NOT_FIT)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_WHERE = re.compile(r" \(byte \d+\)")


def advice(content: Content) -> str:
    """Return what to write for what programs write, but JSON does not have."""
    for at in range(0, len(content), PIECE):
        found = _NO_NUMBER.search(content, max(0, at - 16), at + PIECE)
        if found is not None:
            return f"; JSON has no {found[1].decode()}: write null for a number that is missing"
    return ""


class Listed:
    """What a tensor's JSON lists, to be read once it is known how many values there are to be."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(
        self, name: str, datatype: str, shape: Sequence[int], kind: Kind | None = None
    ) -> list[Any] | NDArray[Any]:
        """Return the values, flat or nested; numbers in a row become no objects on their way.

        Raises:
            RequestError: 400, they are no list, or many more than the shape says.
        """
        content = self._content
        is_float, is_flat = datatype in _FLOATS, content.rfind(b"[") == 0
        try:
            if is_float and is_flat and len(content) <= SHORT:
                return packed(_floats.decode(content), datatype)
            if is_float and is_flat and len(content) <= NUMBERS_PIECE:
                return _array(content)
        except _NO_NUMBERS:
            pass  # with a null, beyond 64 bits, or wrong
        if len(content) > SHORT and datatype != "BYTES":
            _check_size(name, content, shape)
            numbers = _without_brackets(content, shape) if is_float else None
            if numbers is not None:
                try:
                    return _numbers(numbers, math.prod(shape))
                except _NO_NUMBERS:
                    pass
        if len(content) > PIECE and content[0] == _OPEN:
            return _in_pieces(name, content, datatype, shape, kind)
        try:
            return _lists.decode(content)
        except UNREADABLE as error:
            raise _no_list(name, content, error) from error


def _no_list(name: str, content: bytes, error: Exception) -> RequestError:
    return wrong(name, "a list of values in data", f"{error}{advice(content)}")


def _check_size(name: str, content: bytes, shape: Sequence[int]) -> None:
    """Refuse what has other than a shape's values, or more lists: each would become an object."""
    count, lists = math.prod(shape), sum(accumulate(shape[:-1], mul, initial=1))
    commas = occurrences(content, b",")  # between values, or lists of them, there is one each
    if commas != count - 1:
        raise _miscounted(name, shape, commas >= count)
    if occurrences(content, b"[") > lists:
        raise wrong(name, f"nested lists of shape {list(shape)}", "more of them")


def _miscounted(name: str, shape: Sequence[int], more: bool) -> RequestError:
    expected = f"{math.prod(shape)} values for shape {list(shape)}"
    return wrong(name, expected, "more" if more else "fewer")


def _without_brackets(content: bytes, shape: Sequence[int]) -> bytes | None:
    """Return what stands between all brackets, None where these are not as the shape says."""
    if content.rfind(b"[") == 0:
        return content[1:-1]
    if _translated(content, _NO_SKELETON) != _skeleton(shape):
        return None
    return _translated(content, b"[]")


def _skeleton(shape: Sequence[int]) -> bytes:
    """Return the brackets and commas of nested lists."""
    skeleton = b""
    for size in reversed(shape):
        skeleton = b"[%s]" % ((skeleton + b",") * size)[:-1]
    return skeleton


def _translated(content: bytes, without: bytes) -> bytes:
    starts = range(0, len(content), NUMBERS_PIECE)
    pieces = (content[at : at + NUMBERS_PIECE] for at in starts)
    return b"".join(piece.translate(None, without) for piece in pieces)


def _numbers(content: bytes, count: int) -> NDArray[np.float64]:
    """Read numbers between commas.

    Raises:
        ValueError, RuntimeError: they are not so many numbers.
    """
    found = np.empty(count)
    at = first = 0
    while at < len(content):
        end = content.find(b",", at + NUMBERS_PIECE)
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


def _in_pieces(
    name: str, content: bytes, datatype: str, shape: Sequence[int], kind: Kind | None
) -> NDArray[Any]:
    """Read values of any kind, as many at a time as become objects in a moment."""
    count, taken = math.prod(shape), 0
    if 2 * count > len(content):  # each has a character, and another one before it
        raise _miscounted(name, shape, False)
    values = np.empty(count, DTYPES[datatype])
    with strings.emptied_if_wrong(values):
        for text in _flattened(name, content, shape):
            try:
                objects = _lists.decode(b"[%s]" % text)
            except UNREADABLE as error:
                told = _WHERE.sub("", str(error))
                raise _no_list(name, text, ValueError(told)) from error
            part = converted(name, objects, datatype, kind)
            if len(part) > count - taken:
                raise _miscounted(name, shape, True)
            values[taken : taken + len(part)] = part
            taken += len(part)
        if taken < count:
            raise _miscounted(name, shape, False)
    return values


def _flattened(name: str, content: bytes, shape: Sequence[int]) -> Iterator[bytes]:
    """Yield what stands between the brackets of a list, flat or nested, in pieces."""
    at, stop = 1, len(content) - 1
    is_plain = content.rfind(b"[") == 0 and content.find(b"]") == stop
    skeletons = [b"["]
    while True:
        end = _end_of_piece(content, at, stop)
        text = content[at:end]
        if not is_plain:
            skeleton = STRINGS.sub(b"", text).translate(None, _NO_SKELETON)
            skeletons.append(skeleton)
            plain = text.translate(None, b"[]")
            if len(text) - len(plain) == len(skeleton) - skeleton.count(b","):
                text = plain
            else:  # there are brackets in strings
                text = STRINGS_OR_BRACKETS.sub(rb"\1", text)
        at = end
        if end == stop:
            break
        yield text[:-1]  # without its last comma
    if not text.strip() or content[stop] != _CLOSE:
        raise wrong(name, "a list of values in data", "a list that is cut short")
    if not is_plain:
        skeleton = b"".join((*skeletons, b"]"))
        if skeleton not in (_skeleton(shape), _skeleton([math.prod(shape)])):
            raise wrong(name, f"nested lists of shape {list(shape)}", "ragged or other ones")
    yield text


def _end_of_piece(content: bytes, at: int, stop: int) -> int:
    """Return the place after a comma outside of strings, about a piece further, or the stop."""
    if at + PIECE >= stop:
        return stop
    if (found := _ITEMS.match(content, at, at + PIECE)) is not None:
        return found.end()
    # One long value. What follows it but a comma is wrong, and told as soon as it is read.
    comma = content.find(b",", at, stop)
    quote = content.find(b'"', at, stop if comma < 0 else comma)
    if quote >= 0:
        comma = content.find(b",", end_of_string(content, quote, stop), stop)
    return stop if comma < 0 else comma + 1


def written(values: NDArray[Any]) -> Any:
    """Return values, flat, as what becomes a list in JSON; NaN and infinities become null."""
    flat = values if values.ndim == 1 else values.ravel()
    if flat.size <= AT_ONCE:
        return flat.tolist()
    parts = (flat[n : n + AT_ONCE].tolist() for n in range(0, flat.size, AT_ONCE))
    return msgspec.Raw(b"[%s]" % b",".join(_encoder.encode(part)[1:-1] for part in parts))
