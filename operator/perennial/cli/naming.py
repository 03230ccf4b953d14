"""Which object is meant: the kind may be left out where the name says it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from perennial.api.values import Json
from perennial.cli.connection import Connection
from perennial.cli.kinds import ALL, Kind, kind_called
from perennial.cli.lenient import meta
from perennial.cli.problem import Problem, called_wrongly
from perennial.cli.shown.words import listed

NEAR = 0.5
"""How alike a name must be to be offered, of 1."""


@dataclass(frozen=True)
class Named:
    """What was written on the command line: a kind, a name, both or neither."""

    kind: Kind | None = None
    name: str = ""


def named(words: Sequence[str]) -> Named:
    """Return what some words name: nothing, KIND, NAME, KIND/NAME, or KIND NAME.

    Raises:
        Problem: they name nothing.
    """
    if len(words) > 2:
        raise called_wrongly(f"one object is named at a time, not {' '.join(words)}")
    if not words:
        return Named()
    first, slash, name = words[0].partition("/")
    if slash:
        if len(words) == 2 or not name:
            raise called_wrongly(f"write {words[0]} as KIND/NAME, such as deployment/flights")
        return Named(_kind(first), name)
    if len(words) == 2:
        return Named(_kind(first), words[1])
    kind = kind_called(first)
    return Named(kind) if kind is not None else Named(name=first)


def _kind(word: str) -> Kind:
    """Return the kind that a word means.

    Raises:
        Problem: it means none.
    """
    kind = kind_called(word)
    if kind is None:
        known = listed([k.word for k in ALL], conjunction="or")
        raise called_wrongly(f"{word} is no kind: write {known}")
    return kind


def find(api: Connection, namespace: str, which: Named, kinds: Sequence[Kind] = ALL) -> Json:
    """Return the object that is meant.

    Args:
        api: the connection.
        namespace: where it is.
        which: what was written.
        kinds: those that it may be of.

    Raises:
        Problem: there is none, or there are several, or it is of another kind, or has no name.
    """
    if which.kind is not None and which.kind not in kinds:
        may = listed([k.word for k in kinds], conjunction="or")
        raise called_wrongly(f"that can be asked of a {may}, not of a {which.kind.word}")
    if not which.name:
        kind = which.kind or kinds[0]
        raise called_wrongly(f"name a {kind.word}, such as {kind.called('flights')}")
    tried = (which.kind,) if which.kind is not None else kinds
    found, refused = [], None
    for kind in tried:
        try:
            found.append((kind, api.get(kind, namespace, which.name)))
        except Problem as problem:
            if not problem.absent:
                refused = refused or problem
    if len(found) == 1:
        return found[0][1]
    if found:
        names = [kind.called(which.name) for kind, _ in found]
        raise called_wrongly(
            f"{which.name} is {listed([f'a {k.word}' for k, _ in found])}: say which, "
            f"by {listed(names, conjunction='or')}"
        )
    raise refused or Problem(_not_there(api, namespace, which.name, tried), absent=True)


def _not_there(api: Connection, namespace: str, name: str, kinds: Sequence[Kind]) -> str:
    """Return that there is no such object, with the names that are near it."""
    there = {
        k.called(meta(o, "name")): meta(o, "name") for k in kinds for o in _all(api, k, namespace)
    }
    close = difflib.get_close_matches(name, set(there.values()), n=3, cutoff=NEAR)
    what = kinds[0].word if len(kinds) == 1 else "object"
    told = f"there is no {what} {name} in namespace {namespace}"
    if close:
        meant = sorted(
            (c for c, n in there.items() if n in close), key=lambda c: close.index(there[c])
        )
        return f"{told}: did you mean {listed(meant, conjunction='or')}?"
    if there:
        return f"{told}: it has {listed(sorted(there))}"
    return f"{told}, nor any other: name another with -n, or look in all with get -A"


def _all(api: Connection, kind: Kind, namespace: str) -> list[Json]:
    try:
        return api.objects(kind, namespace)
    except Problem:
        return []  # near names are a courtesy
