"""One infer request from its bytes to its answer, whatever transport it comes by."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, NamedTuple, TypeVar

from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_serving.evidence.tracing import trace_id
from perennial_serving.execution.admission import Admission
from perennial_serving.execution.dataplane import DataPlane
from perennial_serving.execution.scheduler import Outcome, Scheduler
from perennial_serving.model.datatypes import Arrays
from perennial_serving.model.strings import Remains
from perennial_serving.protocol.tensors import Feeds
from perennial_serving.system.budget import SMALL, UNCOUNTED, Budget, Lease
from perennial_serving.system.errors import RequestError, as_request_error
from perennial_serving.system.resources import start_threads

T = TypeVar("T")
Tensors = Sequence[tuple[Tensor, NDArray[Any]]]

# Parsing, writing or compressing more than this takes long enough to be a thread's work.
LARGE_BYTES = 64 * 1024
# What a value costs while it is written: an object, and its digits.
_WRITTEN_BYTES = 64
# What a string costs as an object.
_STRING_BYTES = 64


@dataclass
class Engine:
    """What all requests share."""

    plane: DataPlane
    scheduler: Scheduler
    admission: Admission
    feeds: Feeds
    budget: Budget
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "body"))
    remains: Remains = field(init=False)

    def __post_init__(self) -> None:
        self.remains = Remains(self.threads)

    def start_threads(self) -> None:
        """Start what would else start with the first large body."""
        start_threads(self.threads, 1)

    def off_loop(self, work: Callable[[], T], then: Callable[[T], None], call: Call) -> None:
        """Do work on a thread, then go on with what came of it; an error ends the call."""

        def finished(future: asyncio.Future[T]) -> None:
            # Not raised here: its traceback would hold this frame, which holds the future, which
            # holds the error, and all of them the body that was wrong.
            if (failed := future.exception()) is not None:
                call.end(failed)
                return
            try:
                then(future.result())
            except Exception as error:
                call.end(error)

        loop = asyncio.get_running_loop()
        loop.run_in_executor(self.threads, work).add_done_callback(finished)


class Decoded(NamedTuple):
    """What a request asks for."""

    id: str | None
    feeds: Arrays
    rows: int
    outputs: Sequence[str]


class Call(ABC):
    """An infer request; its methods belong to the event loop's thread unless they say so."""

    __slots__ = (
        *("_asked", "_began", "_decoded", "_ended", "_lease", "_results", "_span"),
        *("_mirrored", "engine"),
    )

    PROTOCOL: ClassVar[str]

    def __init__(self, engine: Engine, mirrored: bool = False) -> None:
        """Take a request; of a mirrored one nobody gets the answer, and nothing else comes of it.

        It is counted and measured as any other.
        """
        self.engine, self._mirrored = engine, mirrored
        self._began = time.monotonic()
        self._decoded: Decoded | None = None
        self._asked: Sequence[Tensor] = ()
        self._span: Any = None
        self._ended = False
        self._lease: Lease | None = None
        self._results: Arrays = {}

    # What a transport adds

    @abstractmethod
    def is_large(self) -> bool:
        """Tell whether decoding takes long enough to be a thread's work."""

    @abstractmethod
    def decode(self) -> Decoded:
        """Return what is asked for; a thread may.

        Raises:
            RequestError: it is wrong.
        """

    @abstractmethod
    def encode(self, tensors: Tensors, request_id: str | None, receipt: str | None) -> Any:
        """Return the answer, with its receipt; a thread may."""

    @abstractmethod
    def answer(self, encoded: Any) -> None:
        """Send the answer."""

    @abstractmethod
    def refuse(self, error: RequestError) -> None:
        """Send an error."""

    @abstractmethod
    def span(self, tracing: Any) -> Any:
        """Start the span of this request."""

    @abstractmethod
    def end_span(self, tracing: Any, span: Any, status: int) -> str | None:
        """End the span; return its trace's id where it is sampled."""

    @abstractmethod
    def header(self, name: str) -> bytes | None:
        """Return a header, by its name in small letters."""

    # What all have in common

    def start(self) -> None:
        """Take the request on."""
        engine = self.engine
        tracing = engine.plane.tracing
        try:
            if tracing is not None:
                self._span = self.span(tracing)
            engine.admission.enter(self._began)
        except RequestError as error:
            self._ended = True
            self._send_error(error)
            return
        try:
            if self.is_large():
                engine.off_loop(self.decode, self._run, self)
            else:
                self._run(self.decode())
        except Exception as error:
            self.end(error)

    def _run(self, decoded: Decoded) -> None:
        self._decoded = decoded
        self._count_bytes(_size(decoded.feeds))
        self._asked = self.engine.plane.asked(decoded.outputs)  # before a run for nothing
        self.engine.scheduler.submit(decoded.feeds, decoded.rows, self._done)

    def _done(self, outcome: Outcome) -> None:
        if isinstance(outcome, RequestError):
            self.end(outcome)
            return
        try:
            self._write(outcome)
        except Exception as error:
            self.end(error)

    def _write(self, results: Arrays) -> None:
        decoded, plane = self._decoded, self.engine.plane
        assert decoded is not None
        self._results = results
        request_id = decoded.id
        if plane.log is not None and not self._mirrored:
            trace = trace_id(self.header("traceparent"))
            request_id = plane.log.note(request_id, trace, decoded.feeds, results, decoded.rows)
        receipt = None
        if plane.receipts is not None:
            given = plane.receipts.give(results, decoded.rows)  # of a copy for its count alone
            receipt = None if self._mirrored else given
        if plane.pairs is not None and (name := self._name()) is not None:
            plane.pairs.keep(name, results, decoded.rows)
        tensors, size = [], 0
        for tensor in self._asked:
            values = results[tensor.name]
            tensors.append((tensor, values))
            size += values.size
        if size * 8 > LARGE_BYTES:
            self._count_bytes(_size(results) + size * _WRITTEN_BYTES)
            work = partial(self.encode, tensors, request_id, receipt)
            self.engine.off_loop(work, self.send, self)
        else:
            self.send(self.encode(tensors, request_id, receipt))

    def _name(self) -> bytes | None:
        """Return what names this request wherever it is sent, None where nothing does."""
        if said := self.header("x-request-id"):
            return said
        if trace := trace_id(self.header("traceparent")):
            return trace.encode()
        own = self._decoded.id if self._decoded is not None else None
        return own.encode() if own else None

    def _count_bytes(self, size: int) -> None:
        """Count what this request holds until it ends.

        Raises:
            RequestError: 503, it does not fit.
        """
        if size > UNCOUNTED:
            if self._lease is None:
                self._lease = Lease(self.engine.budget)
            if not self._lease.grow(size, always=size <= SMALL):
                told = "the server holds all that its memory allows: try again in 1 s, or with "
                raise RequestError(503, f"{told}fewer rows")

    def send(self, encoded: Any) -> None:
        """End with an answer."""
        self._leave()
        self._count(200)
        self.answer(encoded)

    def end(self, error: BaseException) -> None:
        """End with an error."""
        told = as_request_error(error)
        if self._ended:  # what went wrong after the answer is told to nobody else
            return
        self._leave()
        self._send_error(told)

    def _leave(self) -> None:
        self._ended = True
        self.engine.admission.leave()
        if self._lease is not None and self._decoded is not None:  # it may be large
            remains = self.engine.remains
            remains.take(self._decoded.feeds.values(), self._lease)
            remains.take(self._results.values(), self._lease)

    def _send_error(self, error: RequestError) -> None:
        self._count(error.status, error.cause, error.field)
        self.refuse(error)

    def _count(self, status: int, cause: str = "", field: str = "") -> None:
        plane = self.engine.plane
        trace = None
        if plane.tracing is not None:
            trace = self.end_span(plane.tracing, self._span, status)
        plane.metrics.answered(self.PROTOCOL, status, time.monotonic() - self._began, trace)
        usage = plane.usage
        caller = self.header(usage.header) if usage.header else None
        usage.answered(cause, field, caller, time.time())


def _size(arrays: Arrays) -> int:
    """Return the bytes of arrays; those of strings are a guess."""
    size = 0
    for values in arrays.values():
        size += values.size * _STRING_BYTES if values.dtype.hasobject else values.nbytes
    return size
