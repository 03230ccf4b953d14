"""Protobuf's wire format, as far as it takes to see what a message would become.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from perennial_serving.system.errors import RequestError

# Of a ModelInferRequest: the inputs, each with its contents; and of these the shape.
_INPUTS, _CONTENTS, _SHAPE = 5, 5, 3
# Fields that are looked at: more than any model has inputs, outputs and parameters.
MOST = 4096
SMALL = 4096
_SHAPE_BYTES = 16 * 10


def check(message: bytes) -> None:
    """Refuse an infer request of many small parts, each of which would become an object.

    Two bytes are a tensor to protobuf, and hundreds to the heap. Values are not looked at: what
    they become is a few times as large.

    Raises:
        RequestError: 400, it has too many parts.
    """
    if len(message) <= SMALL:
        return
    left = MOST
    pending = [(memoryview(message), True)]
    while pending:
        content, is_request = pending.pop()
        at, end = 0, len(content)
        while at < end:
            left -= 1
            if left < 0:
                raise RequestError(400, f"the request has over {MOST} tensors and parameters")
            try:
                key, at = _varint(content, at)
                start, at = _skip(content, at, key & 7)
            except IndexError:
                return  # protobuf says better what is wrong
            number, size = key >> 3 & 0x1FFF_FFFF, at - start
            if is_request and number == _INPUTS and key & 7 == 2:
                pending.append((content[start:at], False))
            elif not is_request and number == _SHAPE and size > _SHAPE_BYTES:
                raise RequestError(400, "a tensor's shape has over 16 dimensions")


def _skip(content: memoryview, at: int, kind: int) -> tuple[int, int]:
    """Return where a field's value begins and ends.

    Raises:
        IndexError: beyond the message, or of no known kind.
    """
    if kind == 0:
        _, end = _varint(content, at)
    elif kind == 2:
        size, at = _varint(content, at)
        end = at + size
    elif kind in (1, 5):
        end = at + (8 if kind == 1 else 4)
    else:
        raise IndexError
    if end > len(content):
        raise IndexError
    return at, end


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for n in range(10):
        byte = content[at + n]
        value |= (byte & 0x7F) << 7 * n
        if byte < 0x80:
            return value, at + n + 1
    raise IndexError
