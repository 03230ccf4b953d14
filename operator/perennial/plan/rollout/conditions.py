"""What people and autoscalers read in the status."""

from perennial.api.base import Condition, seconds
from perennial.api.deployment import Address, DeploymentStatus, Revision
from perennial.plan.core import condition
from perennial.plan.podhealth import trouble
from perennial.plan.rollout.capacity import REPLACED
from perennial.plan.rollout.desired import held_back
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial.plan.rollout.state import State, is_undone
from perennial.plan.workload import image_of


def shown(s: DeploymentSnapshot, status: DeploymentStatus) -> DeploymentStatus:
    """Fill in what people and autoscalers read."""
    updates: dict[str, object] = {}
    total = ready = 0
    for role in ("stable", "canary", REPLACED):
        revision: Revision | None = getattr(status, role)
        if revision is None:
            continue
        live = s.workload(revision.revision)
        has = int(live.get("status", {}).get("replicas", 0)) if live else 0
        is_ready = s.ready(revision.revision)
        if role != REPLACED:
            total, ready = total + has, ready + is_ready
        updates[role] = revision.model_copy(update={"replicas": has, "ready_replicas": is_ready})
    meta = s.deployment.metadata
    stable = status.stable
    if stable is not None:
        live = s.workload(stable.revision)
        if live is not None:
            image = image_of(live, s.settings)
            updates["serving_image"] = image
            updates["serving_image_outdated"] = image != s.settings.serving_image
        domain = s.settings.cluster_domain
        updates["address"] = Address(url=f"http://{meta.name}.{meta.namespace}.{domain}")
    steps = len(s.deployment.spec.rollout.canary.steps)
    shown = f"{status.step.index + 1}/{steps}" if status.canary and status.step else ""
    return status.model_copy(
        update={
            **updates,
            "replicas": total,
            "ready": f"{ready}/{max(total, s.replicas)}",
            "selector": f"perennial.dev/deployment={meta.name}",
            "step_summary": shown,
        }
    )


def conditions(s: DeploymentSnapshot, state: State) -> list[Condition]:
    """Return what is the case, and what to do about what is not as it should be."""
    status, stable = state.status, state.status.stable
    canary, rollout = status.canary, s.deployment.spec.rollout
    serving = stable is not None and stable.ready_replicas > 0
    idle = stable is not None and not serving and s.replicas == 0
    name = stable.name if stable else ""
    why = trouble(s.pods_of(stable.revision)) if stable is not None else None
    stalled = state.problem
    if stable is not None and not serving and stalled is None and why is not None:
        since = stable.start_time or s.now
        late = (s.now - since).total_seconds() > seconds(rollout.progress_deadline)
        if why.fatal or late:
            stalled = (why.reason, why.message)
    explicit = s.deployment.spec.model.training_ref is None
    refused = held_back(s, status) if canary is None else None
    if refused is not None and explicit and stalled is None:
        told = f"the spec names {refused.name}: {refused.message}; change it or ask for retry"
        stalled = (refused.reason, told)
    if canary is not None:
        trial = "Undoing" if is_undone(status) else "Promoting" if status.promoting else "Canary"
        told = f"{canary.name} on trial"
        rolled = condition("RolledOut", False, status.paused or trial, told)
    elif refused is not None:
        rolled = condition("RolledOut", False, refused.reason, refused.message)
    else:
        word = "Serving" if serving else "ScaledToZero" if idle else "Starting"
        rolled = condition("RolledOut", serving or idle, word)
    if serving:
        reason = "Serving" if canary is None else status.paused or "Canary"
        if refused is not None:
            reason = "RolledBack"
        ready = condition("Ready", not (stalled and explicit and refused), reason, f"{name} serves")
        if not stalled and refused is not None:
            told = f"{name} serves; {refused.name}: {refused.message}"
            ready = condition("Ready", True, reason, told)
    elif stalled is not None:
        ready = condition("Ready", False, stalled[0], stalled[1])
    elif idle:
        told = f"spec.replicas is 0: {name} serves as soon as it is more"
        ready = condition("Ready", True, "ScaledToZero", told)
    elif why is not None:
        ready = condition("Ready", False, why.reason, why.message)
    elif state.waiting is not None and stable is None:
        ready = condition("Ready", False, state.waiting[0], state.waiting[1])
    else:
        ready = condition("Ready", False, "Starting", f"pods of {name} are not ready yet")
    by_spec = canary is not None and explicit
    busy = (not (serving or idle) or by_spec) and stalled is None
    return [
        ready,
        condition("Available", serving, "PodsReady" if serving else "NoPodReady"),
        rolled,
        condition("Paused", bool(status.paused), status.paused or "NotPaused"),
        condition("Reconciling", busy, "RolloutUnderWay" if busy else "UpToDate"),
        condition("Stalled", stalled is not None, *(stalled or ("Progressing", ""))),
    ]
