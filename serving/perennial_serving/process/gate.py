"""Where workers wait for one another: none listens before all have loaded."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable


class Gate:
    """The parent's side. A worker writes a byte when it has loaded, and reads until the end."""

    def __init__(self) -> None:
        self._loaded, self._told = os.pipe()
        self._waiting, self._held = os.pipe()
        self.is_open = False

    @property
    def descriptors(self) -> tuple[int, int]:
        """The file descriptors for a worker: see :func:`pass_through`."""
        return self._told, self._waiting

    async def wait(self, count: int) -> None:
        """Return when so many workers have loaded."""
        loop = asyncio.get_running_loop()
        come = asyncio.Event()
        loop.add_reader(self._loaded, come.set)
        try:
            while count > 0:
                await come.wait()
                come.clear()
                count -= len(os.read(self._loaded, count))
        finally:
            loop.remove_reader(self._loaded)

    def open(self) -> None:
        """Let all through."""
        self.is_open = True
        os.close(self._held)


def pass_through(told: int, waiting: int) -> Callable[[], None]:
    """Return what a worker calls when it has loaded; it returns when the gate is open."""

    def wait() -> None:
        os.write(told, b".")
        os.read(waiting, 1)  # nothing: it ends when the parent lets go of the other side

    return wait
