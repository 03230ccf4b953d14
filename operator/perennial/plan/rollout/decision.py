"""ModelDeployment: the rollout's state machine. Every row can be cut at any write."""

from dataclasses import replace

from perennial.api.deployment import DeploymentStatus, Revision
from perennial.api.values import Json, seconds
from perennial.plan.core import (
    Deletion,
    Event,
    Finding,
    Plan,
    Premise,
    owned_by,
    settle,
    too_long,
    with_stall,
)
from perennial.plan.pods.stores import LOOK_AGAIN_SECONDS
from perennial.plan.rollout.analysis.look import next_look
from perennial.plan.rollout.analysis.outside import denied
from perennial.plan.rollout.analysis.verdict import judging
from perennial.plan.rollout.analysis.writing import may_wait
from perennial.plan.rollout.asked_back import heed
from perennial.plan.rollout.bake import bake_left, watch
from perennial.plan.rollout.before_traffic import asked_anew
from perennial.plan.rollout.capacity import Way
from perennial.plan.rollout.desired import asked_revision, desired_revision, first_revision
from perennial.plan.rollout.disruption import budget
from perennial.plan.rollout.experiment import goal as experiment_goal
from perennial.plan.rollout.experiment import is_on, is_wanted, keeps_waiting, lead
from perennial.plan.rollout.goal import Goal
from perennial.plan.rollout.hindrance import note_hindrance
from perennial.plan.rollout.premises import KeepsCapacity, as_seen
from perennial.plan.rollout.preview import preview
from perennial.plan.rollout.records import missing, outdated
from perennial.plan.rollout.requests import take_request
from perennial.plan.rollout.rest import (
    failed_for,
    kept_failed,
    kept_for,
    replaced_has_pods,
    rest,
    with_failed,
    with_replaced,
)
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, drop, is_undone, rejection, time_left
from perennial.plan.rollout.status.conditions import conditions
from perennial.plan.rollout.status.printed import shown
from perennial.plan.rollout.status.rebuild import rebuild, recall
from perennial.plan.rollout.strategies import strategy_of
from perennial.plan.rollout.traffic import provider_of, traffic_of
from perennial.plan.rollout.trial import choose, judge, left_to_take_over
from perennial.plan.serving.route import UNANSWERED, backends

EXPERIMENT_SECONDS = 5.0
"""How often an experiment is looked at, so that a variant that fails is out soon."""


def plan_deployment(s: DeploymentSnapshot) -> Plan:
    """Decide what to do about a ModelDeployment."""
    state = State(s.status)
    if conflict := _conflict(s):
        return _finish(s, replace(state, problem=Finding("NameConflict", conflict)))
    if state.status.stable is None:
        state = rebuild(s, state)
    # Before what is asked for: retry forgets it again.
    strategy = strategy_of(s.deployment.spec.rollout)
    state = asked_anew(s, recall(s, state))
    state = note_hindrance(s, take_request(s, state, strategy))
    state = heed(s, watch(s, state, strategy), strategy)
    begins = state.status.stable is None
    found = first_revision(s, state.status) if begins else desired_revision(s, state.status)
    problem = found.problem or too_long(s.deployment.metadata.annotations) or denied(s)
    state = replace(state, problem=problem, waiting=found.waiting)
    desired = found.revision
    stable, trial = state.status.stable, state.status.canary
    if stable is None:
        if desired is None:
            return _finish(s, state)
        state = state.set(*_warn_of_refuted(s), stable=desired)
    elif trial is not None and is_undone(state.status):
        pass  # whatever the spec wants, once this is over
    elif desired is not None and keeps_waiting(s, state, desired):
        desired = stable  # a newer version waits for the end of the experiment
    elif desired is not None and desired.revision != stable.revision:
        if not state.status.variants:  # they leave first
            state = choose(s, state, desired, strategy, _is_alone(s, state))
    elif desired is not None and trial is not None:
        state = drop(state)
    state = judge(s, _with_traffic(s, state))
    goes_on = desired is not None or is_undone(state.status)
    if state.status.canary is not None and goes_on:
        goal = _goal(s, state.status, desired)
        state = strategy.advance(s, state, Way(s, goal, traffic_of(s.deployment)).seen())
    state = _settle_stable(s, state)
    state = _experimented(s, state, desired)
    return _finish(s, state, _goal(s, state.status, desired), _is_awaited(s, state.status, desired))


def _is_alone(s: DeploymentSnapshot, state: State) -> bool:
    """Tell whether requests were seen to reach stable alone."""
    return traffic_of(s.deployment).is_set(s, rest(s, state.status))


def _experimented(s: DeploymentSnapshot, state: State, desired: Revision | None) -> State:
    """Look once at the experiment, where there is one, or was."""
    status = state.status
    if s.deployment.spec.experiment is None and not (status.experiment or status.variants):
        return state
    traffic = traffic_of(s.deployment)
    return lead(
        s,
        state,
        desired,
        asked_revision(s, state.status).revision,
        is_alone=_is_alone(s, state),
        reached=traffic.reached(s),
        seen=lambda goal: Way(s, goal, traffic).seen(),
    )


def _with_traffic(s: DeploymentSnapshot, state: State) -> State:
    """Note how requests are divided; by another way a trial begins anew."""
    status, way = state.status, provider_of(s.deployment)
    if status.canary is None or status.rollout.traffic == way:
        return state
    state = state.set(traffic=way)
    if not status.rollout.traffic or is_undone(status):
        return state
    event = Event(
        "TrafficChanged", f"requests are divided by {way} now: {status.canary.name} begins anew"
    )
    first = strategy_of(s.deployment.spec.rollout).first_step(s)
    return state.set(event, step=first, weight=None, promoting=False, paused="")


def _goal(s: DeploymentSnapshot, status: DeploymentStatus, desired: Revision | None) -> Goal:
    """Return what the children are to be: of the strategy where there is a trial, else at rest."""
    strategy = strategy_of(s.deployment.spec.rollout)
    goal = strategy.goal(s, status) if status.canary is not None else rest(s, status)
    if is_on(status):
        goal = experiment_goal(s, status)
    goal = with_failed(s, status, goal, traffic_of(s.deployment).reached(s))
    return with_replaced(s, status, goal, ends=_is_awaited(s, status, desired))


def _is_awaited(s: DeploymentSnapshot, status: DeploymentStatus, desired: Revision | None) -> bool:
    """Tell whether something waits for the end of what was replaced."""
    stable = status.stable
    is_next = (
        desired is not None
        and (stable is None or desired.revision != stable.revision)
        and rejection(status, desired.revision) is None
        and not status.baking  # else it waits for that
    )
    return status.canary is not None or is_next or is_wanted(s, status)


def _warn_of_refuted(s: DeploymentSnapshot) -> tuple[Event, ...]:
    """Tell a person whose spec names what live traffic refuted; it is served all the same."""
    version = s.version if s.deployment.spec.model.version_ref is not None else None
    if version is None or version.refuted is None:
        return ()
    message = (
        f"the spec names {version.metadata.name}, so it serves, though live traffic refuted it"
    )
    return (Event("VersionRefuted", f"{message}: {version.refuted.message}", "Warning"),)


def _conflict(s: DeploymentSnapshot) -> str:
    uid = s.deployment.metadata.uid
    for child in (*s.workloads, *([s.service] if s.service else []), *s.beside):
        if not owned_by(child, uid):
            other = f"{child['kind']} {child['metadata']['name']}"
            return f"{other} exists and is not ours: delete it or rename the ModelDeployment"
    return ""


def _settle_stable(s: DeploymentSnapshot, state: State) -> State:
    """Note that stable has begun to serve."""
    status, stable = state.status, state.status.stable
    if stable is None:
        return state
    # One ready pod serves: from now on there is something to protect.
    if status.promoted_time is None and s.ready(stable.revision) > 0:
        return state.set(Event("Serving", f"{stable.name} serves"), promoted_time=s.now)
    return state


def _finish(
    s: DeploymentSnapshot, state: State, goal: Goal | None = None, is_awaited: bool = False
) -> Plan:
    """Derive children, deletions, conditions, and when to look again.

    Args:
        s: what is observed.
        state: what was decided.
        goal: which revisions are to have which share; without one there is no child.
        is_awaited: something waits for the end of what was replaced.
    """
    status, create = state.status, state.create
    traffic = traffic_of(s.deployment)
    generation, shares = s.deployment.metadata.generation, traffic.measured(s)
    apply: tuple[Json, ...] = ()
    premise: Premise | None = None
    delete = outdated(s, status)
    if goal is not None:
        way = Way(s, goal, traffic)
        reached = traffic.reached(s)
        children = (*way.children(), *preview(s, status), *budget(s, status, reached))
        apply = tuple(as_seen(s, child) for child in children)
        create = (*create, *missing(s, status))
        delete = (*way.unreached(_named(s, status)), *_unwanted(s, apply), *delete)
        premise = KeepsCapacity(s, traffic, way.given)
    status = shown(s, status, shares)
    before = s.deployment.status.conditions
    found = conditions(s, replace(state, status=status), shares)
    settled = settle(before, found, generation, s.now)
    status = status.model_copy(update={"conditions": settled, "observed_generation": generation})
    made = tuple(record.to_object(s.deployment) for record in create)
    return Plan(
        create=made,
        apply=apply,
        premise=premise,
        delete=delete,
        status=status,
        may_wait=may_wait(s.deployment.status, status),
        events=with_stall(before, settled, state.events),
        # A record wakes nobody, and is waited for.
        requeue_after=0.05 if create else _requeue(s, status, state, is_awaited),
    )


def _unwanted(s: DeploymentSnapshot, wanted: tuple[Json, ...]) -> tuple[Deletion, ...]:
    """Return what is ours and not among what is applied any more.

    A Service goes once no route was seen to name it.
    """
    names = {(child["kind"], child["metadata"]["name"]) for child in wanted}
    names |= {("Service", backend) for live in s.routes for backend in backends(live)}
    return tuple(
        Deletion.of(live)
        for live in s.beside
        if (live["kind"], live["metadata"]["name"]) not in names
    )


def _named(s: DeploymentSnapshot, status: DeploymentStatus) -> frozenset[str]:
    """Return the revisions with a part, now or as stored: a decision is recorded before effects."""
    known = (status, s.deployment.status)
    roles = (r for k in known for r in (k.stable, k.canary, k.replaced, *k.variants))
    return frozenset(r.revision for r in roles if r is not None)


def _requeue(
    s: DeploymentSnapshot, status: DeploymentStatus, state: State, is_awaited: bool
) -> float | None:
    """Return when time alone may change the decision."""
    is_judged = bool(judging(s.deployment, status).judged)
    look = next_look(s.now, s.deployment.metadata.uid)
    written = s.deployment.status
    if status != written and not may_wait(written, status) and status.canary is not None:
        return 0.5
    if status.canary is not None and s.replicas == 0 and not is_undone(status):
        return None  # it waits until there are to be pods, and their being asked for wakes it
    if status.canary is not None and not status.paused:
        return min(1.0, look) if is_judged else 1.0
    if (is_on(status) or status.variants) and status.canary is None and not status.baking:
        return EXPERIMENT_SECONDS
    soon = [kept_for(s, status, ends=is_awaited)] if replaced_has_pods(s, status) else []
    soon += [failed_for(s, status)] if kept_failed(s, status) is not None else []
    soon += [bake_left(s, status) + 1.0] if status.baking else []
    # One that waits for a person is watched, and waits until its deadline only.
    soon += [time_left(s, status.canary) + 1.0] if status.canary is not None else []
    route = traffic_of(s.deployment).problem(s)
    if route is not None and route.reason == UNANSWERED and not route.final:
        soon.append(LOOK_AGAIN_SECONDS)  # nobody wakes us where nobody answers
    left = left_to_take_over(s, status)
    if is_awaited and status.canary is None and left is not None and left >= 0:
        soon.append(left + 1.0)  # then what is wanted is tried, whoever has requests
    if soon:
        until = max(2.0, min(soon))
        is_watched = status.canary is not None or status.baking
        return min(until, look) if is_watched and is_judged else until
    if state.problem is not None and state.problem.blame == "Cluster":
        return LOOK_AGAIN_SECONDS
    if status.stable is None or state.problem is not None:
        return None
    if status.promoted_time is None and s.replicas:
        # Pods wake us; only their being late does not.
        waited = (s.now - (status.stable.start_time or s.now)).total_seconds()
        left = seconds(s.deployment.spec.rollout.progress_deadline) - max(0.0, waited)
        return left + 1.0 if left >= 0 else None
    return None
