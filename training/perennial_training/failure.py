"""Every way in which a candidate can fail, as a word, a sentence, and whether to try again."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from perennial_artifact.result import Failure
from perennial_artifact.store import ArtifactError, StoreUnreachable

LONGEST = 1024


class TrainingFailure(Exception):
    """What no other try can help; ``reason`` is a word for programs, the text says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Stopped(BaseException):
    """The pod is asked to end; no Exception, so that nothing on the way takes it for a fault."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise Stopped where the pod is asked to end, so that it is told why there is no result."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def failure_of(error: BaseException) -> Failure:
    """Return what a fault means for whoever reads the status."""
    reason, message, retry = _told(error)
    return Failure(reason=reason, message=message[:LONGEST], retry=retry)


def _told(error: BaseException) -> tuple[str, str, bool]:
    if isinstance(error, TrainingFailure | ArtifactError):
        return error.reason, str(error), isinstance(error, StoreUnreachable)
    if isinstance(error, Stopped):
        return (
            "Stopped",
            "the pod was asked to end before the candidate was ready: the run is over "
            "spec.job.activeDeadline, or the node is being emptied",
            True,
        )
    if isinstance(error, MemoryError):
        return (
            "OutOfMemory",
            "there is not enough memory: raise spec.job.resources.limits.memory, or learn from "
            "fewer rows or a smaller model",
            False,
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            "DiskFull",
            f"the pod's disk is full ({error}): raise the limit of its ephemeral storage, or learn "
            "from fewer rows",
            True,
        )
    first = (str(error).splitlines() or [""])[0]
    return (
        "TrainerFault",
        f"{type(error).__name__}: {first[:512]} (a fault of the trainer, which another try will "
        "not help; its log has the traceback: please report it)",
        False,
    )
