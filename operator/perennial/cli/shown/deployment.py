"""A ModelDeployment as a tree: revisions and their pods, shares, steps, metrics and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from perennial.api.values import Json
from perennial.cli import reading
from perennial.cli.lenient import at, count, meta, part
from perennial.cli.shown import pods as shown_pods
from perennial.cli.shown.heading import heading
from perennial.cli.shown.page import (
    Node,
    facts,
    flat,
    indented,
    packed,
    page,
    room_for_names,
    table,
    unknown,
)
from perennial.cli.shown.state import state_of
from perennial.cli.shown.words import (
    BAD,
    BUSY,
    GOOD,
    NONE,
    ODD,
    REST,
    WAITS,
    Mark,
    age,
    bar,
    duration,
    listed,
    measured,
    rows,
    share,
    sparkline,
)

WIDE = 100
"""Columns from which shares are drawn, too."""
ROLES = {"Stable": GOOD, "Canary": BUSY, "Shadow": BUSY, "Variant": BUSY, "Failed": BAD}
VERDICTS = {"Successful": GOOD, "Failed": BAD, "Unreachable": BAD, "NotComparable": ODD}
ARMS = {"Running": GOOD, "Waiting": WAITS, "Out": BAD}
REJECTIONS = 3
PROMOTED = frozenset(
    {"CanaryPauseStep", "SignatureChanged", "SignatureUnknown", "BeforeTrafficUndecided"}
)
"""Reasons of a pause that ends by a promotion; others end when a person resumes it, too."""


def deployment(body: Json, pods: Sequence[Json], now: datetime, width: int) -> RenderableType:
    """Return all that is worth knowing of a ModelDeployment.

    Args:
        body: the object.
        pods: its pods, of all revisions.
        now: the time.
        width: columns that there are.
    """
    view = reading.read(body)
    return page(
        heading(body, now),
        _hint(body, view),
        _steps(view, now, width),
        _revisions(view, pods, now, width),
        _metrics(view, now),
        _experiment(view),
        _rejected(view, now, state_of(body).message),
        _facts(body, view),
        unknown(view.unknown),
    )


def _hint(body: Json, view: reading.Deployment) -> Text | None:
    """Return what a person can do about a rollout that waits for one."""
    if not view.paused:
        return None
    of = f"{meta(body, 'name')} -n {meta(body, 'namespace')}"
    ways = [("Go on", "promote"), ("Go back", "abort")]
    if view.paused not in PROMOTED:
        ways = [("Go on", "resume"), ("End the step", "promote"), ("Go back", "abort")]
    return Text(
        "\n".join(f"{what}: kubectl perennial {verb} {of}" for what, verb in ways), "yellow"
    )


def _steps(view: reading.Deployment, now: datetime, width: int) -> RenderableType | None:
    """Return the steps in a line: those that are over, the present one, and those to come."""
    here = view.stands_at
    if here is None or not view.steps:
        return None
    if view.undoing:
        return facts([("STEPS", "none: what served before takes over at once")])
    here = len(view.steps) if view.promoting else here
    told = [_step(view, n, here, now) for n in range(len(view.steps))]
    told.append((BUSY if view.promoting else REST).before("promotion"))
    return facts([("STEPS", packed(told, width - len("STEPS  ")))])


def _step(view: reading.Deployment, n: int, here: int, now: datetime) -> Text:
    step = view.steps[n]
    words = f"{step.weight} %" if step.weight is not None else ""
    if step.pause is not None:
        lasts = "until promoted" if step.pause == float("inf") else duration(step.pause)
        words = f"pause {lasts}"
    if step.name != str(n + 1):
        words = f"{step.name} ({words})" if words else step.name
    if n < here:
        return GOOD.before(words)
    if n > here:
        return REST.before(words)
    left = view.left(now)
    if view.paused:
        return WAITS.before(words)
    if left is not None and view.began is None:
        words += ", begins once its share is in force"
    elif left:
        words += f", {duration(left)} left"
    elif left is not None:
        words += ", over"
    return BUSY.before(words)


def _revisions(
    view: reading.Deployment, pods: Sequence[Json], now: datetime, width: int
) -> RenderableType | None:
    """Return the revisions, each with its share of the traffic and its pods."""
    if not view.revisions:
        return None
    wide, found, seen = width >= WIDE, [], set()
    arms = {arm.revision: arm.name for arm in view.arms}
    blanks = ("", "", "") if wide else ("", "")
    for r in view.revisions:
        own = shown_pods.of_revision(pods, r.revision)
        seen.add(r.revision)
        arm = arms.get(r.revision, "") if r.role == "Variant" else ""
        found.append(Node(_revision(r, arm, now, wide), shown_pods.nodes(own, now, blanks[1:])))
    label = shown_pods.REVISION_LABEL
    others = [p for p in pods if part(p, "metadata.labels").get(label) not in seen]
    if others:
        below = shown_pods.nodes(others, now, blanks[1:])
        found.append(Node(("other pods", *blanks, ""), below))
    headers = ("REVISION", "STATE", *(["TRAFFIC"] if wide else []), "PODS", "AGE")
    return table(headers, flat(found, room_for_names(headers, found, width)), ("PODS",))


def _revision(r: reading.Revision, arm: str, now: datetime, wide: bool) -> tuple[str | Text, ...]:
    name = Text.assemble(r.name, (f" {r.revision}" if r.version else "", "dim"))
    word, pods = f"{r.role or NONE} {arm}".rstrip(), f"{r.ready}/{r.replicas}"
    role = ROLES.get(r.role, REST).before(word)
    traffic = ""
    if r.actual is not None:
        traffic = f"{r.actual} %"
        if r.asked is not None and r.asked != r.actual:
            traffic += f" ({r.asked} % asked)"
    if wide:
        drawn = f"{bar(r.actual)} {traffic}" if r.actual is not None else NONE
        return name, role, drawn, pods, age(r.started, now)
    if traffic:
        role.append(f" {traffic}", "none")
    return name, role, pods, age(r.started, now)


def verdict_mark(verdict: str, suspected: bool = False) -> Mark:
    """Return how good a verdict is."""
    return VERDICTS.get(verdict, ODD if suspected else REST)


def _metrics(view: reading.Deployment, now: datetime) -> RenderableType | None:
    """Return each metric with its verdict, what it is about, its course and why."""
    if not view.metrics:
        return None
    lines = {m.name: sparkline(m.course) for m in view.metrics}
    has_course = any(len(line) > 1 for line in lines.values())
    found = []
    for m in view.metrics:
        word = m.verdict or NONE
        if m.suspected:
            word += ", suspected"
        if not m.votes:
            word += ", no vote"
        amount = share if m.is_share else measured
        against = f"{'stable' if m.against_stable else 'limit'} {amount(m.reference)}"
        cells: list[str | Text] = [
            m.name,
            verdict_mark(m.verdict, m.suspected).before(word),
            amount(m.value),
            against if m.reference is not None else NONE,
            f"{rows(m.requests)} {m.counts}".rstrip() if m.is_share or m.requests else NONE,
        ]
        found.append([*cells, lines[m.name]] if has_course else cells)
    headers = ["METRIC", "VERDICT", "CANARY", "AGAINST", "REQUESTS"]
    told = table([*headers, "COURSE"] if has_course else headers, found, ("CANARY", "REQUESTS"))
    why = [Text.assemble((f"{m.name}: ", "bold"), m.message) for m in view.metrics if m.message]
    return Group(told, *(indented(line) for line in why), *_measured(view, now))


def _measured(view: reading.Deployment, now: datetime) -> list[RenderableType]:
    """Return up to when was counted, and what is missing in it."""
    found = []
    if view.judged_until is not None:
        found.append(f"counted until {age(view.judged_until, now)} ago")
    if view.missing:
        found.append(f"without all of {listed(view.missing, 2)}")
    if view.skewed:
        found.append(f"without {listed(view.skewed, 2)}: look at their nodes' clocks")
    return [indented(Text("; ".join(found), "dim"))] if found else []


def _experiment(view: reading.Deployment) -> RenderableType | None:
    """Return each model of an experiment with its share, what it earns and its chance."""
    if not view.experiment:
        return None
    found: list[list[str | Text]] = []
    for arm in view.arms:
        traffic = NONE if arm.actual is None else f"{arm.actual} %"
        mean = measured(arm.mean)
        if arm.low is not None and arm.high is not None:
            mean += f" ({measured(arm.low)} to {measured(arm.high)})"
        found.append(
            [
                arm.name,
                _arm_state(view, arm),
                traffic,
                rows(arm.outcomes),
                mean,
                share(arm.best),
            ]
        )
    headers = ("EXPERIMENT", "STATE", "TRAFFIC", "OUTCOMES", "MEAN", "BEST")
    told = table(headers, found, ("TRAFFIC", "OUTCOMES", "BEST"))
    why = [Text.assemble((f"{view.experiment}: ", "bold"), view.experiment_says)]
    out = (a for a in view.arms if a.state == "Out" and a.message not in view.experiment_says)
    why += [Text.assemble((f"{arm.name}: ", "bold"), arm.message) for arm in out]
    return Group(told, *(indented(line) for line in why))


def _arm_state(view: reading.Deployment, arm: reading.Arm) -> Text:
    """Return how a model stands; once the experiment is over, whether it won."""
    if view.experiment_is_over and arm.state != "Out":
        return GOOD.before("Won") if arm.name == view.winner else REST.before("Ended")
    return ARMS.get(arm.state, REST).before(arm.state or NONE)


def _rejected(view: reading.Deployment, now: datetime, said: str) -> RenderableType | None:
    """Return what was rolled back, newest first, and why, unless that was said already."""
    if not view.rejected:
        return None
    newest = list(reversed(view.rejected))
    found = [(BAD.before(r.name), r.reason, age(r.time, now)) for r in newest[:REJECTIONS]]
    why = [
        Text.assemble((f"{r.name}: ", "bold"), r.message)
        for r in newest[:1]
        if r.message not in said
    ]
    told = table(("ROLLED BACK", "REASON", "AGE"), found)
    return Group(told, *(indented(line) for line in why))


def _facts(body: Json, view: reading.Deployment) -> RenderableType | None:
    name = meta(body, "name")
    older = ""
    if view.outdated:
        older = f"older than the operator's: kubectl perennial refresh {name} renews it"
    replicas = count(at(body, "spec.replicas")) if "replicas" in part(body, "spec") else 1
    return facts(
        [
            ("ADDRESS", view.address),
            ("ON TRIAL", view.address_of_trial),
            ("IMAGE", older),
            ("REPLICAS", "none are wanted" if replicas == 0 else ""),
        ]
    )
