"""Shares of the traffic by weights of a Gateway's route.

Each revision has a Service whose selector never changes; only weights move. The Service that is
called as the ModelDeployment names stable alone, for callers inside the cluster.

A route that is written is not yet in force, and one that the Gateway refuses never is. Until it has
accepted the very generation, requests may go by any of the divisions before, which the route
carries along: nothing is taken away that one of them needs.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from perennial.api.deployment import Gateway
from perennial.api.values import Json, seconds
from perennial.plan.core import Finding
from perennial.plan.core.questions import Answers
from perennial.plan.rollout.goal import Goal
from perennial.plan.rollout.snapshot import REVISION_LABEL, DeploymentSnapshot
from perennial.plan.serving import sticky
from perennial.plan.serving.children import child_name
from perennial.plan.serving.route import (
    FORBIDDEN,
    UNANSWERED,
    Division,
    Shares,
    as_it_is,
    chosen_by,
    is_as_wanted,
    kinds,
    lacking,
    possible,
    route,
)
from perennial.plan.serving.service import revision_service, service

BY_PODS = False
SETTLED_SECONDS = 2.0
"""After which no request is on its way by an earlier weight."""
FEW_REQUESTS, FAR = 100, 0.05
"""Of fewer requests no share is told, nor of one that is off by so little."""


def pods(goal: Goal, replicas: int, most: int) -> dict[str, int]:
    """Return the pods of each arm: stable's stay, as far as ``most`` for all of them allows."""
    found = {arm.revision: arm.pods for arm in goal.arms}
    stable, *others = goal.arms
    if replicas == 0:
        return found
    for arm in others:
        if arm.share > 0:
            found[arm.revision] = max(1, _part(replicas, arm.share))
    used = sum(found[arm.revision] for arm in others if arm.share > 0)
    if stable.share > 0:
        left = max(most - used, _part(replicas, stable.share))
        found[stable.revision] = min(found[stable.revision], left)
    return found


def _part(replicas: int, share: int) -> int:
    return -(-replicas * share // 100)


def makes(goal: Goal, pods: dict[str, int]) -> dict[str, int]:
    """Return the shares in percent: those that were asked for, whatever the pods."""
    return {arm.revision: arm.share for arm in goal.arms}


def is_known(s: DeploymentSnapshot) -> bool:
    """Tell whether it can be seen where requests go: routes that may not be listed go on."""
    return s.no_routes is None or s.no_routes.reason != FORBIDDEN


def reached(s: DeploymentSnapshot, goal: Goal | None = None) -> frozenset[str]:
    """Return the revisions with pods that requests may reach by a goal; without one, now."""
    divisions = _possible(s) if goal is None else [_shares(goal)]
    outside = {r for each in divisions for r, share in each.items() if share > 0}
    named = s.selection if goal is None else _named(s, goal)
    inside = {named} if named is not None else s.populated
    return s.populated & (outside | (inside if s.service or goal else set()))


def capacity(s: DeploymentSnapshot, ready: Mapping[str, int], goal: Goal | None = None) -> float:
    """Return for how many pods' worth of all requests there are pods where they go.

    A share that has no pods is not answered by those of another: a Gateway does not fail over.
    """
    divisions = _possible(s) if goal is None else [_shares(goal)]
    if not divisions:
        behind = (n for r, n in ready.items() if s.selection in (None, r))
        return float(min(s.replicas, sum(behind))) if s.service is not None else 0.0
    return min(_served(s.replicas, each, ready) for each in divisions)


def _served(replicas: int, shares: Mapping[str, int], ready: Mapping[str, int]) -> float:
    """Return the pods' worth that is answered: to a percent of all, and to a pod at most.

    One pod of three has 33 %, and the others 67 %, which is what two can do.
    """
    off = min(replicas, 100)

    def part(asked: int, pods: int) -> int:
        """Return what is answered of a part; both in hundredths of a pod."""
        return asked if pods > 0 and asked <= pods + off else min(asked, pods)

    parts = (part(replicas * share, 100 * ready.get(r, 0)) for r, share in shares.items())
    return sum(parts) / 100


def between(
    s: DeploymentSnapshot, goal: Goal, leaving: frozenset[str], ready: Mapping[str, int]
) -> Goal:
    """Return the shares on the way to a goal: none beyond it, nor beyond what pods can take.

    What nobody else can take goes on as it does, and else is stable's.
    """
    now: Shares = {}
    for each in _possible(s):
        now = each

    def most(revision: str) -> int:
        return 100 * ready.get(revision, 0) // s.replicas if s.replicas else 100

    given = {a.revision: min(a.share, most(a.revision)) for a in goal.arms}
    rest = 100 - sum(given.values())
    for arm in goal.arms[1:]:
        if arm.revision in leaving:
            given[arm.revision] = min(rest, now.get(arm.revision, 0), most(arm.revision))
            rest -= given[arm.revision]
    given[goal.stable] += rest
    return Goal(tuple(replace(arm, share=given[arm.revision]) for arm in goal.arms))


def is_set(s: DeploymentSnapshot, goal: Goal) -> bool:
    """Tell whether the Gateway has accepted that requests go where a goal says."""
    return (
        s.no_routes is None
        and not turns(s, goal)
        and all((live := _live(s, kind)) and lacking(live) is None for kind in _kinds(s))
    )


def turns(s: DeploymentSnapshot, goal: Goal) -> bool:
    """Tell whether a goal asks for requests to go elsewhere than they are asked to now."""
    if s.service is None or s.selection != goal.stable:
        return True
    return s.no_routes is None and any(
        (live := _live(s, wanted["kind"])) is None or not is_as_wanted(live, wanted)
        for wanted in _routes(s, goal)
    )


def objects(s: DeploymentSnapshot, goal: Goal | None) -> tuple[Json, ...]:
    """Return what sends requests where a goal says; without one, where they go now.

    A route names Services that were seen only: one that is not there is an error to a Gateway.
    """
    lives = tuple(live for kind in _kinds(s) if (live := _live(s, kind)) is not None)
    front = service(s.deployment, s.selection if goal is None else _named(s, goal))
    revisions = {revision for shares in _possible(s) for revision in shares}
    routes = tuple(as_it_is(live) for live in lives)
    if goal is not None:
        revisions |= {arm.revision for arm in goal.arms}
        seen = {each["metadata"]["name"] for each in s.services}
        needed = {child_name(s.deployment, r) for r in _division(s, goal).revisions}
        if s.no_routes is None and needed <= seen:
            routes = _routes(s, goal)
    if s.no_routes is not None:
        # They may be named by routes that nobody sees.
        labels = (each["metadata"]["labels"] for each in s.services)
        revisions |= {own[REVISION_LABEL] for own in labels if REVISION_LABEL in own}
    services = (revision_service(s.deployment, revision) for revision in sorted(revisions))
    return (front, *services, *routes, *_policies(s))


def measured(s: DeploymentSnapshot) -> dict[str, int]:
    """Return the shares in percent that are surely in force, or were before the newest."""
    found = _possible(s)
    alone = {s.selection: 100} if s.selection is not None else {}
    return found[0] if found else alone


def problem(s: DeploymentSnapshot) -> Finding | None:
    """Return why the Gateway does not send requests as it is asked to."""
    if s.no_routes is not None:
        return s.no_routes
    for live in (live for kind in _kinds(s) if (live := _live(s, kind)) is not None):
        if (why := lacking(live)) is not None:
            made = datetime.fromisoformat(live["metadata"]["creationTimestamp"])
            most = seconds(s.deployment.spec.rollout.progress_deadline)
            is_late = why.reason == UNANSWERED and (s.now - made).total_seconds() > most
            return replace(why, final=why.final or is_late)
    return None


def notice(s: DeploymentSnapshot) -> Finding | None:
    """Return what the Gateway does not heed, though requests come: that users stay, or weights."""
    if _gateway(s).sticky is None:
        return _excess(s)
    unheeded = s.no_policies or sticky.unheeded(_gateway(s), next(iter(s.policies), None))
    return unheeded or _excess(s)


def _excess(s: DeploymentSnapshot) -> Finding | None:
    """Return that a canary has clearly more requests than its weight; fewer prove nothing.

    Callers inside the cluster reach stable alone, past the Gateway.
    """
    canary, step = s.status.canary, s.status.step
    if s.answers is None or canary is None or step is None or step.start_time is None:
        return None
    if _gateway(s).canary_header is not None:
        return None  # whoever sends it has the canary, whatever its weight
    since = step.start_time.timestamp() + SETTLED_SECONDS
    came = {revision: _came(s.answers, revision, since) for revision in s.answers.asked}
    total, asked = sum(came.values()), measured(s).get(canary.revision, 0) / 100
    if total < FEW_REQUESTS:
        return None
    share = came.get(canary.revision, 0) / total
    if share <= asked + max(FAR, 3 * (asked * (1 - asked) / total) ** 0.5):
        return None
    # In tens: what is told is not to be another sentence at each look.
    told = (
        f"had {int(10 * share)}0 % of the requests or more, and its weight is {100 * asked:.0f} %"
    )
    why = "does the Gateway heed weights, and does nothing reach its pods past it?"
    return Finding("ShareExceeded", f"{canary.name} {told}: {why}", "Cluster")


def _came(answers: Answers, revision: str, since: float) -> int:
    """Return how many requests a revision's pods answered since a moment."""
    parts = (w.requests for w in answers.of(revision) if w.requests is not None)
    return sum(int(b.requests) for part in parts for b in part.buckets if b.start >= since)


def _policies(s: DeploymentSnapshot) -> tuple[Json, ...]:
    wanted = _gateway(s).sticky
    if wanted is None or s.no_policies is not None:
        return ()
    return (sticky.policy(s.deployment, wanted.header, _kinds(s)),)


def _routes(s: DeploymentSnapshot, goal: Goal) -> tuple[Json, ...]:
    """Return the routes of a goal, with what may be in force until they are."""
    return tuple(
        route(s.deployment, _gateway(s), kind, _division(s, goal), _live(s, kind))
        for kind in _kinds(s)
    )


def _division(s: DeploymentSnapshot, goal: Goal) -> Division:
    mirrors = {arm.revision: arm.mirror for arm in goal.arms if arm.mirror > 0}
    trial = next((arm.revision for arm in goal.arms if arm.role == "canary"), "")
    lives = (_live(s, kind) for kind in _kinds(s))
    is_chosen = any(live and chosen_by(s.deployment, live) == trial for live in lives)
    # Once it is there, pods that flap do not make the route another one.
    is_there = s.ready_as_reported(trial) > 0 or (is_chosen and s.asked(trial) > 0)
    return Division(_shares(goal), mirrors, trial if is_there else "")


def _shares(goal: Goal) -> Shares:
    return {arm.revision: arm.share for arm in goal.arms if arm.share > 0}


def _possible(s: DeploymentSnapshot) -> list[Shares]:
    """Return all divisions that may be in force; none where there is no route."""
    lives = [live for kind in _kinds(s) if (live := _live(s, kind)) is not None]
    return [shares for live in lives for shares in possible(s.deployment, live)]


def _named(s: DeploymentSnapshot, goal: Goal) -> str | None:
    """Return whom the Service is to name: stable, once as many of its pods are ready as behind it.

    None stands for all revisions, as another way to divide requests may have left it.
    """
    if s.service is None:
        return goal.stable
    behind = sum(s.ready_as_reported(r) for r in s.populated if s.selection in (None, r))
    is_enough = s.ready(goal.stable) >= min(s.replicas, behind)
    return goal.stable if is_enough else s.selection


def _gateway(s: DeploymentSnapshot) -> Gateway:
    traffic = s.deployment.spec.traffic
    assert traffic is not None and traffic.gateway is not None
    return traffic.gateway


def _kinds(s: DeploymentSnapshot) -> tuple[str, ...]:
    return kinds(_gateway(s))


def _live(s: DeploymentSnapshot, kind: str) -> Json | None:
    name = s.deployment.metadata.name
    of_kind = (live for live in s.routes if live["kind"] == kind)
    return next((live for live in of_kind if live["metadata"]["name"] == name), None)
