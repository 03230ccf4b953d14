"""Arrays of many strings, let go of some at a time.

Each string is an object. To free a million takes the interpreter's lock for some 70 ms, on whatever
thread that is, and nothing is answered meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import Any

from numpy.typing import NDArray

from perennial_serving.system.budget import Lease

AT_ONCE = 8192
"""How many strings are made, moved or freed in one go: a millisecond or less."""
_SOON_SECONDS = 0.02
# The references to an array that only we hold: our own, and that of the function that counts.
_OURS = 2


def empty(array: NDArray[Any]) -> None:
    """Let go of an array's strings; nobody else looks at it any more."""
    flat = array.reshape(-1)
    for first in range(0, flat.size, AT_ONCE):
        flat[first : first + AT_ONCE] = None


@contextlib.contextmanager
def emptied_if_wrong(array: NDArray[Any]) -> Iterator[None]:
    """Empty an array that is being filled where that fails: nobody gets it."""
    try:
        yield
    except BaseException:
        if array.dtype.hasobject:
            empty(array)
        raise


class Remains:
    """Holds arrays of many strings until nobody else does, and then empties them on a thread.

    So it does not matter who else still looks at them, nor who would have been the last to. It
    belongs to the event loop's thread.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._held: dict[int, NDArray[Any]] = {}  # each once, by its identity
        self._leases: dict[int, list[Lease | None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def take(self, arrays: Iterable[NDArray[Any]], lease: Lease | None) -> None:
        """Take arrays whose bytes a lease counts; those of few strings, or of numbers, just go."""
        for array in arrays:
            if array.dtype.hasobject and array.size > AT_ONCE:
                owner = _owner(array)
                self._held[id(owner)] = owner
                self._leases.setdefault(id(owner), []).append(lease)
        self._look_soon()

    def _look_soon(self) -> None:
        if self._held and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SOON_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        for key in list(self._held):
            if sys.getrefcount(self._held[key]) <= _OURS:
                self._threads.submit(_empty, self._held.pop(key), self._leases.pop(key))
        self._look_soon()


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array whose strings others, as views, share."""
    while array.base is not None:
        array = array.base
    return array


def _empty(array: NDArray[Any], leases: list[Lease | None]) -> None:
    """Empty an array, which counts as long as this takes."""
    empty(array)
