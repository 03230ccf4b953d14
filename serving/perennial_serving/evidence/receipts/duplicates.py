"""Which outcomes were counted already, in a bounded memory that a pod's processes may share."""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os

_WAYS = 8
_SLOTS = 64 * 1024 // _WAYS
_WIDTH = 8
_LINE = _WAYS * _WIDTH
_NOTHING = bytes(_WIDTH)


class Duplicates:
    """Remembers at least the newest ones of some 65,000 outcomes.

    A table of lines, each of which holds the newest eight that fall into it, as numbers of 64 bits.
    """

    BYTES = _SLOTS * _LINE

    def __init__(self, descriptor: int | None = None) -> None:
        """Begin with the memory behind a file descriptor, which others may share."""
        self._file = memory() if descriptor is None else descriptor
        self._table = mmap.mmap(self._file, self.BYTES)

    def is_new(self, name: bytes) -> bool:
        """Remember a name; tell whether it was not remembered yet."""
        number = hashlib.blake2b(name, digest_size=_WIDTH).digest()
        if number == _NOTHING:
            number = b"\x01" * _WIDTH
        start = int.from_bytes(number[:4], "big") % _SLOTS * _LINE
        # A lock of this process, so that of two at once one is the first.
        fcntl.lockf(self._file, fcntl.LOCK_EX, _LINE, start)
        try:
            line = self._table[start : start + _LINE]
            for at in range(0, _LINE, _WIDTH):
                if line[at : at + _WIDTH] == number:
                    return False
            self._table[start : start + _LINE] = number + line[:-_WIDTH]
            return True
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _LINE, start)


def memory() -> int:
    """Return a file descriptor of memory for it, which a process can hand to its children."""
    descriptor = os.memfd_create("outcomes")
    os.ftruncate(descriptor, Duplicates.BYTES)
    return descriptor
