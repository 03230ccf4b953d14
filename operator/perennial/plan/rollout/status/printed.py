"""What people and autoscalers read in the status, beside its conditions."""

from perennial.api.deployment import (
    ROLES,
    Address,
    DeploymentStatus,
    ExperimentStatus,
    Printed,
    Revision,
    Share,
)
from perennial.plan.rollout.preview import address_of_trial
from perennial.plan.rollout.rest import kept_failed
from perennial.plan.rollout.snapshot import (
    FAILED,
    REPLACED,
    REVISION_LABEL,
    DeploymentSnapshot,
)
from perennial.plan.rollout.traffic import traffic_of
from perennial.plan.serving.workload import image_of


def shown(
    s: DeploymentSnapshot, status: DeploymentStatus, shares: dict[str, int]
) -> DeploymentStatus:
    """Fill in what people and autoscalers read; ``shares`` in percent are those in force."""
    status = status.having(failed=_failed(s, status, shares))
    updates: dict[str, object] = {}
    parts = _parts(status, shares)
    total = ready = 0
    for field in ROLES:
        revision: Revision | None = getattr(status, field)
        if revision is None:
            continue
        live = s.workload(revision.revision)
        has = int(live.get("status", {}).get("replicas", 0)) if live else 0
        is_ready = s.ready(revision.revision)
        if field != REPLACED and not (field == FAILED and field not in parts):
            total, ready = total + has, ready + is_ready
        changes = {"replicas": has, "ready_replicas": is_ready, "share": parts.get(field)}
        updates[field] = revision.model_copy(update=changes)
    stable, canary = status.stable, status.canary
    if stable is not None:
        live = s.workload(stable.revision)
        if live is not None:
            image = image_of(live, s.settings)
            updates["serving_image"] = image
            updates["serving_image_outdated"] = image != s.settings.serving_image
        updates["address"] = _address(s, is_on_trial=canary is not None)
    updates["variants"] = variants = [_variant(s, status, r, shares) for r in status.variants]
    if status.experiment is not None and variants:
        updates["experiment"] = _with_actual(status.experiment, shares)
    total += sum(r.replicas for r in variants)
    ready += sum(r.ready_replicas for r in variants)
    weight = parts.get("canary")
    printed = Printed(
        model=stable.name if stable is not None else "",
        canary=canary.name if canary is not None else "",
        weight=f"{weight.asked}/{weight.actual}" if weight is not None else "",
        step=_step(s, status),
        ready=f"{ready}/{max(total, s.replicas)}",
    )
    return status.having(
        **updates,
        **_for_autoscalers(s, status),
        ready_replicas=ready,
        printed=printed,
    )


def _variant(
    s: DeploymentSnapshot, status: DeploymentStatus, revision: Revision, shares: dict[str, int]
) -> Revision:
    """Return a variant with its share and its pods."""
    live = s.workload(revision.revision)
    has = int(live.get("status", {}).get("replicas", 0)) if live else 0
    changes = {
        "replicas": has,
        "ready_replicas": s.ready(revision.revision),
        "share": _variants_share(status, revision, shares),
    }
    return revision.model_copy(update=changes)


def _variants_share(
    status: DeploymentStatus, revision: Revision, shares: dict[str, int]
) -> Share | None:
    arms = status.experiment.arms if status.experiment is not None else []
    asked = next((a.share.asked for a in arms if a.share and a.revision == revision.revision), 0)
    actual = shares.get(revision.revision, 0)
    return Share(asked=asked, actual=actual) if asked or actual else None


def _with_actual(known: ExperimentStatus, shares: dict[str, int]) -> ExperimentStatus:
    """Return an experiment whose arms tell the shares in force."""
    arms = [
        arm.model_copy(
            update={"share": Share(asked=arm.share.asked, actual=shares.get(arm.revision, 0))}
        )
        if arm.share is not None
        else arm
        for arm in known.arms
    ]
    return known.model_copy(update={"arms": arms})


def _address(s: DeploymentSnapshot, is_on_trial: bool) -> Address:
    """Return where the model answers, and where what is on trial does: once it has its Service."""

    def url(name: str) -> str:
        return f"http://{name}.{s.deployment.metadata.namespace}.{s.settings.cluster_domain}"

    trial = address_of_trial(s.deployment)
    is_there = is_on_trial and any(live["metadata"]["name"] == trial for live in s.services)
    return Address(url=url(s.deployment.metadata.name), canary_url=url(trial) if is_there else None)


def _for_autoscalers(s: DeploymentSnapshot, status: DeploymentStatus) -> dict[str, object]:
    """Return the pods that autoscalers reckon by: those that requests reach, of all revisions.

    What they all do together is what stable's would have to do alone. Of stable's alone half of
    the work would be seen at half of the traffic, and half of the pods be taken away.
    """
    selector = f"perennial.dev/deployment={s.deployment.metadata.name}"
    stable = [status.stable.revision] if status.stable is not None else []
    found = sorted(traffic_of(s.deployment).reached(s)) or stable
    if found:
        named = f"={found[0]}" if len(found) == 1 else f" in ({','.join(found)})"
        selector += f",{REVISION_LABEL}{named}"
    live = (s.workload(revision) or {} for revision in found)
    replicas = sum(int(body.get("status", {}).get("replicas", 0)) for body in live)
    return {"selector": selector, "replicas": replicas}


def _failed(
    s: DeploymentSnapshot, status: DeploymentStatus, shares: dict[str, int]
) -> Revision | None:
    """Return what was taken back and has requests yet, or pods that are kept for their logs."""
    roles = (status.stable, status.canary, status.replaced)
    named = {revision.revision for revision in (*roles, *status.variants) if revision is not None}
    record = next((r for r in s.records if r.name not in named and shares.get(r.name)), None)
    return record.revision if record is not None else kept_failed(s, status)


def _parts(status: DeploymentStatus, shares: dict[str, int]) -> dict[str, Share]:
    """Return the share of each role that has one; what the others leave is stable's."""
    parts: dict[str, Share] = {}
    canary, weight = status.canary, status.weight
    if canary is not None:
        before = weight.actual if weight is not None else 0  # as it was, where nothing is ready
        actual = shares.get(canary.revision, 0) if shares else before
        if actual or weight is not None:
            asked = weight.asked if weight is not None else 0
            parts["canary"] = Share(asked=asked, actual=actual)
    on_trial = canary.revision if canary is not None else ""
    for field in (REPLACED, FAILED):
        other: Revision | None = getattr(status, field)
        if other is not None and other.revision != on_trial and shares.get(other.revision):
            parts[field] = Share(asked=0, actual=shares[other.revision])
    if status.stable is not None:
        variants = [_variants_share(status, r, shares) for r in status.variants]
        others = [*parts.values(), *(p for p in variants if p is not None)]
        asked, actual = sum(p.asked for p in others), sum(p.actual for p in others)
        parts["stable"] = Share(asked=100 - asked, actual=max(0, 100 - actual))
    return parts


def _step(s: DeploymentSnapshot, status: DeploymentStatus) -> str:
    """Return where the canary stands: the step's name, else its number of how many."""
    steps, step = s.deployment.spec.rollout.steps, status.step
    if status.canary is None or step is None or step.index >= len(steps):
        return ""
    return steps[step.index].name or f"{step.index + 1}/{len(steps)}"
