"""The keys of a deployment, which seal what leaves it and open it when it comes back."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

SEALING = "key"
"""The file whose key seals; the other files' keys open what they sealed before."""
LEAST_BYTES = 32
NONCE = 12
OVERHEAD = NONCE + 16
"""Bytes that sealing adds."""
_MOST_KEYS = 8
_AGAIN_SECONDS = 10.0
_POOL = 4096 * NONCE


class Keys:
    """The keys in a directory, as a Secret is mounted.

    Sealed is authenticated and encrypted (AES-256-GCM-SIV, RFC 8452, with a random nonce): of two
    receipts nobody can tell whether they say the same, or come from the same pod.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._texts = _read(directory)
        self._ciphers = {name: _cipher(text) for name, text in self._texts.items()}
        self._sealing = self._ciphers[SEALING]
        self._looked = time.monotonic()
        self._pool, self._at = b"", 0

    def seal(self, content: bytes) -> bytes:
        """Return content sealed; the first bytes are a number that no other has."""
        at = self._at
        if at == len(self._pool):  # one call of the system for many nonces
            self._pool, at = os.urandom(_POOL), 0
        self._at = at + NONCE
        nonce = self._pool[at : at + NONCE]
        return nonce + self._sealing.encrypt(nonce, content, None)

    def open(self, sealed: bytes) -> bytes | None:
        """Return what was sealed by one of the keys, None where none of them did."""
        if len(sealed) < OVERHEAD:
            return None
        found = _opened(sealed, self._ciphers)
        if found is None and self._is_changed():
            found = _opened(sealed, self._ciphers)
        return found

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


def _cipher(text: bytes) -> AESGCMSIV:
    # Of whatever length and alphabet, as people make keys.
    return AESGCMSIV(hashlib.blake2b(text, digest_size=32, person=b"receipts").digest())


def _opened(sealed: bytes, ciphers: Mapping[str, AESGCMSIV]) -> bytes | None:
    nonce, content = sealed[:NONCE], sealed[NONCE:]
    for cipher in ciphers.values():
        try:
            return cipher.decrypt(nonce, content, None)
        except InvalidTag:
            continue
    return None
