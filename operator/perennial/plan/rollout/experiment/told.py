"""What the pods were told of predictions, by arm and age, until a batch of it is over.

Feedback comes to any pod, so all are asked. What came in a time that was read is closed: the end of
it stands in the status beside what is made of it, so that nothing counts twice.
"""

from datetime import UTC, datetime

from perennial.api.deployment import Experiment, ExperimentStatus
from perennial.api.values import seconds
from perennial.plan.core.questions import SKEW_SECONDS, Answers, Asked, ask, is_ready, revision_of
from perennial.plan.rollout.experiment.arms import running
from perennial.plan.rollout.experiment.goal import is_on
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial_artifact.outcomes import AGES
from perennial_statistics.means import Moments
from perennial_statistics.numbers import as_list, from_list, kept

FINE, COARSE = 5, 60
"""Outcomes are counted by so many seconds; those of more than an hour ago by the minute."""
FINE_FOR_SECONDS = 3_480
KEPT_SECONDS = 86_000
PATIENCE_SECONDS = 60
"""How long a ready pod that does not answer is waited for."""
NAMED = 8


def outcome_questions(s: DeploymentSnapshot) -> Asked | None:
    """Return what all pods are to be asked, None where it is not time for it."""
    known, experiment = s.status.experiment, s.deployment.spec.experiment
    if known is None or experiment is None or known.judged_until is None:
        return None
    if not is_on(s.status) or not running(known):
        return None
    step = look_seconds(experiment)
    start, end = int(known.judged_until.timestamp()), _closed(s.now, step)
    if start < end - FINE_FOR_SECONDS:
        start = -(-max(start, end - KEPT_SECONDS) // COARSE) * COARSE
        end = end // COARSE * COARSE
    if end - start < step:
        return None
    revisions = sorted({revision_of(pod) for pod in s.pods if is_ready(pod)})
    return ask(s.pods, revisions, start, end, FINE, ("outcomes",))


def look_seconds(experiment: Experiment) -> int:
    """Return how often pods are asked: a minute, or less where a batch is shorter."""
    batch = int(seconds(experiment.batch))
    return COARSE if batch >= COARSE else max(FINE, batch // 2 // FINE * FINE)


def _closed(now: datetime, step: int) -> int:
    """Return the newest end of a look that all pods' clocks have passed."""
    return int(now.timestamp() - SKEW_SECONDS - 1) // step * step


def begun(
    s: DeploymentSnapshot, experiment: Experiment, known: ExperimentStatus
) -> ExperimentStatus:
    """Return an experiment whose first batch begins now: what was told before is not about it."""
    start = _closed(s.now, look_seconds(experiment))
    moment = datetime.fromtimestamp(start, UTC)
    update = {"judged_until": moment, "batch_time": moment, "batch": [], "missing": []}
    return known.model_copy(update=update)


def read(known: ExperimentStatus, answers: Answers, now: datetime) -> ExperimentStatus:
    """Return what is known with what was told since, once every ready pod answered, or is late."""
    arrived = answers.arrived()
    late = now.timestamp() - answers.until > PATIENCE_SECONDS
    missing = list(arrived.lacking)
    if missing and not late:
        return known.model_copy(update={"missing": missing[:NAMED]})
    cells = batch_of(known)
    for at, arm in enumerate(known.arms):
        outcomes = arrived.of(arm.sha256)
        for told in outcomes.known if outcomes is not None else ():
            if told.rewards is None or told.age not in AGES:
                continue
            age, r = AGES.index(told.age), told.rewards
            old = cells[age][at]
            cells[age][at] = Moments(
                kept(old.rows + r.count), kept(old.total + r.sum), kept(old.squares + r.squares)
            )
    numbers = [v for row in cells for m in row for v in (m.rows, m.total, m.squares)]
    return known.model_copy(
        update={
            "judged_until": datetime.fromtimestamp(answers.until, UTC),
            "missing": missing[:NAMED],
            "batch": as_list(numbers),
        }
    )


def batch_of(known: ExperimentStatus) -> list[list[Moments]]:
    """Return what was told in the present batch: by age, and then by arm."""
    arms = len(known.arms)
    try:
        numbers = from_list(known.batch, 3 * arms * len(AGES))
    except ValueError:
        numbers = (0.0,) * (3 * arms * len(AGES))
    moments = [Moments(*numbers[at : at + 3]) for at in range(0, len(numbers), 3)]
    return [moments[at : at + arms] for at in range(0, len(moments), arms)]


def is_over(experiment: Experiment, known: ExperimentStatus) -> bool:
    """Tell whether the present batch has lasted as long as it should."""
    if known.batch_time is None or known.judged_until is None:
        return False
    return (known.judged_until - known.batch_time).total_seconds() >= seconds(experiment.batch)
