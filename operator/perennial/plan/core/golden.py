"""Requests whose right answers are known: what a pod is asked, and whether it answers so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

SHOWN = 64
"""Characters of a name or a value that are told."""
BUSY = 503
"""A pod that has no room for a request has not answered it."""


@dataclass(frozen=True)
class GoldenQuestion:
    """All golden requests, to be sent to one pod's data port one after the other."""

    pod: str
    revision: str
    address: str
    model: str
    requests: tuple[tuple[str, bytes], ...]
    """Names, and bodies in the Open Inference Protocol."""


@dataclass(frozen=True)
class Answered:
    """What came of one request: outputs by name, or a refusal, or a problem: no answer at all."""

    name: str
    outputs: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    refusal: str = ""
    problem: str = ""


@dataclass(frozen=True)
class GoldenAnswer:
    """What a pod made of the golden requests; those behind one without an answer are left out."""

    pod: str
    revision: str
    answered: tuple[Answered, ...]

    def of(self, name: str) -> Answered:
        """Return what came of a request."""
        unasked = Answered(name, problem="was not asked, since it left another request unanswered")
        return next((a for a in self.answered if a.name == name), unasked)


class _Output(msgspec.Struct):
    name: str
    data: list[Any]


class _Outputs(msgspec.Struct):
    outputs: list[_Output]


class _Refusal(msgspec.Struct):
    error: str = ""


def read(name: str, status: int, body: bytes) -> Answered:
    """Return what a pod's answer to a request says."""
    if status == BUSY:
        return Answered(name, problem="answered with status 503")
    try:
        if status != 200:
            said = msgspec.json.decode(body, type=_Refusal).error
            return Answered(name, refusal=f"answered {status}: {' '.join(said.split())[:200]}")
        found = msgspec.json.decode(body, type=_Outputs)
        return Answered(name, {o.name: list(_flat(o.data)) for o in found.outputs})
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Answered(name, refusal=f"answered {status} with what is no answer of a model")


def difference(
    expected: Iterable[tuple[str, Sequence[Any]]], found: Answered, tolerance: float
) -> str:
    """Return the first way in which an answer is not as expected, '' where it is right.

    Args:
        expected: outputs by name.
        found: the answer; one with a problem is none, and not to be asked about.
        tolerance: by how much a number may differ, as a share of it where that is above 1.
    """
    if found.refusal:
        return found.refusal
    for name, data in expected:
        values, wanted = found.outputs.get(name), list(_flat(data))
        called = repr(name[:SHOWN])
        if values is None:
            return f"has no output {called}"
        if len(values) != len(wanted):
            return f"has {len(values)} values in {called}, and {len(wanted)} were expected"
        for at, (value, want) in enumerate(zip(values, wanted, strict=True)):
            if not _is_alike(value, want, tolerance):
                was = f"{_shown(value)}, and {_shown(want)} was expected"
                return f"has {called}[{at}] = {was}"
    return ""


def _flat(data: Sequence[Any]) -> Iterator[Any]:
    """Yield the values of a tensor, row by row, however they are nested."""
    left = [iter(data)]
    while left:
        for value in left[-1]:
            if isinstance(value, list):
                left.append(iter(value))
                break
            yield value
        else:
            left.pop()


def _is_alike(value: Any, want: Any, tolerance: float) -> bool:
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (value, want))
    if not numbers:
        return type(value) is type(want) and bool(value == want)
    if value == want:
        return True
    try:
        differs = abs(float(value) - float(want))
        return math.isfinite(differs) and differs <= tolerance * max(1.0, abs(float(want)))
    except OverflowError:
        return False


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)[:SHOWN]
