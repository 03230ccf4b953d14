"""Against a fixed limit; stable only says whether errors come in bursts."""

from perennial.api.deployment import MetricStatus
from perennial_statistics.against_stable import StablePast
from perennial_statistics.limits import AgainstLimit
from perennial_statistics.proportions import Counted


def begin(known: MetricStatus, past: StablePast) -> MetricStatus:
    """Return what is known at the first look, after what stable counted before it."""
    begun = {"canary": AgainstLimit.begin().to_list(), "stable": past.to_list()}
    return known.model_copy(update=begun)


def after(
    known: MetricStatus, ours: Counted, theirs: Counted, possibly: float, highest: float
) -> MetricStatus:
    """Return what is known after one more look.

    Args:
        known: before it.
        ours: requests of the canary, and how many are surely what the metric asks about.
        theirs: the same of stable.
        possibly: how many of the canary's may be.
        highest: share that is allowed.

    Raises:
        ValueError: what was carried on is something else; begin anew.
    """
    past = StablePast.from_list(known.stable)
    bursts = past.bursts.phi()[0] if past.requests else 1.0
    limit = carried(known).after(ours.requests, ours.events[0], possibly, highest, bursts)
    found = {"canary": limit.to_list(), "stable": past.after(theirs).to_list()}
    return known.model_copy(update=found)


def carried(known: MetricStatus) -> AgainstLimit:
    """Return the test's evidence.

    Raises:
        ValueError: what was carried on is something else; begin anew.
    """
    return AgainstLimit.from_list(known.canary)
