"""Objects of all kinds at once: what belongs to what, and how each stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from perennial.api.values import Json
from perennial.cli.kinds import DEPLOYMENT, MONITOR, TRAINING, VERSION, called
from perennial.cli.lenient import at, count, meta, moment, text
from perennial.cli.shown.page import Node, flat, page, table
from perennial.cli.shown.state import state_of, summary
from perennial.cli.shown.words import age

HEADERS = ("NAME", "STATE", "WHAT", "AGE")


def overview(objects: Sequence[Json], now: datetime, namespaces: bool) -> RenderableType:
    """Return all objects as trees: a training, its versions, what follows it, what watches that.

    Args:
        objects: of any kinds.
        now: the time.
        namespaces: whether there may be several, each with a heading.
    """
    if not objects:
        return Text("nothing here")
    if not namespaces:
        return table(HEADERS, flat(_trees(objects, now)))
    found: list[RenderableType] = []
    for namespace in sorted({meta(o, "namespace") for o in objects}):
        inside = [o for o in objects if meta(o, "namespace") == namespace]
        found.append(Text(f"namespace {namespace}", "bold"))
        found.append(table(HEADERS, flat(_trees(inside, now))))
    return page(*found)


def plain_list(objects: Sequence[Json], now: datetime, namespaces: bool) -> RenderableType:
    """Return objects of one kind, one below the other."""
    if not objects:
        return Text("nothing here")
    ordered = sorted(objects, key=lambda o: (meta(o, "namespace"), _order(o)))
    rows = [row(o, now) for o in ordered]
    if not namespaces:
        return table(HEADERS, rows)
    named = [(meta(o, "namespace"), *r) for o, r in zip(ordered, rows, strict=True)]
    return table(("NAMESPACE", *HEADERS), named)


def row(body: Json, now: datetime) -> tuple[str | Text, ...]:
    """Return an object's row."""
    state = state_of(body)
    made = moment(at(body, "metadata.creationTimestamp"))
    return called(body), state.mark.before(state.word), summary(body), age(made, now)


def _order(body: Json) -> tuple[str, int, str]:
    """Return what objects are ordered by: versions of a training by their run."""
    training = text(at(body, "spec.source.trainingRef.name"))
    return training, count(at(body, "spec.source.run")), meta(body, "name")


def _trees(objects: Sequence[Json], now: datetime) -> Iterable[Node]:
    """Return a tree for each training, and for what belongs to none."""
    by_kind: dict[str, list[Json]] = {}
    for o in sorted(objects, key=_order):
        by_kind.setdefault(str(o.get("kind")), []).append(o)
    trainings = by_kind.get(TRAINING.kind, [])
    versions, deployments = by_kind.get(VERSION.kind, []), by_kind.get(DEPLOYMENT.kind, [])
    monitors = by_kind.get(MONITOR.kind, [])
    known = {meta(t, "name") for t in trainings}
    served = {meta(d, "name") for d in deployments}

    def followed(d: Json) -> str:
        return text(at(d, "spec.model.trainingRef.name"))

    def of_deployment(d: Json) -> Node:
        name = meta(d, "name")
        watching = [m for m in monitors if text(at(m, "spec.deploymentRef.name")) == name]
        return Node(row(d, now), tuple(Node(row(m, now)) for m in watching))

    for t in trainings:
        name = meta(t, "name")
        below = [
            Node(row(v, now)) for v in versions if at(v, "spec.source.trainingRef.name") == name
        ]
        below += [of_deployment(d) for d in deployments if followed(d) == name]
        yield Node(row(t, now), tuple(below))
    for v in versions:
        if text(at(v, "spec.source.trainingRef.name")) not in known:
            yield Node(row(v, now))
    for d in deployments:
        if followed(d) not in known:
            yield of_deployment(d)
    for m in monitors:
        if text(at(m, "spec.deploymentRef.name")) not in served:
            yield Node(row(m, now))
