"""A ModelTraining: its champion, the run under way or the newest, and how each candidate did."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from perennial.api.training import TrainingStatus
from perennial.api.values import Json
from perennial.cli.lenient import at, beyond, count, entries, moment, names_of, number, part, text
from perennial.cli.shown.heading import heading
from perennial.cli.shown.page import facts, indented, page, table, unknown
from perennial.cli.shown.words import BAD, BUSY, GOOD, NONE, ODD, REST, Mark, age, measured, rows

VERDICTS: dict[str, Mark] = {
    "Won": GOOD, "Passed": GOOD, "Running": BUSY, "GatesFailed": ODD, "Failed": BAD
}  # fmt: skip


def training(body: Json, now: datetime) -> RenderableType:
    """Return all that is worth knowing of a ModelTraining."""
    status = part(body, "status")
    run, last = part(status, "run"), part(status, "lastRun")
    fitting = run.get("phase") == "Fitting"
    return page(
        heading(body, now),
        _facts(body, now),
        _run("RUN", run, run, now) if fitting else None,
        _run("LAST RUN", last, run, now) if last else None,
        unknown(beyond(status, names_of(TrainingStatus))),
    )


def metric(m: Json) -> str:
    """Return a metric as it was measured: name, value, and its interval where one is known."""
    name, value = text(m.get("name")), number(m.get("value"))
    low, high = number(m.get("low")), number(m.get("high"))
    told = f"{name} {measured(value)}"
    if low is not None and high is not None:
        sure = 100 * (number(m.get("confidence")) or 0.95)
        told += f" ({measured(low)} to {measured(high)} at {sure:.4g} %)"
    return told


def dataset(record: Json) -> str:
    """Return which rows a version learned from."""
    told = [text(record.get("uri"))]
    if "rows" in record:
        told.append(f"{rows(count(record.get('rows')))} rows")
    if held := count(record.get("heldOut")):
        told.append(f"{rows(held)} held out")
    if feedback := count(record.get("feedbackRows")):
        told.append(f"{rows(feedback)} of them feedback")
    if record.get("start") and record.get("end"):
        told.append(f"{record['start']} to {record['end']}")
    return ", ".join(told)


def _facts(body: Json, now: datetime) -> RenderableType | None:
    spec, champion = part(body, "spec"), part(body, "status.champion")
    schedule = text(at(spec, "schedule.cron"))
    zone = text(at(spec, "schedule.timeZone")) or "Etc/UTC"
    asked = moment(at(body, "status.lastScheduleTime"))
    if schedule:
        schedule += f" {zone}" + (f", last {age(asked, now)} ago" if asked is not None else "")
    best = ", ".join(
        t for t in (text(champion.get("version")), metric(part(champion, "metric"))) if t
    )
    return facts(
        [
            ("CHAMPION", best if champion else ""),
            ("DATASET", text(at(spec, "dataset.uri"))),
            ("SCHEDULE", schedule),
            ("PENDING", text(at(body, "status.pending.reason"))),
            (
                "SUSPENDED",
                "no run starts until spec.suspend is false" if spec.get("suspend") else "",
            ),
        ]
    )


def _run(title: str, told: Json, newest: Json, now: datetime) -> RenderableType:
    """Return a run: why it began, how it ended, its candidates, and what its rows are like."""
    began, ended = moment(told.get("startTime")), moment(told.get("finishTime"))
    number_of = count(told.get("number"))
    words = f"{number_of}, by {text(told.get('trigger')) or NONE}"
    if ended is not None and began is not None:
        words += f", {text(told.get('outcome'))} {age(ended, now)} ago after {age(began, ended)}"
    elif began is not None:
        words += f", for {age(began, now)}"
    reason = newest.get("reason") if count(newest.get("number")) == number_of else ""
    candidates = entries(told.get("candidates"))
    judged = [
        (
            text(c.get("name")),
            VERDICTS.get(text(c.get("verdict")), REST).before(text(c.get("verdict")) or NONE),
            measured(number(c.get("metric"))),
            text(c.get("message")),
        )
        for c in candidates
    ]
    notes = [
        indented(Text.assemble((f"{text(n.get('check'))}: ", "bold"), text(n.get("message"))))
        for n in entries(at(told, "dataset.notes"))
    ]
    read = part(told, "dataset")
    headers = ("CANDIDATE", "VERDICT", "METRIC", "WHY")
    return Group(
        Text.assemble((f"{title}  ", "bold"), words),
        *([indented(Text(text(reason)))] if reason else []),
        *([table(headers, judged, ("METRIC",))] if judged else []),
        *([Text.assemble(("ROWS  ", "bold"), dataset(read).strip(", "))] if read else []),
        *notes,
    )
