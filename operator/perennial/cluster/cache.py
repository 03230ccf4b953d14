"""What the API server holds, as far as lists, watches and our own writes have told.

Whoever tells, in whatever order and however often: of an object the newest version stays, and what
was deleted does not come back by an older word. Bodies are kept as they came; nothing is parsed
here, so an object that makes no sense hurts nobody but itself. They are shared: change none.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from perennial.api.values import Json
from perennial.cluster.queue import Key

INDEXED = ("perennial.dev/deployment", "perennial.dev/training", "perennial.dev/monitor")
"""Labels that objects are looked up by."""
BURIED_SECONDS = 600.0
"""How long a word may be late that brings nothing back."""

Grave = tuple[str, str] | str
"""A name (namespace, name) that nothing bore at some version, or the uid of what is no more."""


Lack = tuple[int, str]
"""Why a kind cannot be listed: the API server's code and sentence."""


@dataclass(frozen=True)
class Source:
    """A kind that is kept, and with a selector (``label=value``) only those that it picks."""

    api_version: str
    kind: str
    selector: str = ""
    optional: bool = False
    """Whether a cluster may do without the kind: then that it is not there is known, too."""

    def picks(self, labels: Json) -> bool:
        """Tell whether an object with such labels is kept."""
        return terms(self.selector).items() <= labels.items()


class Held(dict[str, Any]):
    """A body, with what was made of it by whoever read it typed."""

    __slots__ = ("is_followed", "references", "typed", "version")

    def __init__(self, body: Json) -> None:
        super().__init__(body)
        self.version = int(body["metadata"]["resourceVersion"])
        self.typed: Any = None
        self.is_followed = False
        """Whether all that it says is known, so that it can be followed."""
        self.references: frozenset[Key] = frozenset()


def terms(selector: str) -> dict[str, str]:
    """Return the labels that a selector of the form ``a=b,c=d`` asks for.

    Raises:
        ValueError: it has another form.
    """
    pairs = [term.partition("=") for term in selector.split(",") if term]
    if any(not equal or name.endswith("!") or value[:1] == "=" for name, equal, value in pairs):
        raise ValueError(f"only label=value is kept an index of, not {selector!r}")
    return {name: value for name, _, value in pairs}


class Cache:
    """The objects of some kinds, by name, by label, and by what they refer to.

    Args:
        sources: What is kept.
        references: Which objects a body refers to; it must take any body whatever.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        references: Callable[[Json], Iterable[Key]] = lambda _: (),
    ) -> None:
        self.sources = tuple(sources)
        self.changed: list[Callable[[Json | None, Json | None], None]] = []
        """Told of each change: what was held before, and what is now."""
        self.opened: list[Callable[[str], None]] = []
        """Told of each namespace ('' for all) once every kind was listed there."""
        self._kinds = {(s.api_version, s.kind): _Objects(s) for s in self.sources}
        self._references = references
        self._referring: defaultdict[Key, set[Key]] = defaultdict(set)
        self._listed: set[tuple[Source, str]] = set()
        self._lacking: dict[tuple[Source, str], Lack] = {}

    # What is read.

    def source(self, api_version: str, kind: str) -> Source | None:
        """Return how a kind is kept, None where it is not."""
        objects = self._kinds.get((api_version, kind))
        return objects.source if objects is not None else None

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Held | None:
        """Return an object, or None where none is held."""
        return self._kinds[api_version, kind].bodies.get((namespace, name))

    def select(
        self, api_version: str, kind: str, namespace: str = "", selector: str = ""
    ) -> list[Held]:
        """Return the objects in a namespace ('' for all) that a selector picks, by name."""
        return self._kinds[api_version, kind].select(namespace, terms(selector))

    def referring(self, key: Key) -> frozenset[Key]:
        """Return the objects that refer to one."""
        return frozenset(self._referring.get(key, ()))

    def is_listed(self, namespace: str) -> bool:
        """Tell whether every kind was listed there: before that, not held is not absent."""
        known = self._listed | self._lacking.keys()
        return all((source, "") in known or (source, namespace) in known for source in self.sources)

    def lacking(self, api_version: str, kind: str, namespace: str) -> Lack | None:
        """Return why a kind that a cluster may do without is not listed; None where it is."""
        objects = self._kinds.get((api_version, kind))
        if objects is None:
            return None
        at = ((objects.source, ""), (objects.source, namespace))
        return next((self._lacking[place] for place in at if place in self._lacking), None)

    # What is told.

    def put(self, body: Json) -> bool:
        """Take an object as somebody has just seen it; tell whether that was news."""
        objects = self._kinds.get((body.get("apiVersion", ""), body.get("kind", "")))
        if objects is None:
            return False
        if not objects.source.picks(body["metadata"].get("labels") or {}):
            return self.remove(body)
        held = Held({**body, "metadata": _without_managed_fields(body["metadata"])})
        if not objects.is_news(held):
            return False
        self._change(objects, _name(held), held)
        return True

    def remove(self, body: Json) -> bool:
        """Take the word that an object was deleted, or is picked no more, at its version."""
        objects = self._kinds.get((body.get("apiVersion", ""), body.get("kind", "")))
        if objects is None:
            return False
        name, version = _name(body), int(body["metadata"]["resourceVersion"])
        objects.bury(name, version)
        known = objects.bodies.get(name)
        # Another of its name may have come since.
        if known is None or known.version > version:
            return False
        self._change(objects, name, None)
        return True

    def forget(self, api_version: str, kind: str, namespace: str, name: str, uid: str) -> None:
        """Take the API server's word that an object is no more, at whatever version."""
        objects = self._kinds[api_version, kind]
        objects.bury(uid, math.inf)
        known = objects.bodies.get((namespace, name))
        if known is not None and known["metadata"]["uid"] == uid:
            objects.bury((namespace, name), known.version)
            self._change(objects, (namespace, name), None)

    def replace(self, source: Source, namespace: str, bodies: Iterable[Json], version: str) -> None:
        """Take a whole list of a namespace ('' for all): what it lacks is gone.

        But what was told at a later version than the list's, as by our own writes, stays.
        """
        objects = self._kinds[source.api_version, source.kind]
        names = set()
        for body in bodies:
            self.put(body)
            names.add(_name(body))
        for held in objects.select(namespace, {}):
            if _name(held) not in names and held.version <= int(version):
                objects.bury(_name(held), int(version))
                self._change(objects, _name(held), None)
        objects.let_go()
        was = self.is_listed(namespace) and (source, namespace) not in self._lacking
        self._lacking.pop((source, namespace), None)
        self._listed.add((source, namespace))
        if not was and self.is_listed(namespace):
            for tell in self.opened:
                tell(namespace)

    def drop(self, source: Source, namespace: str) -> None:
        """Know nothing of a namespace ('' for all) any more, as when it may not be read."""
        objects = self._kinds[source.api_version, source.kind]
        self._listed.discard((source, namespace))
        for held in objects.select(namespace, {}):
            self._change(objects, _name(held), None)

    def do_without(self, source: Source, namespace: str, lack: Lack) -> None:
        """Know that a kind that a cluster may do without is not there, or may not be read."""
        was = self.is_listed(namespace) and self._lacking.get((source, namespace)) == lack
        self._lacking[source, namespace] = lack
        self.drop(source, namespace)
        if not was and self.is_listed(namespace):
            for tell in self.opened:
                tell(namespace)

    def _change(self, objects: _Objects, name: tuple[str, str], body: Held | None) -> None:
        known = objects.bodies.get(name)
        key = Key(objects.source.kind, *name)
        if body is not None:
            body.references = frozenset(self._references(body))
        before = known.references if known is not None else frozenset()
        after = body.references if body is not None else frozenset()
        for target in before - after:
            self._referring[target].discard(key)
            if not self._referring[target]:
                del self._referring[target]
        for target in after - before:
            self._referring[target].add(key)
        objects.set(name, body)
        for tell in self.changed:
            tell(known, body)


class _Objects:
    """The objects of one kind. Versions are compared within it, and nowhere else."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.bodies: dict[tuple[str, str], Held] = {}
        self._found: defaultdict[tuple[str, str, str], set[tuple[str, str]]] = defaultdict(set)
        self._buried: dict[Grave, tuple[float, float]] = {}  # at which version, and when

    def is_news(self, body: Held) -> bool:
        """Tell whether a body is newer than all that is known of its name and of itself."""
        known = self.bodies.get(_name(body))
        if known is not None and known.version >= body.version:
            return False
        graves: tuple[Grave, Grave] = (_name(body), body["metadata"]["uid"])
        return all(body.version > self._buried.get(grave, (-1, 0))[0] for grave in graves)

    def set(self, name: tuple[str, str], body: Held | None) -> None:
        """Hold a body by a name, or none."""
        for place in _places(self.bodies.pop(name, None)):
            self._found[place].discard(name)
            if not self._found[place]:
                del self._found[place]
        if body is not None:
            self.bodies[name] = body
            for place in _places(body):
                self._found[place].add(name)

    def select(self, namespace: str, labels: dict[str, str]) -> list[Held]:
        """Return what has labels, by name."""
        label = next((name for name in INDEXED if name in labels), "")
        names: Iterable[tuple[str, str]] = self.bodies
        if namespace:
            names = self._found.get((namespace, label, labels.get(label, "")), ())
        found = [self.bodies[name] for name in sorted(names)]
        wanted = labels.items()
        return [b for b in found if wanted <= (b["metadata"].get("labels") or {}).items()]

    def bury(self, grave: Grave, version: float) -> None:
        """Remember up to which version all words about a name, or an object, are too old."""
        before, _ = self._buried.get(grave, (-1, 0))
        self._buried[grave] = max(version, before), time.monotonic()

    def let_go(self) -> None:
        """Forget who has gone so long ago that nobody tells of them any more."""
        soon = time.monotonic() - BURIED_SECONDS
        self._buried = {grave: known for grave, known in self._buried.items() if known[1] > soon}


def _name(body: Json) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _places(body: Held | None) -> list[tuple[str, str, str]]:
    """Return where an object is looked for: in its namespace, and there by its labels."""
    if body is None:
        return []
    namespace = body["metadata"]["namespace"]
    labels = body["metadata"].get("labels") or {}
    return [(namespace, "", ""), *((namespace, n, labels[n]) for n in INDEXED if n in labels)]


def _without_managed_fields(metadata: Json) -> Json:
    """Return metadata without what is larger than all the rest, and what nobody reads."""
    return {name: value for name, value in metadata.items() if name != "managedFields"}
