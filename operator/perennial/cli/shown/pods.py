"""Pods of a revision: which are there, and what is the matter with those that are not ready."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.text import Text

from perennial.api.values import Json
from perennial.cli.lenient import at, count, entries, meta, moment, part, text
from perennial.cli.shown.page import Node
from perennial.cli.shown.words import BAD, BUSY, GOOD, REST, Mark, age

MOST = 6
"""Pods that are named; those with troubles come first."""
_STARTING = frozenset({"", "ContainerCreating", "PodInitializing"})
REVISION_LABEL = "perennial.dev/revision"


def of_revision(pods: Iterable[Json], revision: str) -> list[Json]:
    """Return the pods of a revision."""
    return [p for p in pods if part(p, "metadata.labels").get(REVISION_LABEL) == revision]


def nodes(pods: Sequence[Json], now: datetime, blanks: Sequence[str]) -> tuple[Node, ...]:
    """Return a row for each pod: name, state, cells that only a revision has, age."""
    ordered = sorted(pods, key=lambda p: (is_ready(p), meta(p, "name")))
    told = [_node(p, now, blanks) for p in ordered[:MOST]]
    rest = ordered[MOST:]
    if rest:
        unready = sum(1 for p in rest if not is_ready(p))
        words = f"{len(rest)} more, " + (f"{unready} not ready" if unready else "all ready")
        told.append(Node((Text(words, "dim"), "", *blanks, "")))
    return tuple(told)


def _node(pod: Json, now: datetime, blanks: Sequence[str]) -> Node:
    name = Text(meta(pod, "name"), "dim")
    made = moment(at(pod, "metadata.creationTimestamp"))
    return Node((name, pod_state(pod), *blanks, age(made, now)))


def is_ready(pod: Json) -> bool:
    """Tell whether a pod gets requests."""
    if at(pod, "metadata.deletionTimestamp") is not None:
        return False
    conditions = entries(at(pod, "status.conditions"))
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def pod_state(pod: Json) -> Text:
    """Return how a pod stands, in the words that Kubernetes has for it."""
    mark, word = _state(pod)
    restarts = sum(count(c.get("restartCount")) for c in _containers(pod))
    if restarts:
        word += f", {restarts} restart{'' if restarts == 1 else 's'}"
    return mark.before(word)


def _containers(pod: Json) -> list[Json]:
    status = part(pod, "status")
    return entries(status.get("initContainerStatuses")) + entries(status.get("containerStatuses"))


def _state(pod: Json) -> tuple[Mark, str]:
    if at(pod, "metadata.deletionTimestamp") is not None:
        return REST, "ending"
    if is_ready(pod):
        return GOOD, "ready"
    for container in _containers(pod):
        waiting = text(at(container, "state.waiting.reason"))
        if waiting not in _STARTING:
            return BAD, waiting
        ended = part(container, "state.terminated")
        if ended.get("exitCode", 0) != 0:
            return BAD, f"{text(container.get('name'))}: {text(ended.get('reason')) or 'Error'}"
    if reason := text(at(pod, "status.reason")):
        return BAD, reason
    for condition in entries(at(pod, "status.conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return BAD, text(condition.get("reason")) or "not scheduled"
    phase = text(at(pod, "status.phase"))
    return (BAD, phase) if phase in ("Failed", "Unknown") else (BUSY, "starting")
