"""What was decided about versions on trial, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from perennial.api.values import Json
from perennial.cli.lenient import at, count, entries, moment, number, text
from perennial.cli.shown.page import indented, table
from perennial.cli.shown.words import BAD, GOOD, NONE, REST, WAITS, age, rows

MARKS = {"Promoted": GOOD, "RolledBack": BAD, "Paused": WAITS}


def decisions(status: Json, now: datetime) -> RenderableType | None:
    """Return the last decisions of a ModelDeployment, newest first; None where none is told."""
    told = list(reversed(entries(at(status, "rollout.decisions"))))
    return _shown([(text(d.get("version")) or text(d.get("revision")), d) for d in told], now)


def ended(status: Json, now: datetime) -> RenderableType | None:
    """Return how rollouts of a ModelVersion ended, newest first; None where none is told."""
    told = list(reversed(entries(status.get("ended"))))
    return _shown([(text(e.get("deployment")), e) for e in told], now, "DEPLOYMENT")


def outcome_in(status: Json, deployment: str) -> str:
    """Return the numbers by which a ModelDeployment last promoted a version, or rolled it back."""
    found = [e for e in entries(status.get("ended")) if text(e.get("deployment")) == deployment]
    return "; ".join(_numbers(found[-1])) if found else ""


def _shown(
    told: Iterable[tuple[str, Json]], now: datetime, who: str = "VERSION"
) -> RenderableType | None:
    found, why = [], []
    for name, one in told:
        word = text(one.get("decision")) or text(one.get("reason"))
        weight = number(one.get("weight"))
        requests = count(one.get("requests"))
        found.append(
            (
                name or NONE,
                MARKS.get(word, REST).before(word),
                NONE if weight is None else f"{weight:.0f} %",
                rows(requests) if requests else NONE,
                age(moment(one.get("time")), now),
            )
        )
        if numbers := _numbers(one):
            why.append(indented(Text.assemble((f"{name}, {word}: ", "bold"), "; ".join(numbers))))
    if not found:
        return None
    headers = (who, "DECIDED", "AT", "REQUESTS", "AGE")
    return Group(table(headers, found, ("AT", "REQUESTS")), *why)


def _numbers(one: Json) -> list[str]:
    return [told for m in entries(one.get("metrics")) if (told := text(m.get("summary")))]
