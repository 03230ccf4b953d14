"""The server's side of the request log: cheap for a request, bounded in memory."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_serving.evidence.feedback import MAXIMUM_ID
from perennial_serving.evidence.metrics import Metrics
from perennial_serving.evidence.requestlog.columns import Column, values
from perennial_serving.evidence.requestlog.settings import LogSettings
from perennial_serving.evidence.requestlog.spool import (
    Feedback,
    Full,
    Header,
    Record,
    Request,
    Spool,
)
from perennial_serving.model.datatypes import Arrays
from perennial_serving.model.loaded import Model
from perennial_serving.system.errors import RequestError
from perennial_serving.system.resources import start_threads

FLUSH_SECONDS = 1.0
PENDING_BYTES = 32 * 1024 * 1024
# What an object costs besides its numbers.
OBJECT_BYTES = 100
_TELL_SECONDS = 10.0


@dataclass(eq=False)
class _Pending:
    """A request or feedback that waits for the thread; ``done``: somebody waits for it."""

    kind: str
    bytes: int
    records: Sequence[Feedback]
    request: tuple[str, float, str | None, int, list[NDArray[Any]]] | None = None
    done: asyncio.Future[str] | None = None
    """Gets what went wrong, or nothing: an error would hold the frame that waits, and so itself."""


class RequestLog:
    """Samples requests and takes feedback; it belongs to the event loop's thread."""

    def __init__(
        self, settings: LogSettings, model: Model, columns: Sequence[Column], metrics: Metrics
    ) -> None:
        """Take what is logged of a model's requests, and where to."""
        header = Header(model.name, model.version, [(c.name, c.datatype, c.wide) for c in columns])
        self._spool = Spool(settings.directory, header, settings.maximum_bytes)
        self._columns, self._sample, self._metrics = columns, settings.sample, metrics
        metrics.with_log()
        self._thread = ThreadPoolExecutor(1, "request-log")
        start_threads(self._thread, 1)
        self._pending: list[_Pending] = []
        self._bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told = float("-inf")
        self._prefix = f"{random.getrandbits(64):016x}"
        self._count = 0

    def note(
        self, given: str | None, trace_id: str | None, feeds: Arrays, results: Arrays, rows: int
    ) -> str:
        """Log a request where the dice say so; return its id, made here where none was given."""
        if given:
            name = given
        else:
            self._count += 1
            name = f"{self._prefix}{self._count:x}"
        if random.random() >= self._sample:
            return name
        columns = [values(c, feeds, results) for c in self._columns]
        size = OBJECT_BYTES * (len(columns) + 4)
        size += sum(a.size * OBJECT_BYTES if a.dtype.hasobject else a.nbytes for a in columns)
        fits = all(a.ndim and len(a) == rows for a in columns) and len(name) <= MAXIMUM_ID
        fits = fits and self._bytes + size <= PENDING_BYTES
        if fits:  # else there may be millions of strings, which take long to look at
            size += sum(sum(map(len, a.ravel().tolist())) for a in columns if a.dtype.hasobject)
        if not fits or self._bytes + size > PENDING_BYTES:
            self._metrics.logged("request", "dropped", 1)
            return name
        # Copies, so that nothing holds on to the request.
        request = (name, time.time(), trace_id, rows, [np.array(a) for a in columns])
        self._add(_Pending("request", size, (), request))
        if self._timer is None and self._writing is None:
            self._later()
        return name

    async def feedback(self, items: Sequence[Feedback]) -> None:
        """Return when feedback is in the spool, where a crash of this process cannot lose it.

        Raises:
            RequestError: 503, there is no room for it.
        """
        size = OBJECT_BYTES * 4 * len(items)
        if self._bytes + size > PENDING_BYTES:
            self._metrics.logged("feedback", "dropped", len(items))
            raise RequestError(503, "too much feedback is on its way: try again in 1 s")
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._add(_Pending("feedback", size, items, done=done))
        self._start()
        if refused := await done:
            raise RequestError(503, refused)

    async def close(self) -> None:
        """Write what is pending and end the present file."""
        while self._writing is not None or self._pending:
            self._start()
            if self._writing is not None:
                await self._writing
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._spool.rotate)
        self._thread.shutdown()

    def _add(self, pending: _Pending) -> None:
        self._pending.append(pending)
        self._bytes += pending.bytes

    def _later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(FLUSH_SECONDS, self._start)

    def _start(self) -> None:
        """Write all that is pending, unless the thread is at it: then it goes with the next."""
        if self._writing is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._writing = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        batch, self._pending = self._pending, []
        size = self._bytes  # counted until it is written
        loop = asyncio.get_running_loop()
        refused = ""
        try:
            used = await loop.run_in_executor(self._thread, self._to_spool, batch)
            self._metrics.spool_bytes = used
        except Exception as error:
            refused = f"the request log cannot be written: {error}"
            self._tell(error)
        finally:
            self._bytes -= size
            self._writing = None
        for pending in batch:
            result = "dropped" if refused else "spooled"
            self._metrics.logged(pending.kind, result, len(pending.records) or 1)
            if pending.done is not None and not pending.done.done():
                pending.done.set_result(refused)
        if any(p.done is not None for p in self._pending):
            self._start()
        elif self._pending or self._spool.is_open:
            self._later()

    def _to_spool(self, batch: Sequence[_Pending]) -> int:
        records: list[Record] = []
        for pending in batch:
            records += pending.records
            if pending.request is not None:
                name, moment, trace_id, rows, columns = pending.request
                records.append(Request(name, moment, trace_id, rows, [_packed(a) for a in columns]))
        return self._spool.write(records)

    def _tell(self, error: Exception) -> None:
        now = time.monotonic()
        if isinstance(error, Full | OSError) and now - self._told < _TELL_SECONDS:
            return
        self._told = now
        print(f"request log: records were dropped: {error}", file=sys.stderr, flush=True)


def _packed(array: NDArray[Any]) -> bytes | list[str]:
    if not array.dtype.hasobject:
        return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return [v if isinstance(v, str) else bytes(v).decode("utf-8", "replace") for v in array.flat]
