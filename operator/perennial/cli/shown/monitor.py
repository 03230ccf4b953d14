"""A DriftMonitor: its verdict, the features that are furthest off, and what it did about them."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from perennial.api.monitor import MonitorStatus
from perennial.api.values import Json
from perennial.cli.kinds import DEPLOYMENT, VERSION
from perennial.cli.lenient import (
    at,
    beyond,
    condition,
    count,
    entries,
    moment,
    names_of,
    number,
    part,
    text,
    words,
)
from perennial.cli.shown.heading import heading
from perennial.cli.shown.page import facts, page, table, unknown
from perennial.cli.shown.words import (
    BAD,
    GOOD,
    NONE,
    ODD,
    REST,
    age,
    measured,
    rows,
    share,
    sparkline,
)


def monitor(body: Json, now: datetime) -> RenderableType:
    """Return all that is worth knowing of a DriftMonitor."""
    status = part(body, "status")
    return page(
        heading(body, now),
        _facts(body, now),
        _worst(body),
        _quality(status),
        _performance(status),
        _estimated(body),
        _slices(status),
        _volume(status),
        _mix(status),
        _action(status, now),
        unknown(beyond(status, names_of(MonitorStatus))),
    )


def course(status: Json) -> str:
    """Return the worst score of each of the last evaluations as a sparkline."""
    return sparkline([number(e.get("worstScore")) for e in entries(status.get("history"))])


def _facts(body: Json, now: datetime) -> RenderableType | None:
    status, window = part(body, "status"), part(body, "status.window")
    reference = text(at(status, "reference.version")) or text(at(status, "reference.revision"))
    seen = ""
    if window:
        seen = f"{rows(count(window.get('samples')))} rows of {text(at(body, 'spec.window'))}"
        seen += f", from {count(window.get('pods'))} of {count(window.get('asked'))} pods"
    checked = moment(status.get("checkedTime"))
    helps = condition(body, "RetrainingHelps")
    return facts(
        [
            ("WATCHES", DEPLOYMENT.called(text(at(body, "spec.deploymentRef.name")))),
            ("AGAINST", f"what {VERSION.called(reference)} learned" if reference else ""),
            ("WINDOW", seen),
            ("CHECKED", f"{age(checked, now)} ago" if checked is not None else ""),
            ("WORST", course(status)),
            ("SUSPECTS", ", ".join(words(status.get("suspects")))),
            ("REPORT", _report(body)),
            ("NOTIFIED", _notified(part(status, "notification"), now)),
            ("RETRAINING", "does not help: look at the data" if helps[0] == "False" else ""),
        ]
    )


def _report(body: Json) -> str:
    """Return how the reports do, '' where none is asked for."""
    if at(body, "spec.report") is None:
        return ""
    _, reason, message = condition(body, "Reported")
    return message or reason


def _notified(found: Json, now: datetime) -> str:
    """Return what came of the newest notification, '' where there is none."""
    if not found:
        return ""
    decided = f"{age(moment(found.get('time')), now)} ago"
    if found.get("delivered") is True:
        return decided
    tries, problem = count(found.get("tries")), text(found.get("problem"))
    return f"{decided}, not taken " + (f"in {tries} tries: {problem}" if tries else "yet")


def _worst(body: Json) -> RenderableType | None:
    found = []
    drifts = condition(body, "Drifted")[0] == "True"
    alpha = number(at(body, "spec.alpha"))
    for f in entries(at(body, "status.worst")):
        score, need, p = (number(f.get(name)) for name in ("score", "need", "p"))
        matters = score is not None and need is not None and score >= need
        # A large score of few rows is no drift: chance must be ruled out, too.
        is_chance = not drifts or (p is not None and alpha is not None and p > alpha)
        mark = GOOD.before("as learned")
        if matters:
            mark = REST.before("may be chance") if is_chance else ODD.before("drifted")
        chance = NONE if p is None else f"{p:.2g}"
        chosen = text(f.get("effect"))
        name = text(f.get("feature")) + (f" ({chosen})" if chosen else "")
        found.append((name, measured(score), measured(need), chance, mark))
    headers = ("FEATURE", "SCORE", "NEEDS", "P", "VERDICT")
    return table(headers, found, ("SCORE", "NEEDS", "P")) if found else None


def _quality(status: Json) -> RenderableType | None:
    found = [
        (
            text(q.get("feature")),
            BAD.before(text(q.get("check"))),
            share(number(q.get("fraction"))),
            share(number(q.get("maximum"))),
        )
        for q in entries(status.get("quality"))
    ]
    return table(("QUALITY", "CHECK", "SHARE", "MAXIMUM"), found) if found else None


def _performance(status: Json) -> RenderableType | None:
    marks = {"Kept": GOOD, "Broken": BAD}
    found = [
        (
            text(m.get("name")),
            measured(number(m.get("value"))),
            _between(number(m.get("low")), number(m.get("high"))),
            rows(count(m.get("rows"))),
            marks.get(text(m.get("verdict")), ODD).before(text(m.get("verdict"))),
        )
        for m in entries(at(status, "performance.metrics"))
    ]
    headers = ("PERFORMANCE", "VALUE", "TRULY", "ROWS", "VERDICT")
    return table(headers, found, ("VALUE", "TRULY", "ROWS")) if found else None


def _estimated(body: Json) -> RenderableType | None:
    known = part(body, "status.estimated")
    if number(known.get("value")) is None:
        return None
    kept = condition(body, "EstimateKept")[0]
    marks = {"True": GOOD.before("Kept"), "False": BAD.before("Fell")}
    told = (
        text(known.get("metric")),
        measured(number(known.get("value"))),
        measured(number(known.get("reference"))),
        rows(count(known.get("rows"))),
        marks.get(kept, ODD.before("Unknown")),
    )
    headers = ("ESTIMATE", "VALUE", "HELD OUT", "ROWS", "VERDICT")
    return table(headers, [told], ("VALUE", "HELD OUT", "ROWS"))


def _slices(status: Json) -> RenderableType | None:
    found = [
        (
            f"{text(s.get('feature'))} {text(s.get('value'))}",
            text(s.get("metric")),
            measured(number(s.get("score"))),
            measured(number(s.get("overall"))),
            rows(count(s.get("rows"))),
        )
        for s in entries(at(status, "performance.slices"))
    ]
    headers = ("WORSE WHERE", "METRIC", "HERE", "ALL", "ROWS")
    return table(headers, found, ("HERE", "ALL", "ROWS")) if found else None


def _volume(status: Json) -> RenderableType | None:
    known = part(status, "behaviour")
    if not known:
        return None
    hour = moment(known.get("lastHour"))
    told = (
        f"{hour:%m-%d %H:%M}" if hour is not None else NONE,
        rows(count(known.get("requests"))) if known.get("requests") is not None else NONE,
        _between(number(known.get("low")), number(known.get("high"))),
        _usual(text(known.get("verdict"))),
    )
    return table(("HOUR", "REQUESTS", "USUALLY", "VERDICT"), [told], ("REQUESTS", "USUALLY"))


def _mix(status: Json) -> RenderableType | None:
    found = []
    for m in entries(status.get("mix")):
        moved = [
            f"{text(x.get('value'))} {share(number(x.get('share')))}"
            f" ({share(number(x.get('usual')))})"
            for x in entries(m.get("moved"))[:2]
        ]
        found.append(
            (
                text(m.get("name")) or text(m.get("kind")).lower(),
                measured(number(m.get("score"))),
                measured(number(m.get("need"))),
                ", ".join(moved),
                _usual(text(m.get("verdict"))),
            )
        )
    headers = ("MIX", "SCORE", "NEEDS", "MOVED (USUALLY)", "VERDICT")
    return table(headers, found, ("SCORE", "NEEDS")) if found else None


def _usual(verdict: str) -> Text:
    return {"Usual": GOOD, "Unusual": BAD, "Changed": BAD}.get(verdict, ODD).before(verdict)


def _between(low: float | None, high: float | None) -> str:
    return NONE if low is None or high is None else f"{measured(low)} to {measured(high)}"


def _action(status: Json, now: datetime) -> RenderableType | None:
    """Return what was done last, and the retraining before it where that is a rollback."""
    found = [
        _done(title, action, status, now)
        for title, name in (("LAST ACTION", "lastAction"), ("RETRAINING", "retraining"))
        if isinstance(action := at(status, name), dict)
    ]
    return Group(*found) if found else None


def _done(title: str, action: Json, status: Json, now: datetime) -> RenderableType:
    when = age(moment(action.get("time")), now)
    told = f"{text(action.get('type'))}, {when} ago"
    if (run := action.get("run")) is not None:
        told += f", run {run}"
    is_rollback = action.get("type") == "Rollback"
    outcome = at(status, "rollback.outcome") if is_rollback else action.get("outcome")
    if text(outcome):
        told += f": {text(outcome)}"
    lines = [text(action.get("message")), text(action.get("result"))]
    return Group(
        Text.assemble((f"{title}  ", "bold"), told), *(Text(line) for line in lines if line)
    )
