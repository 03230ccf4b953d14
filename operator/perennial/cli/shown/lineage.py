"""Where a model came from and where it went, from the dataset to the monitors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text

from perennial.api.values import Json
from perennial.cli import reading
from perennial.cli.kinds import DEPLOYMENT, MONITOR, TRAINING, VERSION, called, kind_of
from perennial.cli.lenient import at, count, entries, meta, part, text
from perennial.cli.shown.decided import outcome_in
from perennial.cli.shown.page import Node, flat, table
from perennial.cli.shown.state import state_of
from perennial.cli.shown.training import dataset, metric


@dataclass(frozen=True)
class Objects:
    """All objects of one namespace."""

    all: Sequence[Json]

    def of(self, kind: str) -> list[Json]:
        """Return those of a kind, by name."""
        return sorted((o for o in self.all if o.get("kind") == kind), key=lambda o: meta(o, "name"))

    @property
    def versions(self) -> list[Json]:
        """Return the versions, by training and run."""

        def order(v: Json) -> tuple[str, int]:
            return training_of(v), count(at(v, "spec.source.run"))

        return sorted(self.of(VERSION.kind), key=order)

    def training(self, name: str) -> Json | None:
        """Return a training, None where it is gone."""
        return next((t for t in self.of(TRAINING.kind) if meta(t, "name") == name), None)

    def monitors_of(self, deployment: str) -> list[Json]:
        """Return what watches a deployment."""
        found = self.of(MONITOR.kind)
        return [m for m in found if at(m, "spec.deploymentRef.name") == deployment]


def training_of(version: Json) -> str:
    """Return the name of the training that a version came of; empty where it was imported."""
    return text(at(version, "spec.source.trainingRef.name"))


def served_by(deployment: Json) -> dict[str, str]:
    """Return the versions that a deployment serves or rolled back, with their part in it."""
    view = reading.read(deployment)
    parts = {r.version: f"rolled back, {r.reason}" for r in view.rejected if r.version}
    parts |= {r.version: r.role for r in view.revisions if r.version}
    return parts


def lineage(about: Json, objects: Objects) -> RenderableType:
    """Return the way of the models that have to do with an object.

    Args:
        about: the object.
        objects: all of its namespace.
    """
    chosen = _versions(about, objects)
    if not chosen:
        return Text(f"nothing is known to have come of {called(about)} or to have led to it yet")
    roots: dict[tuple[str, str], list[Json]] = {}
    for v in chosen:
        record = part(v, "spec.dataset")
        roots.setdefault((text(record.get("uri")), text(record.get("sha256"))), []).append(v)
    found = [_dataset(versions, about, objects) for versions in roots.values()]
    return table(("LINEAGE", "WHAT"), flat(found))


def _versions(about: Json, objects: Objects) -> list[Json]:
    """Return the versions that have to do with an object."""
    kind, name = kind_of(about), meta(about, "name")
    if kind == VERSION:
        return [about]
    if kind == TRAINING:
        return [v for v in objects.versions if training_of(v) == name]
    if kind == MONITOR:
        name = text(at(about, "spec.deploymentRef.name"))
    names: set[str] = set()
    for d in objects.of(DEPLOYMENT.kind):
        if meta(d, "name") == name:
            names |= set(served_by(d))
    return [v for v in objects.versions if meta(v, "name") in names]


def _dataset(versions: Sequence[Json], about: Json, objects: Objects) -> Node:
    """Return rows, and what came of them."""
    record = part(versions[0], "spec.dataset")
    named = text(record.get("uri"))
    title = Text.assemble(("dataset", "bold"), f" {text(record.get('sha256'))[:12]}".rstrip())
    if not named:
        title = Text("elsewhere", "bold")
    by_training: dict[str, list[Json]] = {}
    for v in versions:
        by_training.setdefault(training_of(v), []).append(v)
    below: list[Node] = []
    for name, made in by_training.items():
        nodes = [_version(v, about, objects) for v in made]
        below += [_training(name, made, nodes, objects)] if name else nodes
    return Node((title, dataset(record) if named else "imported"), tuple(below))


def _training(name: str, versions: Sequence[Json], nodes: Sequence[Node], objects: Objects) -> Node:
    """Return a training with a run for each version."""
    body = objects.training(name)
    known: dict[int, Json] = {}
    for told in (at(body, "status.lastRun"), at(body, "status.run")):
        if isinstance(told, dict):
            known.setdefault(count(told.get("number")), {}).update(told)
    runs = []
    for v, node in zip(versions, nodes, strict=True):
        number = count(at(v, "spec.source.run"))
        told = known.get(number, {})
        why = ", ".join(t for t in (text(told.get("trigger")), text(told.get("reason"))) if t)
        candidate = text(at(v, "spec.source.candidate"))
        runs.append(Node((f"run {number}", why or f"candidate {candidate}"), (node,)))
    gone = "" if body is not None else "is there no more"
    return Node((_bold(TRAINING.called(name)), gone), tuple(runs))


def _version(v: Json, about: Json, objects: Objects) -> Node:
    spec, name = part(v, "spec"), meta(v, "name")
    state = state_of(v)
    told = [metric(m) for m in entries(spec.get("metrics"))[:1]]
    told += [text(spec.get("algorithm"))]
    if parent := text(spec.get("parent")):
        told.append(f"compared with {parent}")
    words = ", ".join(t for t in told if t)
    what = state.mark.before(state.word).append(f"  {words}" if words else "", "none")
    below = [_deployment(d, part, objects, v) for d, part in _deployments(name, about, objects)]
    return Node((_bold(VERSION.called(name)), what), tuple(below))


def _deployments(version: str, about: Json, objects: Objects) -> Iterable[tuple[Json, str]]:
    """Return the deployments of a version, with its part; of one that is asked about, that one."""
    only = meta(about, "name") if kind_of(about) == DEPLOYMENT else ""
    for d in objects.of(DEPLOYMENT.kind):
        part = served_by(d).get(version)
        if part is not None and only in ("", meta(d, "name")):
            yield d, part


def _deployment(d: Json, role: str, objects: Objects, version: Json) -> Node:
    watching = []
    for m in objects.monitors_of(meta(d, "name")):
        state = state_of(m)
        words = state.mark.before(state.word)
        if state.message:
            words.append(f": {state.message}", "none")
        watching.append(Node((_bold(called(m)), words)))
    # What watches it looks at what serves: it has nothing to say of what is gone.
    numbers = outcome_in(part(version, "status"), meta(d, "name"))
    what = f"{role}: {numbers}" if numbers else role
    return Node((_bold(called(d)), what), tuple(watching) if role == "Stable" else ())


def _bold(name: str) -> Text:
    return Text(name, "bold")
