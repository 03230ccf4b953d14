"""Ask the ModelTraining for a run on the newest data, and see what comes of it."""

from datetime import timedelta

from perennial.api.monitor import LastAction, MonitorStatus
from perennial.api.values import seconds
from perennial.plan.core import Event
from perennial.plan.monitoring.finding import ActionResult, Cause
from perennial.plan.monitoring.pace import remembered, too_soon
from perennial.plan.monitoring.recall import asked_to_retrain
from perennial.plan.monitoring.snapshot import MonitorSnapshot

FRUITLESS_LIMIT = 2
"""Runs that may come to nothing before a person has to look, and pauses become longer."""
MOST_DOUBLINGS = 2
A_MOMENT = timedelta(minutes=1)
"""Within it a rollout of what was promoted starts, or does not start at all."""


def act(s: MonitorSnapshot, status: MonitorStatus, cause: Cause) -> ActionResult:
    """Ask for a retraining, unless something speaks against it; say which it was."""
    if against := _against(s, status):
        return ActionResult(*against, status)
    served = status.reference.version if status.reference else ""
    message = f"{served or 'the model'} {cause.became}: {cause.message}"
    assert s.training is not None
    asked = LastAction(
        type="Retrain",
        time=s.now,
        message=message,
        version=served,
        test=cause.test,
        training=s.training.metadata.name,
    )
    status = status.model_copy(
        update={
            "last_action": asked,
            "retraining": None,
            "action_times": remembered([*asked_to_retrain(status), s.now], s.now),
            "retrainings": status.retrainings + 1,
        }
    )
    event = Event("AskedToRetrain", "asked to retrain")
    return ActionResult("AskedToRetrain", "asked to retrain", status, (event,))


def _against(s: MonitorSnapshot, status: MonitorStatus) -> tuple[str, str] | None:
    """Return what speaks against a retraining now, as a reason and a sentence."""
    retrain, rollback = s.monitor.spec.actions.retrain, status.rollback
    assert retrain is not None
    if s.monitor.spec.actions.rollback is not None and rollback and rollback.is_open(s.now):
        return "", ""  # what serves is about to change
    if s.training is None:
        return "NoTraining", "the ModelDeployment follows no ModelTraining to retrain"
    if s.training.spec.suspend:
        name = s.training.metadata.name
        return "TrainingSuspended", f"ModelTraining {name} is suspended: set its spec.suspend false"
    run = s.training.status.run
    if run is not None and run.phase == "Fitting":
        return "RetrainingUnderWay", f"run {run.number} is under way"
    if s.deployment is not None and s.deployment.status.canary is not None:
        return "RolloutUnderWay", "a newer version is on trial"
    if newer := _about_to_start(s):
        return "RolloutUnderWay", f"{newer} was promoted a moment ago, and is not on trial yet"
    pause = _pause(seconds(retrain.cooldown), status.fruitless)
    found = too_soon("retraining", asked_to_retrain(status), s.now, pause, retrain.daily_limit)
    if found is not None and not helps(status):
        message = f"{status.fruitless} retrainings did not end it: look at the data; {found[1]}"
        return "RetrainingDoesNotHelp", message
    return found


def serves_better(status: MonitorStatus) -> bool:
    """Tell whether what came of the last retraining is better, and serves: it was not in vain.

    What is taken back by its rollout was, however good it is on held-out rows; and what a rollback
    brought back did not come of it.
    """
    action, served, back = status.last_retraining, status.reference, status.rollback
    if action is None or served is None or not action.better or action.outcome != "Promoted":
        return False
    return served.version not in (action.version, back.to_version if back is not None else "")


def _pause(cooldown: float, fruitless: int) -> float:
    """Return the seconds between two retrainings, more where the last ones were in vain.

    They do not end for good: labels that come late may teach later what they do not teach now.
    """
    doublings = max(0, min(fruitless - FRUITLESS_LIMIT + 1, MOST_DOUBLINGS))
    return cooldown * 2.0**doublings


def helps(status: MonitorStatus) -> bool:
    """Tell whether another retraining may end the drift, as far as earlier ones show."""
    return status.fruitless < FRUITLESS_LIMIT


def came_of(status: MonitorStatus) -> str:
    """Return what came of retrainings since the traffic last was as learned; '' of none."""
    action, count = status.last_retraining, status.fruitless
    if not count:
        return ""
    text = f"{count} retraining{'s' if count > 1 else ''} did not end it"
    if action is None or not action.outcome:
        return text
    return f"{text}; run {action.run} ended as {action.outcome}: {action.result}"


def _about_to_start(s: MonitorSnapshot) -> str:
    """Return the version that a run has just promoted and nobody has tried yet; '' for none."""
    if s.training is None or s.deployment is None:
        return ""
    last, champion = s.training.status.last_run, s.training.status.champion
    if last is None or champion is None or last.outcome != "Promoted":
        return ""
    is_known = champion.version in {r.version for r in s.deployment.status.revisions}
    is_new = timedelta() <= s.now - last.finish_time < A_MOMENT
    return champion.version if is_new and not is_known else ""


def followed(s: MonitorSnapshot, status: MonitorStatus) -> MonitorStatus:
    """Return the status with the run that came of the last retraining, and with its outcome.

    A retraining counts as fruitless until the traffic is like the reference again, or until what
    came of it serves and is better: not what was shipped ends drift, but what fits.
    """
    action = status.last_retraining
    if action is None or action.outcome or s.training is None:
        return status
    if action.training not in ("", s.training.metadata.name):
        result = f"ModelTraining {action.training} was asked, which is not followed any more"
        other = action.model_copy(update={"outcome": "Unknown", "result": result})
        return _with(status, other)
    last, run = s.training.status.last_run, s.training.status.run
    number = action.run
    if number is None:
        begun = [(last.start_time, last.number)] if last is not None else []
        begun += [(run.start_time, run.number)] if run is not None else []
        number = next((number for start, number in begun if start >= action.time), None)
    if number is None or last is None or last.number < number:
        return _with(status, action.model_copy(update={"run": number}))
    is_known = last.number == number
    outcome, said = (last.outcome, last.message) if is_known else ("Unknown", "")
    better = last.better if is_known else None
    ended = action.model_copy(
        update={"run": number, "outcome": outcome, "better": better, "result": said}
    )
    return _with(status.model_copy(update={"fruitless": status.fruitless + 1}), ended)


def _with(status: MonitorStatus, known: LastAction) -> MonitorStatus:
    """Return the status with what is known of the last retraining, where that stands."""
    is_displaced = status.last_action is not None and status.last_action.type != "Retrain"
    return status.model_copy(update={"retraining" if is_displaced else "last_action": known})
