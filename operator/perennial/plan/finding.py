"""Why something is not as it should be, whose fault that is, and the first of several reasons."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

Blame = Literal["Model", "Cluster", "Store", "User"]
Facts = TypeVar("Facts")


@dataclass(frozen=True)
class Finding:
    """A reason for programs, a sentence that says what to do, and whose fault it is.

    Only the model's faults reject a version; what a user wrote is corrected by the user; the rest
    is waited for.
    """

    reason: str
    message: str = ""
    blame: Blame = "User"
    final: bool = False
    """Waiting cannot help."""


Check = Callable[[Facts], Finding | None]


def first(checks: Sequence[Check[Facts]], facts: Facts) -> Finding | None:
    """Return what the first check finds that finds anything."""
    return next((found for check in checks if (found := check(facts)) is not None), None)
