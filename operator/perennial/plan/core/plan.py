"""What is decided: writes in their order, the status, events, and when to look again."""

from dataclasses import dataclass
from typing import Literal

from perennial.api.common import ApiModel
from perennial.api.values import Json
from perennial.plan.core.premise import Premise


@dataclass(frozen=True)
class Event:
    """A Kubernetes Event for the planned object, written after its status."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


@dataclass(frozen=True)
class Deletion:
    """A child to delete; ``uid`` guards against deleting a namesake.

    ``version``, its resourceVersion, guards against deleting what has changed since it was seen.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    version: str = ""

    @classmethod
    def of(cls, live: Json) -> "Deletion":
        """Return the deletion of an object as it was seen, and of nothing else."""
        meta = live["metadata"]
        seen = (meta["namespace"], meta["name"], meta["uid"], meta["resourceVersion"])
        return cls(live["apiVersion"], live["kind"], *seen)


@dataclass(frozen=True)
class Plan:
    """What to do, in this order: create, apply, delete, write the status, tell, come back later.

    A refused write is told in the status, and the others still happen: none may rely on one of the
    same pass. Order within ``apply`` is kept. A decision that must be recorded before its effects
    (weight 0, then ``rejected``, then scale down) is made over several passes: a status change
    wakes the object.
    """

    create: tuple[Json, ...] = ()
    """Records: made where they are absent, and never changed."""
    apply: tuple[Json, ...] = ()
    premise: Premise | None = None
    """What lets a write, or a deletion, take capacity away."""
    delete: tuple[Deletion, ...] = ()
    status: ApiModel | None = None
    may_wait: bool = False
    """Whether the status tells nothing new that cannot be found again: then it is not written."""
    events: tuple[Event, ...] = ()
    requeue_after: float | None = None
    """Seconds until the object is looked at again without any event; None: when woken."""
