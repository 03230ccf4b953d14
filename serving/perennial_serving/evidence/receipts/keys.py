"""The keys of a deployment, which seal what leaves it and open it when it comes back."""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESOCB3

SEALING = "key"
"""The file whose key seals; the other files' keys open what they sealed before."""
LEAST_BYTES = 32
NONCE = 15
OVERHEAD = NONCE + 16
"""Bytes that sealing adds."""
_MOST_KEYS = 8
_AGAIN_SECONDS = 10.0
# Nonces that one call of the system brings: many, but so few that they stay in the nearest cache.
_AT_ONCE = 128
_NONCES = struct.Struct(f"{NONCE}s" * _AT_ONCE)


class Keys:
    """The keys in a directory, as a Secret is mounted.

    Sealed is authenticated and encrypted: AES-256 in OCB3 (RFC 7253) with nonces of 120 random
    bits, of which two of 20 million million are equal once in four thousand million cases. Of two
    receipts nobody can tell whether they say the same, or come from the same pod.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._texts = _read(directory)
        self._ciphers = {name: _cipher(text) for name, text in self._texts.items()}
        self._sealing = self._ciphers[SEALING]
        self.for_pairs = hashlib.blake2b(self._texts[SEALING], person=b"pairs").digest()
        """What the names of requests are hashed with."""
        self._looked = time.monotonic()
        self.seal = _sealing(self._sealing)
        """Returns content sealed, as text."""

    def open(self, text: str) -> tuple[bytes, bytes] | None:
        """Return what was sealed by one of the keys, None where none of them did.

        Before it comes what this text alone has.
        """
        try:
            sealed = bytes.fromhex(text)
        except ValueError:
            return None
        if len(sealed) < OVERHEAD:
            return None
        found = _opened(sealed, self._ciphers)
        if found is None and self._is_changed():
            found = _opened(sealed, self._ciphers)
        return (sealed[:NONCE], found) if found is not None else None

    def _is_changed(self) -> bool:
        """Tell whether the directory has other keys by now, for opening.

        What seals stays the same until the end, so that a rotation is a roll-out like any other.
        """
        now = time.monotonic()
        if now - self._looked < _AGAIN_SECONDS:
            return False
        self._looked = now
        try:
            texts = _read(self._directory)
        except NoKey as error:
            print(f"receipts: {error}; those known before are kept", file=sys.stderr, flush=True)
            return False
        if texts == self._texts:
            return False
        self._texts = texts
        own = {"": self._sealing}
        self._ciphers = own | {name: _cipher(text) for name, text in texts.items()}
        return True


class NoKey(Exception):
    """There is no key to seal with."""


def _read(directory: Path) -> dict[str, bytes]:
    """Return what the files of a directory hold.

    Raises:
        NoKey: the one that seals is not there, or too short.
    """
    found: dict[str, bytes] = {}
    try:
        # Those that begin with a dot are the kubelet's own.
        files = sorted(f for f in directory.iterdir() if not f.name.startswith("."))
        for file in files:
            found[file.name] = file.read_bytes()
    except OSError as error:
        raise NoKey(f"the keys in {directory} cannot be read: {error.strerror}") from error
    long = {name: text for name, text in found.items() if len(text) >= LEAST_BYTES}
    if SEALING not in long:
        told = f"{directory} has no file {SEALING!r} of at least {LEAST_BYTES} bytes"
        raise NoKey(told)
    others = [name for name in long if name != SEALING][: _MOST_KEYS - 1]
    return {name: long[name] for name in (SEALING, *others)}


def _sealing(cipher: AESOCB3) -> Callable[[bytes], str]:
    """Return what seals; it is called for each answer, so it looks up as little as can be."""
    encrypt = cipher.encrypt
    random = iter(partial(os.urandom, _NONCES.size), b"")
    nonces: Iterator[bytes] = chain.from_iterable(map(_NONCES.unpack, random))
    take = nonces.__next__

    def seal(content: bytes) -> str:
        nonce = take()
        sealed: bytes = encrypt(nonce, content, None)
        return (nonce + sealed).hex()

    return seal


def _cipher(text: bytes) -> AESOCB3:
    # Here, so that nobody pays for what is off.
    from cryptography.hazmat.primitives.ciphers.aead import AESOCB3

    # Of whatever length and alphabet, as people make keys.
    return AESOCB3(hashlib.blake2b(text, digest_size=32, person=b"receipts").digest())


def _opened(sealed: bytes, ciphers: Mapping[str, AESOCB3]) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    nonce, content = sealed[:NONCE], sealed[NONCE:]
    for cipher in ciphers.values():
        try:
            return cipher.decrypt(nonce, content, None)
        except InvalidTag:
            continue
    return None
