"""What is known of an experiment's arms after each batch, and whether that decides."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from perennial.api.deployment import Experiment, ExperimentStatus
from perennial.api.deployment.status.experiment import STABLE, Result
from perennial.api.values import seconds
from perennial.plan.rollout.experiment.arms import taking_part
from perennial.plan.rollout.experiment.told import batch_of
from perennial_statistics.best_arm import (
    bounds,
    leader,
    least_above,
    planned_variance,
    probabilities_best,
)
from perennial_statistics.intervals import NORMAL_95
from perennial_statistics.numbers import in_percent, kept
from perennial_statistics.stratified_means import Effects, StratifiedMeans

DRAWS = 10_000
"""Of the posterior, where there are more than two arms."""
HALVED_AFTER = 0.1
"""What is recent counts half after this part of the experiment's longest time."""
DIGITS = 6


@dataclass(frozen=True)
class Ending:
    """How an experiment ends."""

    result: Result
    message: str
    winner: str = ""


def after_batch(experiment: Experiment, known: ExperimentStatus, uid: str) -> ExperimentStatus:
    """Return what is known once the present batch is over: each age in it is a stratum.

    Args:
        experiment: what is asked.
        known: before.
        uid: of the object, by which draws are made: the same for whoever makes them.
    """
    whole, recent = _carried(known, known.evidence), _carried(known, known.recent)
    lasted = seconds(experiment.batch)
    if known.batch_time is not None and known.judged_until is not None:
        lasted = (known.judged_until - known.batch_time).total_seconds()
    recent = recent.fading(0.5 ** (lasted / (HALVED_AFTER * seconds(experiment.stop.after))))
    for stratum in batch_of(known):
        whole, recent = whole.after(stratum), recent.after(stratum)
    planned = known.planned_variance
    if not planned and has_enough(experiment, known, whole):
        # Fixed before anything is decided: one that followed the data would void the certainty.
        planned = kept(planned_variance(whole, experiment.stop.minimum_outcomes))
    update = {
        "evidence": whole.to_list(),
        "recent": recent.to_list(),
        "planned_variance": planned,
        "batch": [],
        "batch_time": known.judged_until,
        "batches": known.batches + 1,
    }
    return _with_numbers(experiment, known.model_copy(update=update), uid)


def has_enough(
    experiment: Experiment, known: ExperimentStatus, means: StratifiedMeans | None = None
) -> bool:
    """Tell whether there are outcomes enough of each arm for anything to follow from them."""
    means = means or _carried(known, known.evidence)
    fewest = min(means.rows[at] for at in _index(known))
    return fewest >= experiment.stop.minimum_outcomes


def ending(experiment: Experiment, known: ExperimentStatus, now: datetime) -> Ending | None:
    """Return how the experiment ends, None where it goes on."""
    stop, index = experiment.stop, _index(known)
    passed = (now - (known.start_time or now)).total_seconds()
    late = passed >= seconds(stop.after)
    whole, effects = _carried(known, known.evidence), _effects(known, known.evidence)
    if effects is None or not has_enough(experiment, known, whole):
        if not late:
            return None
        fewest = int(min(whole.rows[at] for at in index))
        message = (
            f"{stop.after} are over, and of one model there are {fewest} outcomes only, fewer than "
            f"stop.minimumOutcomes ({stop.minimum_outcomes}): nothing is decided"
        )
        return Ending("Undecided", message)
    found = leader(whole, effects, 1 - stop.probability_best, known.planned_variance)
    name, told = known.arms[found.arm].name, _told(experiment, known, effects, found.arm)
    others = frozenset(effects.arms) - {found.arm}
    is_so_now = _leads_lately(known, found.arm, others)
    if found.best and is_so_now:
        won = _told(experiment, known, effects, found.arm, found.beats)
        return Ending("Winner", f"{name} won: {won}", name)
    matters = stop.value_remaining * abs(whole.means(effects)[found.arm])
    settled = stop.value_remaining > 0 and found.margin <= matters
    settled = settled and _leads_lately(known, found.arm, found.beats)
    if not settled and not late:
        return None
    if name != STABLE and 0 in found.beats and is_so_now:
        won = _told(experiment, known, effects, found.arm, frozenset({0}))
        message = f"{name} won over stable, though another model may be as good: {won}"
        return Ending("Winner", message, name)
    if settled:
        equal = [known.arms[a].name for a in sorted(others - found.beats)]
        message = (
            f"no difference that matters: {name} is better than {', '.join(equal)} by less than "
            f"{in_percent(stop.value_remaining)} of its mean, if at all (95 % sure); {told}"
        )
        return Ending("NoDifference", message)
    return Ending("Undecided", f"{stop.after} are over without a winner: {told}")


def _leads_lately(known: ExperimentStatus, arm: int, others: frozenset[int]) -> bool:
    """Tell whether what was told lately speaks for none of the others: the best may change."""
    effects = _effects(known, known.recent)
    if effects is None:
        return True
    return all(effects.between(arm, other)[0] >= 0 for other in others)


def _told(
    experiment: Experiment,
    known: ExperimentStatus,
    effects: Effects,
    first: int,
    beaten: frozenset[int] = frozenset(),
) -> str:
    """Return the numbers of the arm in front, and of the best of those that it beat, or of all."""
    certainty, planned = experiment.stop.probability_best, known.planned_variance
    others = [a for a in effects.arms if a != first and (a in beaten or not beaten)]
    second = min(others, key=lambda a: effects.between(first, a)[0])
    one, other = known.arms[first], known.arms[second]
    if beaten:  # by what decided: an interval with two ends is wider, and might hold 0
        least = least_above(effects, first, second, 1 - certainty, planned)
        between = f"at equal times better by at least {least:.3g} ({certainty:.4g} sure)"
    else:
        low, high = bounds(effects, first, second, 1 - certainty, planned)
        between = f"at equal times {low:+.3g} to {high:+.3g} ({certainty:.4g} sure)"
    if not planned:
        between = "they do not vary, so it is not known how sure that is"
    return (
        f"mean reward {one.mean:.4g} of {one.outcomes:,} outcomes of {one.name}, "
        f"{other.mean:.4g} of {other.outcomes:,} of {other.name}; {between}"
    )


def _with_numbers(experiment: Experiment, known: ExperimentStatus, uid: str) -> ExperimentStatus:
    """Return the arms with what people, and the shares, follow."""
    whole = _carried(known, known.evidence)
    effects = _effects(known, known.evidence)
    lately = _carried(known, known.recent)
    newest = _effects(known, known.recent) if has_enough(experiment, known, lately) else effects
    means = whole.means(effects) if effects is not None else {}
    errors = whole.errors(effects) if effects is not None else {}
    best = probabilities_best(newest, _draws(uid, len(newest.arms))) if newest is not None else {}
    arms = []
    for at, arm in enumerate(known.arms):
        mean, half = means.get(at), NORMAL_95 * errors.get(at, 0.0)
        update = {
            "outcomes": int(whole.rows[at]),
            "mean": None if mean is None else round(mean, DIGITS) + 0.0,  # never minus zero
            "low": None if mean is None else round(mean - half, DIGITS),
            "high": None if mean is None else round(mean + half, DIGITS),
            "probability_best": round(best[at], DIGITS) if at in best else None,
        }
        arms.append(arm.model_copy(update=update))
    return known.model_copy(update={"arms": arms})


def _draws(uid: str, arms: int) -> Iterator[Sequence[float]]:
    drawn = random.Random(uid)
    return ([drawn.gauss(0, 1) for _ in range(arms - 1)] for _ in range(DRAWS))


def _carried(known: ExperimentStatus, numbers: Sequence[float]) -> StratifiedMeans:
    """Return what was carried on; what makes no sense begins anew."""
    try:
        return StratifiedMeans.from_list(numbers, len(known.arms))
    except ValueError:
        return StratifiedMeans.none(len(known.arms))


def _effects(known: ExperimentStatus, numbers: Sequence[float]) -> Effects | None:
    """Return the differences of the arms that take part, None where one cannot be compared."""
    found, index = _carried(known, numbers).effects(), _index(known)
    if found is None or len(index) < 2 or not set(index) <= set(found.arms):
        return None
    return found.only(index)


def _index(known: ExperimentStatus) -> list[int]:
    names = {arm.name for arm in taking_part(known)}
    return [at for at, arm in enumerate(known.arms) if arm.name in names]
