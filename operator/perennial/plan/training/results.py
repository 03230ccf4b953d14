"""What a run's pods tell of its candidates."""

from perennial.api.training import (
    CandidateStatus,
    DatasetNotes,
    Note,
    RunStatus,
    TrainingSpec,
)
from perennial.api.values import Json
from perennial.plan.core import owned_by
from perennial.plan.pods.health import not_made, not_starting
from perennial.plan.training.gates import against_champion, failures, value_of
from perennial.plan.training.job import child_name
from perennial.plan.training.snapshot import TrainingSnapshot
from perennial_artifact.result import CandidateResult, Failure

INDEX_LABEL = "batch.kubernetes.io/job-completion-index"


def pods_of(s: TrainingSnapshot, run: RunStatus, **labels: str) -> list[Json]:
    """Return the pods of a run that have these labels, too: those that its Job owns.

    Anybody may put our labels on a pod; what such a one tells decides nothing.
    """
    job = s.job(child_name(s.training, run.number))
    uid = job["metadata"].get("uid", "") if job is not None else ""
    needed = {"perennial.dev/run": str(run.number), **labels}.items()
    found = [p for p in s.pods if needed <= p["metadata"].get("labels", {}).items()]
    return [p for p in found if uid and owned_by(p, uid)]


def seen(s: TrainingSnapshot, spec: TrainingSpec, run: RunStatus) -> list[CandidateStatus]:
    """Return each candidate's state: judged as soon as its pod has told, and not again.

    What a pod told is kept whole, since the pod may be gone before the run ends.
    """
    results = results_of(s, run)
    found = []
    for index, before in enumerate(run.candidates):
        result = results.get(before.name)
        if before.verdict in ("Passed", "GatesFailed"):
            found.append(before)
        elif result is not None:
            found.append(judged(spec, run, before, result))
        else:
            found.append(_still_waiting(s, run, index))
    return found


def recorded(candidate: CandidateStatus) -> CandidateResult | None:
    """Return what a candidate's pod told, None where nothing was recorded."""
    return CandidateResult.from_plain(candidate.result) if candidate.result else None


def _still_waiting(s: TrainingSnapshot, run: RunStatus, index: int) -> CandidateStatus:
    """Return a candidate's state with why its pod does not start, kept when the pod is gone."""
    candidate, pods = run.candidates[index], pods_of(s, run, **{INDEX_LABEL: str(index)})
    if candidate.verdict != "Running" or not (pods or s.job_events):
        return candidate
    why = not_starting(pods, s.now) if pods else not_made(s.job_events)
    return candidate.model_copy(update={"message": f"{why.reason}: {why.message}" if why else ""})


def results_of(s: TrainingSnapshot, run: RunStatus) -> dict[str, CandidateResult]:
    """Return each candidate's newest termination message; what a pod says is not trusted."""
    newest: dict[str, tuple[str, CandidateResult]] = {}
    for pod in pods_of(s, run):
        meta = pod["metadata"]
        index = int(meta.get("labels", {}).get(INDEX_LABEL, -1))
        if not 0 <= index < len(run.candidates):
            continue
        name = run.candidates[index].name
        for container in pod.get("status", {}).get("containerStatuses", []):
            ended = container.get("state", {}).get("terminated")
            if not ended:
                continue
            result = _parse(name, ended)
            at = ended.get("finishedAt") or ""
            if name not in newest or newest[name][0] <= at:
                newest[name] = (at, result)
    return {name: result for name, (_, result) in newest.items()}


def _parse(name: str, ended: Json) -> CandidateResult:
    message = ended.get("message", "")
    try:
        result = CandidateResult.from_json(message)
        if result.candidate != name:
            raise ValueError("the result is another candidate's")
        if result.failure is None and not (result.artifact and result.dataset and result.metrics):
            raise ValueError("the result lacks what a version needs")
        return result
    except ValueError:
        reason = ended.get("reason", "Error")
        hint = " (raise spec.job.resources.limits.memory)" if reason == "OOMKilled" else ""
        text = f"the training container ended with {reason}, exit code {ended.get('exitCode')}"
        failure = Failure(reason="TrainerFailed", message=f"{text}{hint}; see its log")
        return CandidateResult(candidate=name, failure=failure)


def judged(
    spec: TrainingSpec, run: RunStatus, before: CandidateStatus, result: CandidateResult
) -> CandidateStatus:
    """Return a candidate's state, by the gates of its own run."""
    if result.failure is not None:
        again = " (another try may help)" if result.failure.retry else ""
        text = f"{result.failure.reason}: {result.failure.message}{again}"
        return CandidateStatus(name=before.name, verdict="Failed", message=text)
    objective = spec.objective.metric
    value = value_of(result.metrics, objective)
    if value is None:
        text = f"{objective}, the objective, was not measured"
        return CandidateStatus(name=before.name, verdict="Failed", message=text)
    failed = failures(spec.gates, result, run.champion is not None)
    beside = against_champion(result, objective)
    said = failed or ([beside] if beside else [])
    return CandidateStatus(
        name=before.name,
        metric=value,
        verdict="GatesFailed" if failed else "Passed",
        message="; ".join([*said, *_of_the_fit(result)]),
        result={} if failed else result.to_plain(),
    )


OF_THE_FIT = "fit"
"""What noticed something about one candidate's fit, not about the rows that all read."""


def _of_the_fit(result: CandidateResult) -> list[str]:
    return [note.message for note in result.notes if note.check == OF_THE_FIT]


def notes_of(s: TrainingSnapshot, run: RunStatus) -> DatasetNotes | None:
    """Return what was noticed about the dataset, as soon as one pod has told.

    Every candidate of a run reads the same rows.
    """
    if run.dataset is not None:
        return run.dataset
    reports = (r for r in results_of(s, run).values() if r.dataset is not None)
    found = max(reports, key=lambda r: len(r.notes), default=None)
    if found is None or found.dataset is None:
        return None
    return DatasetNotes(
        rows=found.dataset.rows,
        held_out=found.dataset.held_out,
        notes=[
            Note(check=n.check, message=n.message) for n in found.notes if n.check != OF_THE_FIT
        ],
    )
