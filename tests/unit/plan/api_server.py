"""How the worlds of the simulators take writes: whole, refused, or never, since the writer died."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from perennial.cluster.client import WriteRefused
from perennial.plan.core import refusal


class Killed(BaseException):
    """The operator was killed between two writes."""


@dataclass(frozen=True)
class Refusal:
    """What the API server says instead of writing."""

    status: int
    message: str

    def error(self, what: str) -> WriteRefused:
        return WriteRefused(refusal.Refusal(what, self.status, self.message))


def driven(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("a simulator is not to wait")
