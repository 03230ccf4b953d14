"""An event loop on a thread of its own: what it answers, no client of the data ports can delay."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

from perennial_serving.transport.listen import HttpPort


class Aside:
    """A port that is served beside the others, until :meth:`stop`."""

    def __init__(self, make: Callable[[], HttpPort], bound: socket.socket) -> None:
        """Serve the port that ``make`` returns, on a bound socket."""
        self._make, self._bound = make, bound
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._began = threading.Event()
        # A daemon, so that the process can end whatever becomes of it.
        self._thread = threading.Thread(target=self._run, name="aside", daemon=True)

    def start(self) -> None:
        """Return when the port listens."""
        self._thread.start()
        self._began.wait()

    def stop(self) -> None:
        """End, and return when it has; this blocks for a second at most."""
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(1.0)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        port = self._make()
        await port.start(self._bound)
        self._began.set()
        await self._ending.wait()
        await port.stop(self._loop.time() + 0.5)
