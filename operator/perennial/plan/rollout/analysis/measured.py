"""What is asked of others now and then: when, and what follows from the numbers.

A number that misses the limit is a miss: more than ``failures`` of them fail. No number is none:
it neither passes nor counts against what is on trial, and after a few in a row it is Unreachable.
"""

from datetime import datetime

from perennial.api.deployment import MeasurementStatus, MetricStatus, OutsideLimit
from perennial.api.values import seconds
from perennial.plan.core.outside import Measurement
from perennial.plan.rollout.analysis.course import followed

UNANSWERED = 4
"""So many measurements in a row may give no number; one more, and a person is asked."""
BETWEEN = "its next number is waited for"


def is_due(limit: OutsideLimit, known: MetricStatus | None, now: datetime) -> bool:
    """Tell whether it is time for another measurement; a clock that was set back waits for none."""
    last = known.measured.last_time if known is not None and known.measured else None
    if last is None:
        return True
    passed = (now - last).total_seconds()
    return passed >= seconds(limit.interval) or passed < 0


def after(
    limit: OutsideLimit, known: MetricStatus, found: Measurement, now: datetime
) -> MetricStatus:
    """Return what is known of a metric after one more measurement."""
    before = known.measured or MeasurementStatus()
    if found.value is None:
        counts = before.model_copy(
            update={
                "unanswered": before.unanswered + 1,
                "last_time": now,
                "problem": found.problem[:1024],
            }
        )
        return _told(limit, known.model_copy(update={"measured": counts}))
    counts = MeasurementStatus(
        taken=before.taken + 1,
        misses=before.misses + _misses(limit, found.value),
        last_time=now,
    )
    course = followed(known.course, found.value, counts.taken)
    numbers = {"value": found.value, "course": course}
    return _told(limit, known.model_copy(update={**numbers, "measured": counts}))


def anew(known: MetricStatus, since: datetime | None) -> MetricStatus:
    """Return what is known where more was given to the canary since the last number.

    What it did with a smaller share of the traffic is no success with a larger one.
    """
    counts = known.measured
    if known.verdict != "Successful" or since is None or counts is None:
        return known
    if counts.last_time is None or counts.last_time >= since:
        return known
    message = f"{known.name}: {BETWEEN}, since its share of the traffic has changed"
    return known.model_copy(update={"verdict": "Undecided", "message": message})


def refused(known: MetricStatus, message: str) -> MetricStatus:
    """Return what is known of a metric that nobody may be asked for."""
    told = {"verdict": "Unreachable", "message": f"{known.name}: {message}"}
    return known.model_copy(update=told)


def is_lost(before: MetricStatus | None, known: MetricStatus) -> bool:
    """Tell whether one more measurement gave no number, after as many as may give none."""
    counts = known.measured
    if counts is None or counts.unanswered <= UNANSWERED:
        return False
    had = before.measured.unanswered if before is not None and before.measured else 0
    return counts.unanswered != had


def _misses(limit: OutsideLimit, value: float) -> bool:
    if limit.maximum is not None:
        return value > limit.maximum
    return limit.minimum is not None and value < limit.minimum


def _told(limit: OutsideLimit, known: MetricStatus) -> MetricStatus:
    """Return what is known with its verdict in a word and in a sentence."""
    counts = known.measured
    assert counts is not None
    bound = limit.maximum if limit.maximum is not None else limit.minimum
    what = f"the {'maximum' if limit.maximum is not None else 'minimum'} of {bound:g}"
    update: dict[str, object] = {"reference": bound, "suspected": False}
    missed = known.value is not None and _misses(limit, known.value)
    if counts.misses > limit.failures:
        told = f"{_number(known)} misses {what}"
        if counts.misses > 1 or not missed:
            told = f"{counts.misses} of {counts.taken} measurements missed {what}"
            told += f", the last number is {_number(known)}"
        forgiven = f"; {limit.failures} may" if limit.failures else ""
        update |= {"verdict": "Failed", "message": f"{known.name}: {told}{forgiven}"}
    elif counts.unanswered:
        often = f", {counts.unanswered} times in a row" if counts.unanswered > 1 else ""
        verdict = "Unreachable" if counts.unanswered > UNANSWERED else "Undecided"
        message = f"{known.name}: no number{often}: {counts.problem}"
        update |= {"verdict": verdict, "message": message}
    elif missed:
        told = f"{_number(known)} misses {what}, for the {_ordinal(counts.misses)} time"
        message = f"{known.name}: {told}, and {limit.failures} may; {BETWEEN}"
        update |= {"verdict": "Undecided", "message": message, "suspected": True}
    else:
        message = f"{known.name}: {_number(known)} keeps {what}"
        update |= {"verdict": "Successful", "message": message}
    if known.value is not None:
        times = f"{counts.taken} measurement{'' if counts.taken == 1 else 's'}"
        told = f"{known.name} {_number(known)} against {bound:g} allowed after {times}"
        update |= {"summary": told}
    return known.model_copy(update=update)


def _number(known: MetricStatus) -> str:
    return f"{known.value:.6g}" if known.value is not None else "none"


def _ordinal(n: int) -> str:
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
