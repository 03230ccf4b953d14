"""Ask the ModelTraining for a run on the newest data, and see what comes of it."""

from datetime import timedelta

from perennial.api.monitor import LastAction, MonitorStatus
from perennial.api.values import seconds
from perennial.plan.core import Event
from perennial.plan.monitoring.finding import ActionResult, Cause
from perennial.plan.monitoring.snapshot import MonitorSnapshot

DAY = timedelta(hours=24)
FRUITLESS_LIMIT = 2
"""Runs that may come to nothing before a person has to look."""


def act(s: MonitorSnapshot, status: MonitorStatus, cause: Cause) -> ActionResult:
    """Ask for a retraining, unless something speaks against it; say which it was."""
    if against := _against(s, status):
        return ActionResult(*against, status)
    served = status.reference.version if status.reference else ""
    message = f"{served or 'the model'} {cause.became}: {cause.message}"
    asked = LastAction(type="Retrain", time=s.now, message=message, version=served, test=cause.test)
    today = [t for t in status.action_times if s.now - t < DAY]
    status = status.model_copy(
        update={
            "last_action": asked,
            "action_times": [*today, s.now],
            "retrainings": status.retrainings + 1,
        }
    )
    event = Event("AskedToRetrain", "asked to retrain")
    return ActionResult("AskedToRetrain", "asked to retrain", status, (event,))


def _against(s: MonitorSnapshot, status: MonitorStatus) -> tuple[str, str] | None:
    """Return what speaks against a retraining now, as a reason and a sentence."""
    action, retrain = status.last_action, s.monitor.spec.actions.retrain
    assert retrain is not None
    if s.training is None:
        return "NoTraining", "the ModelDeployment follows no ModelTraining to retrain"
    run = s.training.status.run
    if run is not None and run.phase == "Fitting":
        return "RetrainingUnderWay", f"run {run.number} is under way"
    if s.deployment is not None and s.deployment.status.canary is not None:
        return "RolloutUnderWay", "a newer version is on trial"
    if action is not None:
        wait = seconds(retrain.cooldown) - max(0.0, (s.now - action.time).total_seconds())
        if wait > 0:
            return "CoolingDown", f"the next retraining may be asked for in {wait:.0f} s"
    if len([t for t in status.action_times if s.now - t < DAY]) >= retrain.daily_limit:
        return "DailyLimitReached", f"{retrain.daily_limit} retrainings in 24 hours"
    if not helps(status):
        message = (
            f"{status.fruitless} retrainings did not end it: look at the data, then retrain by hand"
        )
        return "RetrainingDoesNotHelp", message
    return None


def helps(status: MonitorStatus) -> bool:
    """Tell whether another retraining may end the drift, as far as earlier ones show."""
    return status.fruitless < FRUITLESS_LIMIT


def followed(s: MonitorSnapshot, status: MonitorStatus) -> MonitorStatus:
    """Return the status with the run that came of the last action, and with its outcome.

    A retraining counts as fruitless until the traffic is like the reference again: not what was
    shipped ends drift, but what fits.
    """
    action = status.last_action
    if action is None or action.outcome or s.training is None:
        return status
    last, run = s.training.status.last_run, s.training.status.run
    number = action.run
    if number is None:
        begun = [(last.start_time, last.number)] if last is not None else []
        begun += [(run.start_time, run.number)] if run is not None else []
        number = next((number for start, number in begun if start >= action.time), None)
    if number is None or last is None or last.number < number:
        return status.model_copy(update={"last_action": action.model_copy(update={"run": number})})
    outcome = last.outcome if last.number == number else "Unknown"
    ended = action.model_copy(update={"run": number, "outcome": outcome})
    return status.model_copy(update={"last_action": ended, "fruitless": status.fruitless + 1})
