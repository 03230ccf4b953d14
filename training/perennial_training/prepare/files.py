"""Files of a directory in a store: their names, what is in them, a digest over them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from perennial_artifact.store import StoreUnreachable, open_store, unreachable

AT_ONCE = 16
"""Files that are fetched side by side; no more of them are held in memory."""


class Digest:
    """SHA-256 over the names and contents of files, in the order of reading."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()

    def add(self, name: str, content: bytes) -> None:
        """Take a file in."""
        self._whole.update(name.encode() + b"\0" + hashlib.sha256(content).digest())

    def text(self) -> str:
        """Return the digest so far, in hexadecimal."""
        return self._whole.hexdigest()


class Directory:
    """A directory in a store."""

    def __init__(self, uri: str, secret_dir: Path | None) -> None:
        self._uri = uri
        self._store = open_store(uri, secret_dir)

    def names(self, until: datetime | None = None) -> list[str]:
        """Return the sorted names of all files below, relative to the directory.

        ``until`` leaves out what the store took later, by the store's own clock.

        Raises:
            StoreUnreachable: the store does not answer.
        """
        try:
            return sorted(
                str(entry["path"])
                for page in self._pages()
                for entry in page
                if until is None or entry["last_modified"] <= until
            )
        except Exception as error:
            raise unreachable(self._uri, "read", error) from error

    def _pages(self) -> Iterator[Any]:
        import obstore
        from obstore.store import LocalStore

        if not isinstance(self._store, LocalStore):
            yield from obstore.list(self._store)
            return
        top = obstore.list_with_delimiter(self._store)
        yield top["objects"]
        for directory in top["common_prefixes"]:
            if directory != "lost+found":  # the file system's own: none but root may look into it
                yield from obstore.list(self._store, directory)

    def read(self, names: Sequence[str], digest: Digest) -> Iterator[tuple[str, bytes]]:
        """Yield each file's name and content, in the order of the names.

        Raises:
            StoreUnreachable: the store does not answer.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for first in range(0, len(names), AT_ONCE):
                some = names[first : first + AT_ONCE]
                for name, content in zip(some, pool.map(self._get, some), strict=True):
                    digest.add(name, content)
                    yield name, content

    def read_present(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """Yield the same, None for a file that is not there any more.

        Raises:
            StoreUnreachable: the store does not answer.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for first in range(0, len(names), AT_ONCE):
                some = names[first : first + AT_ONCE]
                yield from zip(some, pool.map(self._get_present, some), strict=True)

    def _get_present(self, name: str) -> bytes | None:
        from obstore.exceptions import NotFoundError

        try:
            return self._get(name)
        except StoreUnreachable as error:
            if isinstance(error.__cause__, NotFoundError | FileNotFoundError):
                return None
            raise

    def _get(self, name: str) -> bytes:
        import obstore

        try:
            return bytes(obstore.get(self._store, name).bytes())
        except Exception as error:
            raise unreachable(self._uri, "read", error) from error
