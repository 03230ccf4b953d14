"""Predictions by the time when they were made, with what became known of them since.

Pods tell what arrived in some time, by how old the prediction was. A label that arrived is counted
with the predictions of its age before: to within a class of age. So labels that come late are held
against their own predictions, and a cohort is judged once its labels are in.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from perennial.api.monitor import (
    COHORTS_KEPT,
    DELAYS_KEPT,
    Cohort,
    Delay,
    MonitorSpec,
    Performance,
    PerformanceMetricStatus,
    PerformanceStatus,
)
from perennial.api.values import seconds
from perennial.plan.monitoring.measures import NOTHING, SIZE, measure_of
from perennial_artifact.outcomes import AGES, Known, Outcomes
from perennial_statistics.late_labels import FEWEST_LABELS
from perennial_statistics.numbers import kept

DAY_SECONDS = 86_400
PARTS, MINUTE = 24, 60
"""Cohorts of a window, and the shortest of them in seconds."""
COME = 0.95
"""The share of the labels that have come when they are called known."""
LEARNED_SECONDS = 82_800
"""For so long it is watched how late labels come before that is known: pods keep a day."""
MANY = 10_000.0
"""Labels of one name from which on half of them are forgotten, so that newer delays count."""
OTHER = "other"
FADES = 1 - 1 / PARTS
"""What of the past still counts with each cohort that joins it."""


def width(asked: Performance) -> int:
    """Return the seconds of a cohort: whole minutes where pods count, as they do so for a day."""
    shortest = 1 if asked.is_from_log else MINUTE
    return max(1, round(seconds(asked.window) / PARTS / shortest)) * shortest


def key_of(asked: Performance) -> str:
    """Return a hash of what is asked; what is known begins anew where that has changed."""
    written = asked.to_json()
    for name in ("maturity", "estimated"):
        written.pop(name, None)
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()[:10]


def begun(asked: Performance, before: PerformanceStatus | None, version: str) -> PerformanceStatus:
    """Return what is known before the first look at a version.

    How late labels come, and how many do, is no version's own.
    """
    known = before or PerformanceStatus()
    if known.key == key_of(asked) and known.version == version:
        return known
    return PerformanceStatus(
        key=key_of(asked),
        version=version,
        metrics=[PerformanceMetricStatus(name=m.name) for m in asked.metrics],
        past=known.past,
        delays=known.delays,
        delays_since=known.delays_since,
    )


def added(
    asked: Performance,
    known: PerformanceStatus,
    found: Outcomes | None,
    start: int,
    end: int,
    is_new: bool,
) -> PerformanceStatus:
    """Return what is known after what arrived in ``[start, end)`` too.

    Args:
        asked: what is.
        known: before it.
        found: of the version; None where nothing is.
        start: seconds since 1970; with ``end`` within one cohort's time.
        end: seconds since 1970.
        is_new: no prediction of the version is older than what is known.
    """
    span = width(asked)
    since = int(known.since.timestamp()) if known.since is not None else start
    cohorts = {int(c.start.timestamp()): c for c in known.cohorts}
    judged = [(m, not m.lacks("", found)) for m in map(measure_of, asked.metrics)]
    own = start // span * span
    if found is None:
        return known.model_copy(update=_moved(known, start, end))
    given = [m.of_given(found) if is_told else NOTHING for m, is_told in judged]
    cohorts[own] = _with(cohorts.get(own), own, given, given=sum(found.given.values()))
    for each in found.known:
        made = (start + end) / 2 - _middle(each.age)
        place = int(max(made, since) if is_new else made) // span * span
        if place < since // span * span:
            continue  # of predictions that nobody counted
        counted = [m.of_known(found, each) if is_told else NOTHING for m, is_told in judged]
        labels = sum(map(_total, each.labels.values()))
        labels += each.errors.count if each.errors is not None else 0
        rewards = each.rewards.count if each.rewards is not None else 0
        cohorts[place] = _with(cohorts.get(place), place, counted, labels=labels, rewards=rewards)
    changes = {
        "cohorts": [cohorts[place] for place in sorted(cohorts)],
        "delays": _delays(known.delays, found.known),
        **_moved(known, start, end),
    }
    return known.model_copy(update=changes)


def _moved(known: PerformanceStatus, start: int, end: int) -> dict[str, datetime]:
    return {
        "since": known.since or _moment(start),
        "judged_until": _moment(end),
        "delays_since": known.delays_since or _moment(start),
    }


def maturity(asked: Performance, known: PerformanceStatus) -> int | None:
    """Return the age in seconds at which labels are known; None while that is not known.

    The largest, over labels, at which 95 % of those that come within a day have come: they are
    not equally late for all.
    """
    if asked.maturity is not None:
        return math.ceil(seconds(asked.maturity))
    if asked.is_from_log:
        return known.maturity_seconds
    since, until = known.delays_since, known.judged_until
    if since is None or until is None or until - since < timedelta(seconds=LEARNED_SECONDS):
        return None
    found = [_horizon(d) for d in known.delays if sum(d.counts) >= FEWEST_LABELS]
    return max(found, default=None)


def settled_until(known: PerformanceStatus, mature: int) -> float:
    """Return up to when cohorts have ended whose labels are in, in seconds since 1970."""
    assert known.judged_until is not None
    return known.judged_until.timestamp() - mature


def window(
    asked: Performance, known: PerformanceStatus, mature: int
) -> tuple[list[Cohort], list[Cohort]]:
    """Return the cohorts of the newest window whose labels are in, and those before it."""
    span, until = width(asked), settled_until(known, mature)
    settled = [c for c in known.cohorts if c.start.timestamp() + span <= until]
    begins = until - span - seconds(asked.window)
    return (
        [c for c in settled if c.start.timestamp() >= begins],
        [c for c in settled if c.start.timestamp() < begins],
    )


def longest_maturity(asked: Performance) -> int:
    """Return the highest age of predictions that a window can wait for: what is kept is bounded."""
    return (COHORTS_KEPT - PARTS - 2) * width(asked)


def performance_patience(spec: MonitorSpec) -> float | None:
    """Return the seconds for which nothing need be known of performance; None where not asked.

    A version's predictions fill a window and their labels come, as late as they may, and a report
    tells of them. It is a day at least, so that a night with few requests is within it.
    """
    asked, report = spec.performance, spec.report
    if asked is None or not asked.metrics:
        return None
    if asked.maturity is not None:
        late = seconds(asked.maturity)
    else:
        late = longest_maturity(asked) if asked.is_from_log else DAY_SECONDS
    told = seconds(report.every) + seconds(report.deadline) if report and asked.is_from_log else 0
    return max(DAY_SECONDS, seconds(asked.window) + late + told)


def trimmed(asked: Performance, known: PerformanceStatus, mature: int) -> PerformanceStatus:
    """Return what is known without cohorts that are too old; how many labels they got stays."""
    assert known.judged_until is not None
    span = width(asked)
    oldest = known.judged_until.timestamp() - seconds(asked.window) - mature - 2 * span
    keeps = [c for c in known.cohorts if c.start.timestamp() >= oldest][-COHORTS_KEPT:]
    leaving = known.cohorts[: len(known.cohorts) - len(keeps)]
    if not leaving:
        return known
    past = list(known.past) if len(known.past) == 3 else [0.0, 0.0, 0.0]
    for c in leaving:
        each = (c.given, c.labels, c.rewards)
        past = [kept(p * FADES + n) for p, n in zip(past, each, strict=True)]
    return known.model_copy(update={"cohorts": keeps, "past": past})


def share_that_comes(
    known: PerformanceStatus, older: Sequence[Cohort], of_rewards: bool
) -> float | None:
    """Return which share of predictions usually gets a label, or a reward; None while unknown."""
    past = list(known.past) if len(known.past) == 3 else [0.0, 0.0, 0.0]
    given = past[0] + sum(c.given for c in older)
    come = past[2 if of_rewards else 1] + sum(c.rewards if of_rewards else c.labels for c in older)
    return min(1.0, come / given) if given and come >= FEWEST_LABELS else None


def counts_of(cohorts: Sequence[Cohort], index: int) -> list[tuple[float, float, float]]:
    """Return what cohorts counted of the metric of an index."""
    first = SIZE * index
    found = [c.counts[first : first + SIZE] for c in cohorts]
    return [(c[0], c[1], c[2]) for c in found if len(c) == SIZE]


def _with(
    cohort: Cohort | None,
    start: int,
    counted: Sequence[Sequence[float]],
    given: int = 0,
    labels: int = 0,
    rewards: int = 0,
) -> Cohort:
    old = cohort or Cohort(start=_moment(start))
    numbers = [x for each in counted for x in each]
    before = old.counts if len(old.counts) == len(numbers) else [0.0] * len(numbers)
    return Cohort(
        start=old.start,
        given=old.given + given,
        labels=old.labels + labels,
        rewards=old.rewards + rewards,
        counts=[kept(a + b) for a, b in zip(before, numbers, strict=True)],
    )


def _middle(age: int) -> float:
    """Return the middle of a class of age, in seconds."""
    shorter = dict(pairwise((*AGES[::-1], 0)))
    return (age + shorter.get(age, age)) / 2


def _delays(before: Sequence[Delay], known: Sequence[Known]) -> list[Delay]:
    """Return how late labels come, with what came now."""
    found = {d.label: list(d.counts) for d in before if len(d.counts) == len(AGES)}
    for each in known:
        come = {label: _total(counts) for label, counts in each.labels.items()}
        values = (each.errors.count if each.errors else 0) or (
            each.rewards.count if each.rewards else 0
        )
        if not come and values:
            come = {"": values}
        for label, count in come.items():
            name = label if label in found or len(found) < DELAYS_KEPT - 1 else OTHER
            if each.age in AGES and count:
                counts = found.setdefault(name[:253], [0.0] * len(AGES))
                counts[AGES.index(each.age)] += count
    return [Delay(label=name, counts=_faded(found[name])) for name in sorted(found)]


def _faded(counts: list[float]) -> list[float]:
    return [n // 2 for n in counts] if sum(counts) > MANY else counts


def _horizon(delay: Delay) -> int:
    total, come = sum(delay.counts), 0.0
    for age, count in zip(AGES, delay.counts, strict=True):
        come += count
        if come >= COME * total:
            return age
    return AGES[-1]


def _total(counts: dict[int, int]) -> int:
    return sum(counts.values())


def _moment(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)
