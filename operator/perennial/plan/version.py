"""ModelVersion: where it is deployed, and what became of it."""

from dataclasses import dataclass
from datetime import datetime

from perennial.api.deployment import ModelDeployment
from perennial.api.version import DeployedBy, Ended, ModelVersion, Outcome, PrintedVersion
from perennial.plan.core import Plan, condition, settle
from perennial.plan.rollout.state import DEADLINE, is_undone

ENDED_KEPT = 8


@dataclass(frozen=True)
class VersionSnapshot:
    """A version and the ModelDeployments of its namespace."""

    version: ModelVersion
    deployments: tuple[ModelDeployment, ...]
    now: datetime


def plan_version(s: VersionSnapshot) -> Plan:
    """Derive the version's status."""
    name = s.version.metadata.name
    deployed: list[DeployedBy] = []
    outcome = s.version.status.outcome
    for d in sorted(s.deployments, key=lambda d: d.metadata.name):
        if d.status.stable is not None and d.status.stable.version == name:
            deployed.append(DeployedBy(name=d.metadata.name, role="Stable"))
            is_new = outcome is None or outcome.reason != "Promoted"
            if is_new and not is_undone(d.status):
                message = f"serves as the stable version of {d.metadata.name}"
                outcome = Outcome(
                    reason="Promoted", deployment=d.metadata.name, message=message, time=s.now
                )
        if d.status.canary is not None and d.status.canary.version == name:
            deployed.append(DeployedBy(name=d.metadata.name, role="Canary"))
        if any(variant.version == name for variant in d.status.variants):
            deployed.append(DeployedBy(name=d.metadata.name, role="Variant"))
        for rejection in d.status.rejected:
            refuted = rejection.reason != DEADLINE
            if (
                refuted
                and rejection.version == name
                and (outcome is None or outcome.time is None or outcome.time < rejection.time)
            ):
                message = f"{d.metadata.name}: {rejection.message}"
                outcome = Outcome(
                    reason="RolledBack",
                    deployment=d.metadata.name,
                    message=message,
                    time=rejection.time,
                )
    names = ", ".join(f"{d.name} ({d.role})" for d in deployed)
    found = condition(
        "Deployed", bool(deployed), "Served" if deployed else "NotServed", names and f"by {names}"
    )
    generation = s.version.metadata.generation
    metrics = s.version.spec.metrics
    shown = f"{metrics[0].name}={metrics[0].value:.3f}" if metrics else ""
    status = s.version.status.model_copy(
        update={
            "observed_generation": generation,
            "conditions": settle(s.version.status.conditions, [found], generation, s.now),
            "deployments": deployed,
            "outcome": outcome,
            "ended": _ended(s),
            "printed": PrintedVersion(metric=shown),
        }
    )
    return Plan(status=status)


def _ended(s: VersionSnapshot) -> list[Ended]:
    """Return how rollouts of the version ended; what ModelDeployments do not tell any more stays.

    They tell their last decisions only, and are deleted some day.
    """
    name = s.version.metadata.name
    found = {(e.deployment, e.time): e for e in s.version.status.ended}
    for d in s.deployments:
        for told in d.status.decisions:
            if told.version == name and told.decision in ("Promoted", "RolledBack"):
                found[(d.metadata.name, told.time)] = Ended(
                    deployment=d.metadata.name,
                    reason=told.decision,
                    cause=told.reason,
                    message=told.message,
                    weight=told.weight,
                    requests=told.requests,
                    time=told.time,
                    metrics=told.metrics,
                )
    return sorted(found.values(), key=lambda e: (e.time, e.deployment))[-ENDED_KEPT:]
