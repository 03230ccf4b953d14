"""The fields of a header block (RFC 7541), with the table and the Huffman code of ``hpack``.

Its own decoder makes objects, slices and lines for a log of each field, which is most of what a
call costs whose headers are new, as with a trace's number in them. A test reads with both.
"""

from __future__ import annotations

from hpack.exceptions import HPACKDecodingError, InvalidTableSizeError, OversizedHeaderListError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

# What a field weighs beside its bytes (section 4.1).
_OVERHEAD = 32
_LARGEST_SHIFT = 28


class Fields:
    """The blocks of one connection in the order of their arrival."""

    def __init__(self, limit: int) -> None:
        """Take the most that the fields of one block may weigh, in bytes."""
        self._limit = limit
        self._table = HeaderTable()
        self._most = self._table.maxsize
        self.changes = 0
        """How often the table was changed: the same bytes mean something else since."""

    def read(self, block: bytes) -> tuple[list[tuple[bytes, bytes]], int]:
        """Return names and values, and what they weigh, in bytes (RFC 9113, section 6.5.2).

        Raises:
            OversizedHeaderListError: they weigh too much.
            HPACKError: the block does not decode, so that none after it can.
        """
        try:
            return self._read(block)
        except IndexError as error:
            raise HPACKDecodingError("the block ends within a field") from error

    def _read(self, block: bytes) -> tuple[list[tuple[bytes, bytes]], int]:
        found: list[tuple[bytes, bytes]] = []
        at = weight = 0
        while at < len(block):
            first = block[at]
            if first & 0x80:  # section 6.1
                index, at = _integer(block, at, 0x7F)
                name, value = self._table.get_by_index(index)
            elif first & 0xE0 == 0x20:  # section 6.3
                if found:  # section 4.2
                    raise HPACKDecodingError("the table's size changes after a field")
                at = self._resize(block, at)
                continue
            else:  # section 6.2
                adds = first & 0x40
                index, at = _integer(block, at, 0x3F if adds else 0x0F)
                if index:
                    name = self._table.get_by_index(index)[0]
                else:
                    name, at = _string(block, at)
                value, at = _string(block, at)
                if adds:
                    self._table.add(name, value)
                    self.changes += 1
            weight += _OVERHEAD + len(name) + len(value)
            if weight > self._limit:
                raise OversizedHeaderListError(f"the fields weigh more than {self._limit} bytes")
            found.append((name, value))
        return found, weight

    def _resize(self, block: bytes, at: int) -> int:
        size, at = _integer(block, at, 0x1F)
        if size > self._most:
            raise InvalidTableSizeError(f"the table has {self._most} bytes at most")
        self._table.maxsize = size
        self.changes += 1
        return at


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """Return an integer that begins in the masked bits of a byte, and its end (section 5.1)."""
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    shift = 0
    while True:
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > _LARGEST_SHIFT:
            raise HPACKDecodingError("an integer has more bytes than any that means something")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """Return a string and its end (section 5.2)."""
    is_coded = block[at] & 0x80
    size, at = _integer(block, at, 0x7F)
    text = block[at : at + size]
    if len(text) < size:
        raise HPACKDecodingError("the block ends within a string")
    return bytes(decode_huffman(text)) if is_coded else text, at + size
