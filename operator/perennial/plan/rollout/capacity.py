"""How a goal is made so, write by write. Begin to read here.

A goal says which revisions are to have which share of the traffic, and how many pods. Getting
there takes many passes, and each of them does what may be done by now:

1. **Capacity before weight.** What is to grow grows, as far as the budget of pods goes.
2. **Weight.** Requests are sent elsewhere once the pods that are to take them are ready there.
3. **Scale-down after weight.** What is to shrink shrinks by what is ready beyond the pods asked
   for; what serves does so last, and nothing does while requests are being turned.

So there are never fewer ready pods behind the Service than asked for while that many can be had,
wherever the operator is killed between two writes, and whichever of them is refused. Nothing here
knows what a canary is, or how requests are divided.
"""

from dataclasses import replace

from perennial.api.base import Json
from perennial.plan.core import Deletion, owned_by
from perennial.plan.rollout.goal import Arm, Goal, Seen, Traffic
from perennial.plan.rollout.snapshot import REVISION_LABEL, ROLE_LABEL, DeploymentSnapshot
from perennial.plan.workload import workload

Pods = dict[str, int]
"""Pods by revision."""


def children(s: DeploymentSnapshot, goal: Goal, traffic: Traffic) -> tuple[Json, ...]:
    """Return the children to apply in this pass, in the order of their writes."""
    wanted = wanted_pods(s, goal, traffic)
    wanted[goal.stable] = max(wanted[goal.stable], _stables_part(s, goal, traffic))
    grown = _grown(s, goal, wanted, traffic)
    route = _route(s, goal, wanted, grown, traffic)
    turns = route is not None and not traffic.is_set(s, route)
    # Until it was *seen* turned: that write may be refused, and the next one not.
    sizes = grown if turns else _shrunk(s, goal, wanted, grown, traffic)
    roles = {name: live["metadata"]["labels"][ROLE_LABEL] for name, live in _named(s).items()}
    roles |= {arm.revision: arm.role for arm in goal.arms}
    larger: list[Json] = []
    smaller: list[Json] = []
    for revision in _stable_first(s, goal):
        record = s.record(revision)
        if record is None:
            continue  # it is recorded first
        child = workload(s.deployment, record, roles[revision], sizes[revision])
        (smaller if sizes[revision] < s.asked(revision) else larger).append(child)
    return (*larger, *traffic.objects(s, route), *smaller)


def wanted_pods(s: DeploymentSnapshot, goal: Goal, traffic: Traffic) -> Pods:
    """Return the pods that every revision is to have in the end: those without a part have none.

    Pods that only stand by are cut to the budget, in the goal's order.
    """
    most, by_share = _budget(s), traffic.pods(goal, s.replicas, _budget(s))
    wanted = dict.fromkeys(_named(s), 0)
    used = sum(s.asked(revision) for revision in _leaving(s, goal, traffic))
    for arm in sorted(goal.arms, key=lambda arm: arm.share == 0):
        pods = by_share[arm.revision]
        wanted[arm.revision] = pods if arm.share > 0 else max(0, min(pods, most - used))
        used += wanted[arm.revision]
    return wanted


def _stables_part(s: DeploymentSnapshot, goal: Goal, traffic: Traffic) -> int:
    """Return the pods that stable must have as requests go now, though the goal gives it fewer."""
    reached = traffic.reached(s)
    if goal.stable not in reached:
        return 0
    return s.replicas - sum(s.asked(revision) for revision in reached - {goal.stable})


def seen(s: DeploymentSnapshot, goal: Goal, traffic: Traffic) -> Seen:
    """Return how far a goal is so."""
    wanted = wanted_pods(s, goal, traffic)
    return Seen(
        complete=frozenset(r for r, pods in wanted.items() if s.ready(r) >= pods),
        lacking=frozenset(r for r, pods in wanted.items() if s.ready(r) < min(pods, s.asked(r))),
        routed=traffic.is_set(s, goal),
        makes=traffic.makes(goal, wanted),
    )


def unreached(
    s: DeploymentSnapshot, goal: Goal, named: frozenset[str], traffic: Traffic
) -> tuple[Deletion, ...]:
    """Return the Deployments to delete: those that nobody names and no request reaches."""
    reached = traffic.reached(s)
    is_known = bool(reached) or traffic.is_set(s, goal)
    return tuple(
        Deletion("apps/v1", "Deployment", meta["namespace"], meta["name"], meta["uid"])
        for revision, live in _named(s).items()
        if owned_by(live, s.deployment.metadata.uid)
        and (meta := live["metadata"])
        and revision not in named | reached
        and (is_known or s.asked(revision) + s.told_ready(revision) == 0)
    )


def _grown(s: DeploymentSnapshot, goal: Goal, wanted: Pods, traffic: Traffic) -> Pods:
    """Return the pods to ask for before anything shrinks: what is to grow, within the budget."""
    grown = {revision: s.asked(revision) for revision in wanted}
    room, reached = _budget(s) - sum(grown.values()), traffic.reached(s)
    for arm in goal.arms:
        more = wanted[arm.revision] - grown[arm.revision]
        # Where requests reach several, pods of one that is to have none would be a share.
        if more <= 0 or (arm.share == 0 and reached - {arm.revision} and arm.revision in reached):
            continue
        first = 1 if arm.share > 0 and grown[arm.revision] == 0 else 0  # else nothing ever moves
        given = min(more, max(room, first))
        grown[arm.revision] += given
        room -= given
    return grown


def _route(
    s: DeploymentSnapshot, goal: Goal, wanted: Pods, grown: Pods, traffic: Traffic
) -> Goal | None:
    """Return by which shares requests are to go from this pass on; None: as they do."""
    if _can_take(s, goal, wanted, traffic):
        return goal
    between = _by_ready_pods(s, goal, traffic)
    is_cut = any(grown[arm.revision] < wanted[arm.revision] for arm in goal.arms if arm.share > 0)
    if not traffic.reached(s) and between.answering:
        return between
    # Not all pods fit in at once: those that are here take their part, so that others can go.
    return between if is_cut and _can_take(s, between, grown, traffic) else None


def _can_take(s: DeploymentSnapshot, goal: Goal, needed: Pods, traffic: Traffic) -> bool:
    """Tell whether enough pods are ready where a goal sends requests, and none that it does not."""
    now, then = traffic.reached(s), traffic.reached(s, goal)
    joining = goal.answering - now - {goal.stable}
    if any(s.ready(revision) < max(1, needed[revision]) for revision in joining):
        return False
    if then - now - goal.answering:
        return False
    return sum(s.ready(revision) for revision in then) >= _floor(s, goal, traffic)


def _by_ready_pods(s: DeploymentSnapshot, goal: Goal, traffic: Traffic) -> Goal:
    """Return the shares on the way to a goal: those of the pods that are ready."""
    leaving = (Arm(revision, "", 0, 0) for revision in _leaving(s, goal, traffic))
    arms = (*goal.arms, *leaving)
    total = sum(s.ready(arm.revision) for arm in arms)
    if total == 0:
        return goal

    def share(ready: int) -> int:
        return max(1, round(100 * ready / total)) if ready else 0  # one of 1,000 takes part, too

    return Goal(tuple(replace(arm, share=share(s.ready(arm.revision))) for arm in arms))


def _shrunk(s: DeploymentSnapshot, goal: Goal, wanted: Pods, grown: Pods, traffic: Traffic) -> Pods:
    """Return the pods to ask for: fewer where enough others are ready behind the Service."""
    sizes, needed = dict(grown), _floor(s, goal, traffic)
    # Pods that are about to end are ready, but not to be counted on.
    ready = {r: min(s.ready(r), s.asked(r)) for r in traffic.reached(s)}
    others = goal.answering - {goal.stable}
    waits = any(s.ready(revision) < grown[revision] for revision in others)
    leaving = _leaving(s, goal, traffic)
    for revision in reversed(_stable_first(s, goal)):
        has_part = revision in leaving or any(arm.revision == revision for arm in goal.arms)
        if sizes[revision] <= wanted[revision] or not has_part:
            continue  # what has no part and no requests is deleted, not scaled
        if revision == goal.stable and waits:
            continue
        missing = needed - (sum(ready.values()) - ready.get(revision, 0))
        kept = min(missing, sizes[revision]) if revision in ready else 0
        sizes[revision] = max(wanted[revision], kept)
        if revision in ready:
            ready[revision] = min(ready[revision], sizes[revision])
    return sizes


def _floor(s: DeploymentSnapshot, goal: Goal, traffic: Traffic) -> int:
    """Return the ready pods that requests must reach: those asked for, as far as there are any.

    Where the cluster has no room for stable, one pod at a time of what has to go makes it.
    """
    reached = traffic.reached(s)
    floor = min(s.replicas, sum(s.told_ready(revision) for revision in reached))
    trouble = s.trouble(goal.stable) if _leaving(s, goal, traffic) else None
    makes_room = trouble is not None and trouble.blame == "Cluster"
    return max(1, floor - 1) if makes_room and floor > 0 else floor


def _budget(s: DeploymentSnapshot) -> int:
    """Return how many pods there may be of all revisions together."""
    return s.replicas + s.deployment.spec.rollout.surge(s.replicas)


def _leaving(s: DeploymentSnapshot, goal: Goal, traffic: Traffic) -> frozenset[str]:
    """Return the revisions that have no part in the goal, but requests yet."""
    return traffic.reached(s) - {arm.revision for arm in goal.arms}


def _stable_first(s: DeploymentSnapshot, goal: Goal) -> list[str]:
    """Return all revisions: the goal's in its order, then those without a part."""
    arms = [arm.revision for arm in goal.arms]
    return [*arms, *(revision for revision in _named(s) if revision not in arms)]


def _named(s: DeploymentSnapshot) -> dict[str, Json]:
    """Return the Deployments by their revisions."""
    return {str(live["metadata"]["labels"][REVISION_LABEL]): live for live in s.workloads}
