"""What was before: revisions of a deployment, versions of a training, looks of a monitor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from perennial.api.values import Json
from perennial.cli import reading
from perennial.cli.kinds import called
from perennial.cli.lenient import at, count, entries, meta, moment, number, part, text
from perennial.cli.shown.decided import decisions, ended
from perennial.cli.shown.deployment import ROLES
from perennial.cli.shown.page import indented, table
from perennial.cli.shown.state import state_of
from perennial.cli.shown.training import dataset
from perennial.cli.shown.words import BAD, GOOD, NONE, ODD, REST, age, measured, rows, sparkline

REQUEST = "perennial.dev/request"


def of_deployment(body: Json, records: Sequence[Json], now: datetime) -> RenderableType:
    """Return the revisions of a ModelDeployment, newest first.

    Args:
        body: the object.
        records: its ControllerRevisions; those that are gone are known by the status alone.
        now: the time.
    """
    view = reading.read(body)
    rejected = {r.revision: r for r in view.rejected}
    known: dict[str, tuple[str, datetime | None, str]] = {}
    for r in view.rejected:
        known[r.revision] = (r.version, None, "")
    for revision in view.revisions:
        known[revision.revision] = (revision.version, revision.started, "")
    for record in records:
        name = text(at(record, "data.revision.name"))
        asked = text(part(record, "metadata.annotations").get(REQUEST))
        made = moment(at(record, "metadata.creationTimestamp"))
        known[name] = (text(at(record, "data.revision.version")), made, asked)
    newest = sorted(known.items(), key=lambda k: (k[1][1] is None, _ago(k[1][1], now)))
    roles = {r.revision: r.role for r in view.revisions}
    found, why = [], []
    for name, (version, made, asked) in newest:
        role, rejection = roles.get(name, ""), rejected.get(name)
        outcome = ROLES.get(role, REST).before(role) if role else REST.before("was replaced")
        if rejection is not None:
            outcome = BAD.before(f"{role}, {rejection.reason}" if role else rejection.reason)
            if rejection.message:
                label = (f"{rejection.name}: ", "bold")
                why.append(indented(Text.assemble(label, rejection.message)))
        found.append((version or NONE, name, age(made, now), outcome, asked))
    headers = ("VERSION", "REVISION", "AGE", "OUTCOME", "ASKED BY")
    if not found:
        return Text("nothing was served yet")
    columns = len(headers) if any(row[-1] for row in found) else len(headers) - 1
    shown: list[RenderableType] = [table(headers[:columns], [row[:columns] for row in found]), *why]
    if (told := decisions(part(body, "status"), now)) is not None:
        shown += [Text(""), told]
    return Group(*shown)


def _ago(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else (now - moment).total_seconds()


def of_training(body: Json, versions: Sequence[Json], now: datetime) -> RenderableType:
    """Return the versions that came of a ModelTraining, newest first, and its last run."""
    found = []
    for v in sorted(versions, key=lambda v: -count(at(v, "spec.source.run"))):
        state = state_of(v)
        metric = text(at(v, "status.printed.metric"))
        learned = rows(count(at(v, "spec.dataset.rows")))
        made = moment(at(v, "metadata.creationTimestamp"))
        run = str(count(at(v, "spec.source.run")))
        found.append(
            (run, called(v), metric, learned, state.mark.before(state.word), age(made, now))
        )
    told: list[RenderableType] = [
        table(("RUN", "VERSION", "METRIC", "ROWS", "STATE", "AGE"), found, ("RUN", "ROWS"))
        if found
        else Text("no run has made a version yet")
    ]
    last = part(body, "status.lastRun")
    outcome = text(last.get("outcome"))
    if outcome and outcome != "Promoted":
        ended = age(moment(last.get("finishTime")), now)
        mark = REST if outcome in ("NothingNew", "NotBetter") else ODD
        words = f"run {count(last.get('number'))} {outcome} {ended} ago"
        told.append(mark.before(words).append(f": {text(last.get('message'))}", "none"))
    return Group(*told)


def of_version(body: Json, ancestors: Sequence[Json], now: datetime) -> RenderableType:
    """Return a ModelVersion and what it was compared with, and that with, newest first."""
    found = []
    for v in (body, *ancestors):
        state = state_of(v)
        made = moment(at(v, "metadata.creationTimestamp"))
        metric, learned = text(at(v, "status.printed.metric")), dataset(part(v, "spec.dataset"))
        found.append(
            (called(v), metric, state.mark.before(state.word), age(made, now), learned or NONE)
        )
    parent = text(at((body, *ancestors)[-1], "spec.parent"))
    told: list[RenderableType] = [
        table(("VERSION", "METRIC", "STATE", "AGE", "LEARNED FROM"), found)
    ]
    if parent:
        told.append(Text(f"its parent {parent} is there no more", "dim"))
    if (how := ended(part(body, "status"), now)) is not None:
        told += [Text(""), how]
    return Group(*told)


def of_monitor(body: Json, now: datetime) -> RenderableType:
    """Return the last looks of a DriftMonitor, newest first."""
    looks = entries(at(body, "status.history"))
    if not looks:
        return Text(f"{meta(body, 'name')} has not looked yet")
    found = []
    for look in reversed(looks):
        drifted = text(look.get("drifted"))
        mark = {"True": ODD.before("drifted"), "False": GOOD.before("like the reference")}
        found.append(
            (
                age(moment(look.get("time")), now),
                rows(count(look.get("samples"))),
                measured(number(look.get("worstScore"))),
                mark.get(drifted, REST.before("too little to say" if drifted else NONE)),
            )
        )
    line = sparkline([number(e.get("worstScore")) for e in looks])
    told: list[RenderableType] = [
        table(("LOOKED", "ROWS", "WORST", "VERDICT"), found, ("ROWS", "WORST"))
    ]
    return Group(*([Text.assemble(("WORST  ", "bold"), line)] if line else []), *told)
