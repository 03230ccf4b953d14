"""The conditions of a ModelDeployment: the first check that finds anything gives the reason."""

from dataclasses import dataclass, replace
from datetime import timedelta

from perennial.api.common import Condition
from perennial.api.deployment import DeploymentStatus, Rejection
from perennial.api.values import seconds
from perennial.plan.core import Finding, condition, first, verdict
from perennial.plan.rollout.before_traffic import waits_for
from perennial.plan.rollout.desired import desired_revision, held_back
from perennial.plan.rollout.disruption import no_eviction
from perennial.plan.rollout.hindrance import tried_again
from perennial.plan.rollout.preview import address_of_trial
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, is_undone
from perennial.plan.rollout.status.experiment import experiment_condition
from perennial.plan.rollout.strategies.blue_green import not_at_once
from perennial.plan.rollout.traffic import traffic_of
from perennial.plan.serving.route import PENDING


@dataclass(frozen=True)
class Facts:
    """What the checks look at."""

    s: DeploymentSnapshot
    status: DeploymentStatus
    problem: Finding | None
    waiting: Finding | None
    refused: Rejection | None
    """Why the revision that the spec asks for is not tried."""
    trouble: Finding | None
    """Why stable's pods do not become ready."""
    shares: dict[str, int]
    """The shares of the traffic in force, by revision, in percent."""
    route: Finding | None
    """Why requests do not go as they are asked to."""
    stalled: Finding | None = None

    @property
    def serving(self) -> bool:
        """Tell whether any pod of stable answers."""
        return self.status.stable is not None and self.status.stable.ready_replicas > 0

    @property
    def idle(self) -> bool:
        """Tell whether nothing serves because nothing is to."""
        return self.status.stable is not None and not self.serving and self.s.replicas == 0

    @property
    def explicit(self) -> bool:
        """Tell whether the spec names the model, rather than a training to follow."""
        return self.s.deployment.spec.model.training_ref is None

    @property
    def name(self) -> str:
        """Return what people call the stable revision."""
        return self.status.stable.name if self.status.stable is not None else ""


def facts(s: DeploymentSnapshot, state: State, shares: dict[str, int]) -> Facts:
    """Gather what the checks look at."""
    status = state.status
    refused = held_back(s, status) if status.canary is None else None
    trouble = s.trouble(status.stable.revision) if status.stable is not None else None
    route = traffic_of(s.deployment).problem(s) if status.stable is not None else None
    found = Facts(s, status, state.problem, state.waiting, refused, trouble, shares, route)
    return replace(found, stalled=first(STALLED, found))


def is_understood(f: Facts) -> Finding | None:
    """Make sure that the spec can be followed."""
    return f.problem


def can_start(f: Facts) -> Finding | None:
    """Make sure that stable's pods can become ready, by the deadline unless waiting cannot help."""
    stable, why = f.status.stable, f.trouble
    if stable is None or f.serving or why is None:
        return None
    waited = (f.s.now - (stable.start_time or f.s.now)).total_seconds()
    late = waited > seconds(f.s.deployment.spec.rollout.progress_deadline)
    return why if why.final or late else None


def is_not_rejected(f: Facts) -> Finding | None:
    """Make sure that what the spec names was not rolled back."""
    if f.refused is None or not f.explicit:
        return None
    message = f"the spec names {f.refused.name}: {f.refused.message}; change it or ask for retry"
    return Finding(f.refused.reason, message)


def is_rid_of_what_failed(f: Facts) -> Finding | None:
    """Make sure that stable took over from what was rolled back, by the deadline."""
    newest = f.status.rejected[-1] if f.status.rejected else None
    share = f.shares.get(newest.revision, 0) if newest is not None else 0
    if newest is None or f.status.stable is None or share == 0:
        return None
    if newest.revision == f.status.stable.revision:
        return None  # it is undone, and serves until then
    waited = (f.s.now - newest.time).total_seconds()
    if waited <= seconds(f.s.deployment.spec.rollout.progress_deadline):
        return None
    message = f"{newest.name} was rolled back and still answers {share} % of the requests"
    why = f": {f.trouble.message}" if f.trouble is not None else ""
    return Finding("StableNotReady", f"{message}, since {f.name} has not the pods{why}")


def is_let_through(f: Facts) -> Finding | None:
    """Make sure that what leads requests here has not refused to."""
    return f.route if f.route is not None and f.route.final else None


STALLED = (is_understood, can_start, is_let_through, is_rid_of_what_failed, is_not_rejected)


def serves_what_is_named(f: Facts) -> Finding | None:
    """Make sure that what answers is what the spec names."""
    if not f.serving or f.problem is not None or is_not_rejected(f) is None:
        return None
    return Finding("RolledBack", f"{f.name} serves")


def answers(f: Facts) -> Finding | None:
    """Make sure that a pod answers, or that none is to."""
    if f.serving or (f.idle and f.stalled is None):
        return None
    waiting = f.waiting if f.status.stable is None else None
    starting = Finding("Starting", f"pods of {f.name} are not ready yet")
    return f.stalled or f.trouble or waiting or starting


def is_led_to(f: Facts) -> Finding | None:
    """Make sure that requests come from where they are to come from."""
    return f.route if f.route is not None and f.route.reason != PENDING and not f.idle else None


NOT_READY = (serves_what_is_named, answers, is_led_to)


def is_scaled_to_zero(f: Facts) -> Finding | None:
    """Tell that nothing answers on purpose."""
    message = f"spec.replicas is 0: {f.name} serves as soon as it is more"
    return Finding("ScaledToZero", message) if f.idle else None


def went_back(f: Facts) -> Finding | None:
    """Tell that what is followed was rolled back."""
    if f.refused is None:
        return None
    return Finding("RolledBack", f"{f.name} serves; {f.refused.name}: {f.refused.message}")


def has_a_canary(f: Facts) -> Finding | None:
    """Tell that another revision is on trial beside what serves."""
    if f.status.canary is None:
        return None
    return Finding(f.status.paused or _trial(f), f"{f.name} serves")


def is_watched(f: Facts) -> Finding | None:
    """Tell that what serves was promoted a while ago only."""
    return Finding("Baking", f"{f.name} serves") if f.status.baking else None


def lacks_receipts(f: Facts) -> Finding | None:
    """Tell that no receipts are given though they are wanted."""
    why = f.s.no_receipts
    return Finding(why.reason, f"{f.name} serves; {why.message}") if why is not None else None


def lacks_what_is_asked_of_traffic(f: Facts) -> Finding | None:
    """Tell that requests come, but not all about them is heeded."""
    why = traffic_of(f.s.deployment).notice(f.s)
    return Finding(why.reason, f"{f.name} serves; {why.message}") if why is not None else None


def lets_no_pod_go(f: Facts) -> Finding | None:
    """Tell that no node with a pod can be drained."""
    why = no_eviction(f.s)
    return replace(why, message=f"{f.name} serves; {why.message}") if why is not None else None


def serves(f: Facts) -> Finding | None:
    """Tell that all is well."""
    return Finding("Serving", f"{f.name} serves")


READY = (
    is_scaled_to_zero,
    went_back,
    has_a_canary,
    is_watched,
    lacks_receipts,
    lacks_what_is_asked_of_traffic,
    lets_no_pod_go,
    serves,
)


def is_over(f: Facts) -> Finding | None:
    """Make sure that no canary is on trial; tell what one that does not come up waits for."""
    canary, status = f.status.canary, f.status
    if canary is None:
        return None
    trial = "Undoing" if is_undone(status) else "Promoting" if status.promoting else _trial(f)
    why = f.s.trouble(canary.revision)
    details = f"; {why.reason}: {why.message}" if why is not None else ""
    for told in (f.route, traffic_of(f.s.deployment).notice(f.s)):
        details += f"; {told.message}" if told is not None else ""
    if (name := address_of_trial(f.s.deployment)) in f.s.taken:
        details += f"; Service {name} is somebody else's, so that it has no address of its own"
    if message := waits_for(f.s, status):
        details += f"; {message}"
    if (again := tried_again(f.s, f.status, canary)) is not None and not is_undone(status):
        details += f"; if that lasts, it is tried again at {again:%Y-%m-%dT%H:%M:%SZ}"
    if status.analysis is not None and status.analysis.message:
        details += f"; {status.analysis.message}"
    if (message := not_at_once(f.s)) and not is_undone(status):
        details += f"; {message}"
    return Finding(status.paused or trial, f"{canary.name} on trial{details}")


def _trial(f: Facts) -> str:
    """Return in a word how what is on trial is tried."""
    return {"blueGreen": "Preview", "shadow": "Shadow"}.get(
        f.s.deployment.spec.rollout.strategy, "Canary"
    )


def has_baked(f: Facts) -> Finding | None:
    """Make sure that what was promoted is not watched any more."""
    if not f.status.baking or f.status.promoted_time is None:
        return None
    lasts = seconds(f.s.deployment.spec.rollout.bake or "0s")
    until = f.status.promoted_time + timedelta(seconds=lasts)
    message = (
        f"{f.name} serves, and is watched until {until:%Y-%m-%dT%H:%M:%SZ}; newer versions wait "
        "for that, promote ends it, abort goes back"
    )
    return Finding("Baking", message)


def was_accepted(f: Facts) -> Finding | None:
    """Make sure that what is wanted was not rolled back."""
    return Finding(f.refused.reason, f.refused.message) if f.refused is not None else None


def is_up(f: Facts) -> Finding | None:
    """Make sure that stable has started."""
    return Finding("Starting") if not (f.serving or f.idle) else None


NOT_ROLLED_OUT = (is_over, has_baked, was_accepted, is_up)


def conditions(s: DeploymentSnapshot, state: State, shares: dict[str, int]) -> list[Condition]:
    """Return what is the case, and what to do about what is not as it should be."""
    f = facts(s, state, shares)
    not_ready, not_rolled_out = first(NOT_READY, f), first(NOT_ROLLED_OUT, f)
    ready = not_ready or first(READY, f) or Finding("Serving")
    rolled_out = not_rolled_out or Finding("ScaledToZero" if f.idle else "Serving")
    by_spec = (f.status.canary is not None or f.status.baking) and f.explicit
    is_up_now = (f.serving and is_led_to(f) is None) or f.idle
    busy = (not is_up_now or by_spec) and f.stalled is None
    stalled = f.stalled or Finding("Progressing")
    pause = waits_for(s, f.status) if f.status.paused else ""
    return [
        verdict("Ready", not_ready is None, ready),
        condition("Available", f.serving, "PodsReady" if f.serving else "NoPodReady"),
        verdict("RolledOut", not_rolled_out is None, rolled_out),
        condition("Paused", bool(f.status.paused), f.status.paused or "NotPaused", pause),
        condition("Reconciling", busy, "RolloutUnderWay" if busy else "UpToDate"),
        verdict("Stalled", f.stalled is not None, stalled),
        *experiment_condition(f.status, _waits_for_an_experiment(f)),
    ]


def _waits_for_an_experiment(f: Facts) -> str:
    """Return what is wanted while an experiment goes on, '' where that is what serves."""
    if f.status.experiment is None:
        return ""
    stable, wanted = f.status.stable, desired_revision(f.s, f.status).revision
    is_next = wanted is not None and stable is not None and wanted.revision != stable.revision
    return wanted.name if wanted is not None and is_next else ""
