"""What people and autoscalers read in the status, beside its conditions."""

from perennial.api.deployment import ROLES, Address, DeploymentStatus, Printed, Revision, Share
from perennial.plan.rollout.snapshot import REPLACED, DeploymentSnapshot
from perennial.plan.workload import image_of


def shown(
    s: DeploymentSnapshot, status: DeploymentStatus, shares: dict[str, int]
) -> DeploymentStatus:
    """Fill in what people and autoscalers read; ``shares`` in percent are those in force."""
    updates: dict[str, object] = {}
    weight = status.weight
    if weight is not None and status.canary is not None and shares:
        weight = weight.model_copy(update={"actual": shares.get(status.canary.revision, 0)})
    total = ready = 0
    for field in ROLES:
        revision: Revision | None = getattr(status, field)
        if revision is None:
            continue
        live = s.workload(revision.revision)
        has = int(live.get("status", {}).get("replicas", 0)) if live else 0
        is_ready = s.ready(revision.revision)
        if field != REPLACED:
            total, ready = total + has, ready + is_ready
        changes: dict[str, object] = {"replicas": has, "ready_replicas": is_ready}
        if field == "stable":
            changes["share"] = _rest(weight)
        updates[field] = revision.model_copy(update=changes)
    meta, stable, canary = s.deployment.metadata, status.stable, status.canary
    selector = f"perennial.dev/deployment={meta.name}"
    replicas = total
    if stable is not None:
        live = s.workload(stable.revision)
        if live is not None:
            image = image_of(live, s.settings)
            updates["serving_image"] = image
            updates["serving_image_outdated"] = image != s.settings.serving_image
        if s.ready(stable.revision) >= s.replicas:
            # While stable is full, autoscalers are told its pods alone: a canary's are beside them.
            selector += f",perennial.dev/revision={stable.revision}"
            replicas = int(live.get("status", {}).get("replicas", 0)) if live else 0
        domain = s.settings.cluster_domain
        updates["address"] = Address(url=f"http://{meta.name}.{meta.namespace}.{domain}")
    printed = Printed(
        model=stable.name if stable is not None else "",
        canary=canary.name if canary is not None else "",
        weight=f"{weight.asked}/{weight.actual}" if weight is not None else "",
        step=_step(s, status),
        ready=f"{ready}/{max(total, s.replicas)}",
    )
    if weight is not None:
        updates["weight"] = weight
    return status.having(
        **updates,
        replicas=replicas,
        ready_replicas=ready,
        selector=selector,
        printed=printed,
    )


def _rest(canary: Share | None) -> Share:
    """Return stable's share of the traffic: what the canary leaves."""
    if canary is None:
        return Share(asked=100, actual=100)
    return Share(asked=100 - canary.asked, actual=100 - canary.actual)


def _step(s: DeploymentSnapshot, status: DeploymentStatus) -> str:
    """Return where the canary stands: the step's name, else its number of how many."""
    steps, step = s.deployment.spec.rollout.steps, status.step
    if status.canary is None or step is None or step.index >= len(steps):
        return ""
    return steps[step.index].name or f"{step.index + 1}/{len(steps)}"
