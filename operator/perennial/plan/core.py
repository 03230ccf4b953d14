"""What a decision is made of: the plan, events and conditions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from perennial.api.common import ApiModel, Condition
from perennial.api.values import Json
from perennial.plan.finding import Finding
from perennial.plan.premise import Premise


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


@dataclass(frozen=True)
class Settings:
    """What the chart configures, as far as decisions need it."""

    serving_image: str = "perennial/serving:dev"
    trainer_image: str = "perennial/trainer:dev"
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    pod_user: int | None = 65532
    """User and group of the pods; None leaves them to the cluster, as OpenShift wants it."""
    store_uri: str = ""
    store_secret: str = ""
    """Name, in the object's own namespace, of the default store's Secret."""
    store_denied: Finding | None = None
    """Why that Secret is not in the object's namespace; None: it is."""
    schemes: frozenset[str] = field(default=frozenset({"s3", "gs", "az", "pvc"}))
    cluster_domain: str = "svc"


FIELD_MANAGER = "perennial"
MANAGED_BY = {"app.kubernetes.io/managed-by": "perennial", "app.kubernetes.io/part-of": "perennial"}
REQUEST_ANNOTATION = "perennial.dev/request"
REQUEST_LENGTH = 253


def owner_reference(kind: str, name: str, uid: str) -> Json:
    """Return a controller reference to one of our objects."""
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(child: Json, uid: str) -> bool:
    """Tell whether the child's controller is the object with this uid."""
    references = child.get("metadata", {}).get("ownerReferences", [])
    return any(r.get("controller") and r.get("uid") == uid for r in references)


def request_of(annotations: dict[str, str], handled: str) -> tuple[str, str] | None:
    """Return ``(verb, whole text)`` of a person's request that was not handled yet.

    One that the status cannot hold would be handled at every look: it is none.
    """
    text = annotations.get(REQUEST_ANNOTATION, "")
    if not text or text == handled or len(text) > REQUEST_LENGTH:
        return None
    return text.partition("/")[0], text


def too_long(annotations: dict[str, str]) -> Finding | None:
    """Return why a person's request is refused, None where there is none or it is sound."""
    length = len(annotations.get(REQUEST_ANNOTATION, ""))
    if length <= REQUEST_LENGTH:
        return None
    told = (
        f"the annotation {REQUEST_ANNOTATION} has {length} characters and was not handled; "
        f"{REQUEST_LENGTH} are allowed: write VERB/TOKEN with a short token"
    )
    return Finding("RequestTooLong", told)


def settle(
    present: Iterable[Condition], wanted: Iterable[Condition], generation: int, now: datetime
) -> list[Condition]:
    """Return the conditions to store, in the order of ``wanted``.

    ``lastTransitionTime`` moves only when a status flips; ``observedGeneration`` always follows.
    """
    before = {c.type: c for c in present}
    settled = []
    for condition in wanted:
        old = before.get(condition.type)
        same = old is not None and old.status == condition.status and old.last_transition_time
        since = old.last_transition_time if old is not None and same else now
        settled.append(
            Condition(
                type=condition.type,
                status=condition.status,
                reason=condition.reason,
                message=condition.message,
                last_transition_time=since,
                observed_generation=generation,
            )
        )
    return settled


def with_stall(
    present: Iterable[Condition], wanted: Iterable[Condition], events: tuple[Event, ...]
) -> tuple[Event, ...]:
    """Return the events, and one more where the object stalls now and no other warning tells it."""
    was = any(c.type == "Stalled" and c.status == "True" for c in present)
    now = next((c for c in wanted if c.type == "Stalled" and c.status == "True"), None)
    if now is None or was or any(e.type == "Warning" for e in events):
        return events
    return (*events, Event(now.reason, now.message, "Warning"))


def condition(type: str, status: bool | None, reason: str, message: str = "") -> Condition:
    """Return a condition; ``None`` stands for Unknown."""
    word: Literal["True", "False", "Unknown"] = (
        "Unknown" if status is None else "True" if status else "False"
    )
    return Condition(type=type, status=word, reason=reason, message=message)


def verdict(type: str, status: bool | None, found: Finding) -> Condition:
    """Return a condition with a finding's reason and sentence; ``None`` stands for Unknown."""
    return condition(type, status, found.reason, found.message)
