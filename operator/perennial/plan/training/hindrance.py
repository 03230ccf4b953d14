"""What keeps a run's pods from starting: it is told, and takes no time from the run."""

from datetime import datetime

from perennial.api.training import RunStatus
from perennial.api.values import Json
from perennial.plan.core import Finding
from perennial.plan.pods.health import has_ended, not_made, not_starting
from perennial.plan.training.job import child_name
from perennial.plan.training.problems import own_jobs
from perennial.plan.training.results import INDEX_LABEL, pods_of
from perennial.plan.training.run import RunRecord
from perennial.plan.training.snapshot import TrainingSnapshot

TIME_LEFT = 0.9
"""The part of a run's time that is left to it, whenever what hinders it ends."""


def hindrance(s: TrainingSnapshot, run: RunStatus) -> Finding | None:
    """Return why pods of a run do not start, or are not even made."""
    return not_starting(pods_of(s, run), s.now) or not_made(s.job_events)


def lacks_pods(s: TrainingSnapshot) -> bool:
    """Tell whether the run under way has a candidate whose pod should be there, and is not.

    Why not, its Job does not say: it is in the Job's Events.
    """
    run = s.training.status.run
    if run is None or run.phase != "Fitting":
        return False
    name = child_name(s.training, run.number)
    job = next((j for j in own_jobs(s) if j["metadata"]["name"] == name), None)
    if job is None:
        return False
    spec = job.get("spec", {})
    if spec.get("suspend"):
        return False
    pods = pods_of(s, run)
    known = {p["metadata"].get("labels", {}).get(INDEX_LABEL) for p in pods}
    running = [str(i) for i, c in enumerate(run.candidates) if c.verdict == "Running"]
    room = spec.get("parallelism", 1) - sum(not has_ended(p) for p in pods)
    return room > 0 and not known.issuperset(running)


def prolonged(s: TrainingSnapshot, run: RunStatus, record: RunRecord, live: Json) -> Json | None:
    """Return a hindered run's Job with more time, None where it has enough, or is not hindered.

    Its time counts from when it was made, whether its pods may start or not; so it is put off.
    """
    began = live.get("status", {}).get("startTime")
    whole = record.job["spec"]["activeDeadlineSeconds"]
    limit = live["spec"].get("activeDeadlineSeconds", whole)
    if not began or hindrance(s, run) is None:
        return None
    passed = max(0.0, (s.now - datetime.fromisoformat(str(began))).total_seconds())
    if limit - passed > TIME_LEFT * whole:
        return None
    spec = {**record.job["spec"], "activeDeadlineSeconds": int(passed + whole)}
    return {**record.job, "spec": spec}
