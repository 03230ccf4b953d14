"""How much of the traffic each arm of an experiment is to have."""

import math

from perennial.api.deployment import ArmStatus, Experiment, ExperimentStatus, Share
from perennial.api.deployment.status import STABLE
from perennial.plan.rollout.experiment.arms import each, taking_part
from perennial_statistics.bandit import next_shares, whole_shares


def asked(experiment: Experiment, known: ExperimentStatus, enough: bool) -> dict[str, int]:
    """Return the share in percent that each arm is to have next; those that are out have none.

    Args:
        experiment: what is asked.
        known: of its arms.
        enough: outcomes of each arm are known, so that shares may move.
    """
    arms = taking_part(known)
    if experiment.fixed is not None:
        return _fixed(experiment, arms)
    sampling = experiment.sampling
    assert sampling is not None
    least = math.ceil(100 * sampling.minimum_share - 1e-9)
    before = [arm.share.asked if arm.share is not None else 0 for arm in arms]
    if sum(before) != 100:  # at the beginning, or where one was taken out
        weights = [float(b) for b in before] if all(before) else [1.0] * len(arms)
        before = list(whole_shares(weights, least))
    chances = [arm.probability_best for arm in arms]
    if not enough or any(p is None for p in chances):
        return _named(arms, before if min(before) >= least else whole_shares(before, least))
    likely = [p for p in chances if p is not None]
    return _named(arms, next_shares(before, likely, least, sampling.maximum_step))


def _fixed(experiment: Experiment, arms: list[ArmStatus]) -> dict[str, int]:
    """Return the shares as they were written; those of what is out go to the others."""
    assert experiment.fixed is not None
    written = {s.name: s.share for s in experiment.fixed.shares or ()}
    if not written:
        return _named(arms, whole_shares([1.0] * len(arms), 1))
    written[STABLE] = 100 - sum(written.values())
    return _named(arms, whole_shares([float(written.get(arm.name, 1)) for arm in arms], 1))


def _named(arms: list[ArmStatus], shares: "list[int] | tuple[int, ...]") -> dict[str, int]:
    return {arm.name: share for arm, share in zip(arms, shares, strict=True)}


def with_shares(known: ExperimentStatus, shares: dict[str, int]) -> ExperimentStatus:
    """Return an experiment whose arms are asked to have these shares."""

    def change(arm: ArmStatus) -> ArmStatus:
        if arm.name not in shares:
            return arm.model_copy(update={"share": None})
        actual = arm.share.actual if arm.share is not None else 0
        return arm.model_copy(update={"share": Share(asked=shares[arm.name], actual=actual)})

    return each(known, change)
