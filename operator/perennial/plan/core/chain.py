"""Chains of small checks: the first that finds anything gives the reason."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from perennial.plan.core.finding import Finding

Facts = TypeVar("Facts")


Check = Callable[[Facts], Finding | None]


def first(checks: Sequence[Check[Facts]], facts: Facts) -> Finding | None:
    """Return what the first check finds that finds anything."""
    return next((found for check in checks if (found := check(facts)) is not None), None)
