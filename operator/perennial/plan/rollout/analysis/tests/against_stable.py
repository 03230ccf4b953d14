"""Against what stable counts at the same time."""

from collections.abc import Sequence

from perennial.api.deployment import MetricStatus
from perennial_statistics.against_stable import AgainstStable, StablePast
from perennial_statistics.proportions import Counted
from perennial_statistics.verdict import Verdict


def begin(known: MetricStatus, past: StablePast) -> MetricStatus:
    """Return what is known at the first look, after what stable counted before it."""
    return known.model_copy(update=AgainstStable.begin(past).to_json())


def after(
    known: MetricStatus, ours: Counted, theirs: Counted, margins: Sequence[float]
) -> MetricStatus:
    """Return what is known after one more look.

    Raises:
        ValueError: what was carried on is something else; begin anew.
    """
    test = _carried(known, len(ours.events)).after(ours, theirs, margins)
    return known.model_copy(update=test.to_json())


def verdict(
    known: MetricStatus, what: Sequence[str], margins: Sequence[float], name: str
) -> Verdict:
    """Return what the test says by now.

    Raises:
        ValueError: what was carried on is something else; begin anew.
    """
    return _carried(known, len(what)).verdict(what, margins, known.alpha, name)


def _carried(known: MetricStatus, shares: int) -> AgainstStable:
    carried: dict[str, Sequence[float]] = {"canary": known.canary, "stable": known.stable}
    return AgainstStable.from_json(carried, shares)
