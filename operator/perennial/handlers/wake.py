"""Which objects a change wakes. Decisions never depend on which change it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from perennial.api import API_VERSION, KINDS
from perennial.api.values import Json
from perennial.cluster.cache import Cache
from perennial.cluster.queue import Key

OURS = frozenset(kind.kind() for kind in KINDS)
BURST_SECONDS = 0.5


def references(body: Json) -> Iterator[Key]:
    """Yield the objects that one of ours names and is not named by; of any body whatever."""

    def key(kind: str, *path: str) -> Iterator[Key]:
        if (name := _at(body, *path)) and isinstance(name, str):
            yield Key(kind, body["metadata"]["namespace"], name)

    match body["kind"]:
        case "ModelTraining":
            yield from key(
                "ModelDeployment", "spec", "dataset", "feedback", "deploymentRef", "name"
            )
        case "ModelDeployment":
            yield from key("ModelTraining", "spec", "model", "trainingRef", "name")
            yield from key("ModelVersion", "spec", "model", "versionRef", "name")
            yield from key("ModelVersion", "status", "experiment", "promoted", "version")
            for variant in _members(body, "spec", "experiment", "variants"):
                name = _at(variant, "model", "versionRef", "name")
                if name and isinstance(name, str):
                    yield Key("ModelVersion", body["metadata"]["namespace"], name)
        case "DriftMonitor":
            yield from key("ModelDeployment", "spec", "deploymentRef", "name")
        case "ModelVersion":
            # Those that no longer name it, too: its status still says that they serve it.
            for name in _names(body, "name", "status", "deployments"):
                yield Key("ModelDeployment", body["metadata"]["namespace"], name)


def concerned(cache: Cache, before: Json | None, after: Json | None) -> set[Key]:
    """Return whom a change of an object wakes, from what it was (None: new) to what it is now."""
    bodies = [body for body in (before, after) if body is not None]
    if bodies[0]["kind"] not in OURS:
        return {key for body in bodies for key in owners(body)}
    return {key for body in bodies for key in (_key(body), *related(cache, body))}


def delay(before: Json | None, after: Json | None) -> float:
    """Return for how many seconds a change may wait for more of its kind.

    What is made of our objects changes in bursts: a write of ours, its being seen, pod after pod.
    """
    (kind, *_) = (body["kind"] for body in (before, after) if body is not None)
    return 0.0 if kind in OURS else BURST_SECONDS


def owners(child: Json) -> list[Key]:
    """Return the objects that a child's labels name."""
    namespace, labels = child["metadata"]["namespace"], child["metadata"].get("labels") or {}
    keys = []
    if training := labels.get("perennial.dev/training"):
        keys.append(Key("ModelTraining", namespace, training))
    if deployment := labels.get("perennial.dev/deployment"):
        keys.append(Key("ModelDeployment", namespace, deployment))
    if monitor := labels.get("perennial.dev/monitor"):
        keys.append(Key("DriftMonitor", namespace, monitor))
    return keys


def related(cache: Cache, body: Json) -> Iterator[Key]:
    """Yield the objects whose decisions read one of ours."""
    key, referring = _key(body), cache.referring(_key(body))
    match body["kind"]:
        case "ModelTraining":
            following = [k for k in referring if k.kind == "ModelDeployment"]
            yield from following
            for deployment in following:
                # It tells which run came of its action.
                yield from (k for k in cache.referring(deployment) if k.kind == "DriftMonitor")
        case "ModelDeployment":
            yield from referring
            yield from references(body)
            for part in (("revisions",), ("rollout", "rejected")):
                for name in _names(body, "version", "status", *part):
                    yield Key("ModelVersion", key.namespace, name)
        case "DriftMonitor" if _at(body, "status", "lastAction"):
            is_asked = _at(body, "status", "rollback") and not _at(
                body, "status", "rollback", "outcome"
            )
            for watched in references(body):
                if is_asked:
                    yield watched
                found = cache.get(API_VERSION, *watched)
                named = references(found) if found is not None else ()
                yield from (k for k in named if k.kind == "ModelTraining")
        case "ModelVersion":
            yield from owners(body)
            yield from (k for k in referring if k.kind == "ModelDeployment")


def everything(cache: Cache) -> list[Key]:
    """Return all of our objects where all kinds were listed."""
    return [
        _key(body)
        for kind in KINDS
        for body in cache.select(API_VERSION, kind.kind())
        if cache.is_listed(body["metadata"]["namespace"])
    ]


def _key(body: Json) -> Key:
    return Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])


def _at(body: object, *path: str) -> object:
    """Return what is at a path of a body that may be anything, None where nothing is."""
    for part in path:
        body = body.get(part) if isinstance(body, dict) else None
    return body


def _names(body: Json, field: str, *path: str) -> Iterable[str]:
    """Return a field of the members of a list that may be anything."""
    names = (_at(member, field) for member in _members(body, *path))
    return [name for name in names if name and isinstance(name, str)]


def _members(body: Json, *path: str) -> list[object]:
    found = _at(body, *path)
    return found if isinstance(found, list) else []
