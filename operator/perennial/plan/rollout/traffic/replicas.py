"""Shares of the traffic by numbers of pods behind one Service.

A Service's selector names one revision, or all of them. While it names all, each ready pod has as
many requests as any other, so that every revision with pods has a share.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from perennial.api.values import Json
from perennial.plan.core import Finding
from perennial.plan.rollout.goal import Goal
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.serving.service import service

BY_PODS = True
CLOSE_ENOUGH = 0.5
"""Points by which a share may be off: it is told in whole percents."""
PERIOD = 100
"""Any share in whole percents is exact for one of so many totals in a row."""


def pods(goal: Goal, replicas: int, most: int) -> dict[str, int]:
    """Return the pods of each arm by which it has its share; ``most`` is for all of them."""
    found = {arm.revision: arm.pods for arm in goal.arms}
    sharing = [arm for arm in goal.arms if arm.share > 0]
    if replicas > 0 and len(sharing) > 1:
        # Behind an open Service, pods are a share.
        found = dict.fromkeys(found, 0)
        counts = split(replicas, [arm.share for arm in sharing], most)
        found |= {arm.revision: n for arm, n in zip(sharing, counts, strict=True)}
    return found


def split(replicas: int, shares: Sequence[int], most: int) -> tuple[int, ...]:
    """Return pods whose ratio comes within half a point of the shares.

    Of those that do, such as leave the first arm, stable, all its ``replicas``: what goes back to
    it need not wait for its pods. Else the fewest. Where ``most`` pods are too few to come so
    close, it is the closest ratio.

    None has more than ``replicas``, and together they have at least that many, so that capacity
    never falls below what was asked for.

    Args:
        replicas: pods asked for, at least 1.
        shares: in percent, each above 0, with the sum 100.
        most: pods that there may be.
    """
    best, off = (1,) * len(shares), 100.0
    asked = replicas, shares, most
    for counts in chain(_stable_whole(*asked), _fewest_first(*asked)):
        pairs = zip(counts, shares, strict=True)
        missed = max(abs(100 * n / sum(counts) - share) for n, share in pairs)
        if missed < off:
            best, off = counts, missed
        if off <= CLOSE_ENOUGH:
            break
    return best


def _stable_whole(replicas: int, shares: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """Yield the pods next to the shares, of which the first arm has all that it may have."""
    below = 100 * replicas // shares[0]
    for total in (below, below + 1):
        others = _apportioned(total - replicas, shares[1:], replicas)
        if sum(others) == total - replicas and total <= most:
            yield replicas, *others


def _fewest_first(replicas: int, shares: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """Yield the pods closest to the shares, of one total after the other."""
    fewest = max(replicas, len(shares))
    for total in range(fewest, max(fewest, min(most, fewest + PERIOD)) + 1):
        if max(shares) * total >= 100 * (replicas + 1):
            break  # the largest has all that it may have: from here on it falls behind
        counts = _apportioned(total, shares, replicas)
        if sum(counts) == total:
            yield counts


def _apportioned(total: int, shares: Sequence[int], largest: int) -> tuple[int, ...]:
    """Return whole numbers from 1 to ``largest`` whose ratio is close to that of the shares.

    Their sum is the total where that can be.
    """
    exact = [total * share / sum(shares) for share in shares]
    counts = [min(largest, max(1, int(n))) for n in exact]
    arms = range(len(shares))
    while sum(counts) < total and (free := [i for i in arms if counts[i] < largest]):
        counts[max(free, key=lambda i: exact[i] - counts[i])] += 1
    while sum(counts) > total and (free := [i for i in arms if counts[i] > 1]):
        counts[min(free, key=lambda i: exact[i] - counts[i])] -= 1
    return tuple(counts)


def makes(goal: Goal, pods: dict[str, int]) -> dict[str, int]:
    """Return the shares in percent that so many pods of each arm make of a goal."""
    answering = {revision: pods[revision] for revision in goal.answering}
    return percents(answering) or {arm.revision: arm.share for arm in goal.arms}


def percents(pods: dict[str, int]) -> dict[str, int]:
    """Return each one's part of all pods, in percent; nothing where there are none."""
    total = sum(pods.values())
    return {revision: round(100 * n / total) for revision, n in pods.items()} if total else {}


def is_known(s: DeploymentSnapshot) -> bool:
    """Tell whether it can be seen where requests go: not while routes of another way are there."""
    return not s.routes


def reached(s: DeploymentSnapshot, goal: Goal | None = None) -> frozenset[str]:
    """Return the revisions with pods that requests reach by a goal; without one, now."""
    if goal is None and s.service is None:
        return frozenset()
    chosen = s.selection if goal is None else _selection(goal)
    return frozenset(name for name in s.populated if chosen in (None, name))


def capacity(s: DeploymentSnapshot, ready: Mapping[str, int], goal: Goal | None = None) -> float:
    """Return how many ready pods have requests by a goal; without one, now.

    Behind one Service each pod answers for any other.
    """
    return float(sum(ready.get(revision, 0) for revision in reached(s, goal)))


def between(
    s: DeploymentSnapshot, goal: Goal, leaving: frozenset[str], ready: Mapping[str, int]
) -> Goal:
    """Return the shares on the way to a goal: those of the pods that are ready.

    While none is, requests wait for stable's.
    """
    total = sum(ready.values())
    if total == 0:
        return Goal((replace(goal.arms[0], share=100),))

    def share(pods: int) -> int:
        return max(1, round(100 * pods / total)) if pods else 0  # one of 1,000 takes part, too

    return Goal(tuple(replace(arm, share=share(ready[arm.revision])) for arm in goal.arms))


def is_set(s: DeploymentSnapshot, goal: Goal) -> bool:
    """Tell whether requests were seen to go where a goal says."""
    return s.service is not None and s.selection == _selection(goal)


def turns(s: DeploymentSnapshot, goal: Goal) -> bool:
    """Tell whether a goal asks for requests to go elsewhere than they are asked to now."""
    return not is_set(s, goal)


def objects(s: DeploymentSnapshot, goal: Goal | None) -> tuple[Json, ...]:
    """Return the Service, turned where a goal says; without one, as it stands."""
    return (service(s.deployment, s.selection if goal is None else _selection(goal)),)


def measured(s: DeploymentSnapshot) -> dict[str, int]:
    """Return the shares in percent that the ready pods really have."""
    found = percents({revision: s.ready_as_reported(revision) for revision in reached(s)})
    alone = {s.selection: 100} if s.selection is not None else {}
    return found or alone


def problem(s: DeploymentSnapshot) -> Finding | None:
    """Return why requests do not go as they are asked to: Kubernetes' own Services need nobody."""
    return None


def notice(s: DeploymentSnapshot) -> Finding | None:
    """Return what is not heeded, though requests come: nothing is asked for that could be."""
    return None


def _selection(goal: Goal) -> str | None:
    """Return the revision that the Service is to name; None: all of them."""
    answering = goal.answering
    return next(iter(answering)) if len(answering) == 1 else None
