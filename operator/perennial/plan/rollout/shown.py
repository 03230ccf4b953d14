"""What people and autoscalers read in the status, beside its conditions."""

from perennial.api.deployment import Address, DeploymentStatus, Revision
from perennial.plan.rollout.capacity import REPLACED
from perennial.plan.rollout.snapshot import DeploymentSnapshot
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
    selector = f"perennial.dev/deployment={meta.name}"
    if stable is not None and s.ready(stable.revision) >= s.replicas:
        # While stable is full, autoscalers are told its pods alone: a canary's are beside them.
        selector += f",perennial.dev/revision={stable.revision}"
        live = s.workload(stable.revision)
        total = int(live.get("status", {}).get("replicas", 0)) if live else 0
    steps = len(s.deployment.spec.rollout.steps)
    shown = f"{status.step.index + 1}/{steps}" if status.canary and status.step else ""
    return status.model_copy(
        update={
            **updates,
            "replicas": total,
            "ready": f"{ready}/{max(total, s.replicas)}",
            "selector": selector,
            "step_summary": shown,
        }
    )
