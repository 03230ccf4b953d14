"""How many connections a port has, for how long, and which of them go for a new one."""

from __future__ import annotations

from typing import Protocol, TypeVar

LIFE_SECONDS = 300.0
"""How long a connection lives: then its client is asked to make another, which may lead elsewhere.
It is by connections that requests are divided among pods."""
# The part that goes at once where there is one too many, so that looking for it is seldom.
_PART = 64


class Member(Protocol):
    """A connection; ``since`` is when it began to be what it is, on the event loop's clock."""

    @property
    def since(self) -> float: ...  # noqa: D102

    @property
    def is_known(self) -> bool:
        """Whether its client has ever been answered."""

    @property
    def is_busy(self) -> bool:
        """Whether the client waits for us, not we for it."""

    def abort(self) -> None:
        """End at once."""


M = TypeVar("M", bound=Member)


def enter(members: set[M], newcomer: M, most: int) -> None:
    """Add a connection; where it is one too many, those end that do least.

    Those first whose clients have never said a whole request, then those that have been idle or
    waited for their clients, each the longest first. Where all are at work, the newcomer ends.
    """
    members.add(newcomer)
    if len(members) <= most:
        return
    others = [m for m in members if m is not newcomer and not m.is_busy]
    others.sort(key=lambda m: (m.is_known, m.since))
    for member in others[: most // _PART + 1] or [newcomer]:
        members.discard(member)
        member.abort()
