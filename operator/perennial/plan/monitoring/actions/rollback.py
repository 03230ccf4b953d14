"""Ask the ModelDeployment to go back, where what is wrong began with a rollout.

The ask stands in the status; the ModelDeployment reads it there, as long as it is open.
"""

from perennial.api.deployment import DeploymentStatus, Revision
from perennial.api.monitor import LastAction, MonitorStatus, RollbackStatus
from perennial.api.values import seconds
from perennial.plan.core import Event
from perennial.plan.monitoring.finding import ActionResult, Cause
from perennial.plan.monitoring.pace import remembered, too_soon
from perennial.plan.monitoring.snapshot import MonitorSnapshot

REVISIONS_KEPT = 16


def act(s: MonitorSnapshot, status: MonitorStatus, cause: Cause) -> ActionResult:
    """Ask for the version before, unless it did not begin with a rollout or something is against.

    What is asked for is the way back that a person has by undo, once for each revision.
    """
    deployed = s.deployment.status if s.deployment is not None else DeploymentStatus()
    stable, earlier = deployed.stable, deployed.replaced
    if not cause.of_answers or stable is None or earlier is None:
        return ActionResult("", "", status)
    if why := _began_otherwise(s, status, deployed, earlier, cause):
        return ActionResult("", f"no rollback: {why}", status)
    if against := _against(s, status, deployed, stable, earlier):
        return ActionResult(*against, status)
    rollback, now = status.rollback, s.now
    message = f"{stable.name} {cause.became}, and {earlier.name} before it did not: {cause.message}"
    asked = RollbackStatus(
        revision=stable.revision,
        version=stable.version,
        to=earlier.revision,
        to_version=earlier.version,
        time=now,
        message=message,
        times=remembered([*(rollback.times if rollback else []), now], now),
        revisions=[*(rollback.revisions if rollback else []), stable.revision][-REVISIONS_KEPT:],
    )
    action = LastAction(
        type="Rollback", time=now, message=message, version=stable.version, test=cause.test
    )
    told = f"asked to go back to {earlier.name}"
    event = Event("AskedToRollBack", f"{told}: {message}", "Warning")
    changes = {
        "rollback": asked,
        "last_action": action,
        "retraining": status.last_retraining,  # its run goes on, and is counted
        "rollbacks": status.rollbacks + 1,
    }
    changed = status.model_copy(update=changes)
    return ActionResult("AskedToRollBack", told, changed, (event,))


def _began_otherwise(
    s: MonitorSnapshot,
    status: MonitorStatus,
    deployed: DeploymentStatus,
    earlier: Revision,
    cause: Cause,
) -> str:
    """Return why this is not known to have begun with the rollout; '' where it is."""
    rollback, took_over = s.monitor.spec.actions.rollback, deployed.promoted_time
    assert rollback is not None
    before = status.reference.before if status.reference is not None else None
    if took_over is None:
        return "it is not known when the version took over"
    began = cause.since or s.now
    if (began - took_over).total_seconds() > seconds(rollback.within):
        when = f"{began:%Y-%m-%d %H:%M}"
        return f"it began at {when}, more than {rollback.within} after the version took over"
    if before is None or before.revision != earlier.revision:
        return f"{earlier.name} before it was not watched"
    if cause.test not in before.quiet:
        return f"{earlier.name} before it was not known to be better"
    return ""


def _against(
    s: MonitorSnapshot,
    status: MonitorStatus,
    deployed: DeploymentStatus,
    stable: Revision,
    earlier: Revision,
) -> tuple[str, str] | None:
    """Return what speaks against going back now, as a reason and a sentence."""
    rollback, known = s.monitor.spec.actions.rollback, status.rollback
    assert rollback is not None
    if known is not None and known.is_open(s.now):
        return "RollbackUnderWay", f"{earlier.name} is to take over"
    if deployed.canary is not None or deployed.baking:
        return "RolloutUnderWay", "a newer version is on trial, or watched yet"
    if deployed.variants:
        return "ExperimentUnderWay", "an experiment is under way"
    if known is not None and stable.revision in known.revisions:
        return "RolledBackBefore", f"{stable.name} was rolled back once, and serves by a person"
    if any(r.revision == earlier.revision for r in deployed.rejected) or s.refuted(earlier.version):
        return "NothingToGoBackTo", f"{earlier.name} was rolled back itself"
    times = known.times if known is not None else []
    return too_soon("rollback", times, s.now, seconds(rollback.cooldown), rollback.daily_limit)


def followed(s: MonitorSnapshot, status: MonitorStatus) -> MonitorStatus:
    """Return the status with what came of an open ask, as far as the ModelDeployment tells."""
    asked, actions = status.rollback, s.monitor.spec.actions
    if asked is None or asked.outcome or s.deployment is None:
        return status
    deployed = s.deployment.status
    serves = deployed.stable.revision if deployed.stable is not None else ""
    is_back = any(
        d.decision == "RolledBack" and d.revision == asked.revision and d.time >= asked.time
        for d in deployed.decisions
    )
    outcome = ""
    if serves != asked.revision:
        outcome = "WentBack" if serves == asked.to else "Superseded"
    elif deployed.canary is None and is_back:
        outcome = "Aborted"
    elif deployed.canary is None and (actions.rollback is None or actions.mode == "Observe"):
        outcome = "Withdrawn"
    elif deployed.canary is None and not asked.is_open(s.now):
        outcome = "NotDone"
    if not outcome:
        return status
    changes: dict[str, object] = {"outcome": outcome}
    if outcome in ("Withdrawn", "NotDone"):
        changes["revisions"] = [r for r in asked.revisions if r != asked.revision]
    return status.model_copy(update={"rollback": asked.model_copy(update=changes)})
