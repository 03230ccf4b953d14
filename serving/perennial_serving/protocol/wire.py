"""Protobuf's wire format, as far as it takes to see what a message would become, and to cut it.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from perennial_serving.protocol.cut import PIECE
from perennial_serving.system.errors import RequestError

# Of a ModelInferRequest: the inputs, each with its contents; and of these the shape. The outputs of
# a ModelInferResponse and their contents have the same numbers.
TENSORS, CONTENTS, _SHAPE = 5, 5, 3
# Fields that are looked at: more than any model has inputs, outputs and parameters.
MOST = 4096
SMALL = 4096
# The field of contents that is not of numbers.
_STRINGS = 8
_SHAPE_BYTES = 16 * 10
_VARINT, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}
_LONGEST_VARINT = 10

Lifted = dict[int, list[memoryview]]
"""Contents by the place of their input."""


def lifted(message: bytes) -> tuple[bytes, Lifted]:
    """Return an infer request without the long contents of its inputs, and these.

    What is left has few parts. A request of many is refused, for each would become an object: two
    bytes are a tensor to protobuf, and hundreds to the heap.

    Raises:
        RequestError: 400, it has too many parts, or is no message.
    """
    if len(message) <= SMALL:
        return message, {}
    whole, left = memoryview(message), [MOST]
    kept: list[bytes | memoryview] = []
    found: Lifted = {}
    at = place = 0
    try:
        for number, kind, begin, start, end in _counted(whole, left):
            if number != TENSORS or kind != _BYTES:
                continue
            rest, contents = _tensor(whole[start:end], left)
            if contents:
                kept += (whole[at:begin], field(TENSORS, rest))
                found[place], at = contents, end
            place += 1
    except IndexError as error:
        told = "the message is no ModelInferRequest: it does not end where its fields do"
        raise RequestError(400, told) from error
    return (b"".join((*kept, whole[at:])), found) if found else (message, found)


def check_parts(message: bytes, nested: int, most: int) -> None:
    """Refuse a message of many parts, those of its fields ``nested`` counted, too.

    Raises:
        RequestError: 400, it has more than ``most``, or is no message.
    """
    if len(message) <= SMALL:
        return
    whole, parts = memoryview(message), 0
    try:
        for number, kind, _, start, end in _fields(whole):
            inner = _fields(whole[start:end]) if (number, kind) == (nested, _BYTES) else ()
            parts += 1
            for _ in inner:
                parts += 1
                if parts > most:
                    break
            if parts > most:
                raise RequestError(400, f"the message has over {most} parts")
    except IndexError as error:
        raise RequestError(400, "the message does not end where its fields do") from error


def _tensor(content: memoryview, left: list[int]) -> tuple[bytes, list[memoryview]]:
    """Return an input without its contents, and these, where they are long."""
    kept: list[memoryview] = []
    contents: list[memoryview] = []
    at = 0
    for number, kind, begin, start, end in _counted(content, left):
        if number == _SHAPE and end - start > _SHAPE_BYTES:
            raise RequestError(400, "a tensor's shape has over 16 dimensions")
        if number == CONTENTS and kind == _BYTES:
            kept.append(content[at:begin])
            contents.append(content[start:end])
            at = end
    if sum(map(len, contents)) <= PIECE:
        return b"", []
    return b"".join((*kept, content[at:])), contents


def _counted(content: memoryview, left: list[int]) -> Iterator[tuple[int, int, int, int, int]]:
    for each in _fields(content):
        left[0] -= 1
        if left[0] < 0:
            raise RequestError(400, f"the request has over {MOST} tensors and parameters")
        yield each


def pieces(content: memoryview, sizes: Mapping[int, int]) -> Iterator[bytes]:
    """Yield messages that together are one whose fields are numbers or bytes.

    ``sizes`` are those of a number, in bytes, in the fields that have such.

    Raises:
        RequestError: 400, it is no message.
    """
    first = at = 0
    try:
        for number, kind, begin, start, end in _fields(content):
            if kind == _BYTES and end - start > PIECE and number != _STRINGS:
                yield bytes(content[first:begin])
                for part in _split(content[start:end], sizes.get(number)):
                    yield field(number, part)
                first = end
            elif end - first >= PIECE:
                yield bytes(content[first:end])
                first = end
            at = end
    except IndexError as error:
        raise RequestError(400, "a tensor's contents do not end where their fields do") from error
    yield bytes(content[first:at])


def _split(numbers: memoryview, size: int | None) -> Iterator[memoryview]:
    """Yield numbers in a row in parts: of a fixed size, or each ending where a byte says so."""
    at = 0
    while at < len(numbers):
        end = min(at + PIECE, len(numbers))
        if size is None:
            longest = min(end + _LONGEST_VARINT, len(numbers))
            while end < longest and numbers[end - 1] & 0x80:
                end += 1
        yield numbers[at:end]
        at = end


def field(number: int, content: bytes | memoryview) -> bytes:
    """Return a field of bytes, or of a message."""
    return b"".join((_written(number << 3 | _BYTES), _written(len(content)), content))


def _fields(content: memoryview) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield each field's number and kind; where it begins, and its value begins and ends.

    Raises:
        IndexError: it goes beyond the message, or is of no known kind.
    """
    at, stop = 0, len(content)
    while at < stop:
        key, start = _varint(content, at)
        kind = key & 7
        if kind == _BYTES:
            size, start = _varint(content, start)
            end = start + size
        elif kind == _VARINT:
            _, end = _varint(content, start)
        elif kind in _FIXED:
            end = start + _FIXED[kind]
        else:
            raise IndexError
        if end > stop:
            raise IndexError
        yield key >> 3 & 0x1FFF_FFFF, kind, at, start, end
        at = end


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    byte = content[at]
    if byte < 0x80:
        return byte, at + 1
    value = 0
    for n in range(_LONGEST_VARINT):
        byte = content[at + n]
        value |= (byte & 0x7F) << 7 * n
        if byte < 0x80:
            return value, at + n + 1
    raise IndexError


def _written(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
