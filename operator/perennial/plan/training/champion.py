"""The versions of a training: which is made, and which is to beat."""

from perennial.api import API_VERSION
from perennial.api.training import Champion, RunStatus, TrainingStatus
from perennial.api.values import Json
from perennial.api.version import Metric, ModelVersion
from perennial.plan.pods.stores import secret_for
from perennial.plan.training.job import child_name, labels
from perennial.plan.training.run import as_trained
from perennial.plan.training.snapshot import TrainingSnapshot
from perennial_artifact.result import CandidateResult


def version_of(s: TrainingSnapshot, run: RunStatus, result: CandidateResult) -> Json:
    """Return the ModelVersion; not owned, since what is served must outlive its training."""
    assert result.artifact is not None
    # So that it says by itself who opens it, whatever becomes of its training.
    name = secret_for(result.artifact.uri, s.training.spec.store, s.settings)
    secret = {"secretRef": {"name": name}} if name else {}
    spec = {
        "source": {
            "trainingRef": {"name": s.training.metadata.name},
            "run": run.number,
            "candidate": result.candidate,
        },
        "artifact": {**result.artifact.to_plain(), **secret},
        "metrics": [m.to_plain() for m in result.metrics],
        "dataset": result.dataset.to_plain() if result.dataset else None,
        "algorithm": result.algorithm,
        "parameters": result.parameters,
        "libraries": result.libraries,
    }
    if result.signature is not None:
        spec["signature"] = result.signature.to_plain()
    if run.champion is not None:
        spec["parent"] = run.champion.version
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelVersion",
        "metadata": {
            "name": child_name(s.training, run.number),
            "namespace": s.training.metadata.namespace,
            "labels": labels(s.training, run.number),
        },
        "spec": spec,
    }


def champion_of(version: ModelVersion) -> Champion:
    """Return a version as what later runs must beat."""
    metric = version.spec.metrics[0]
    return Champion(
        version=version.metadata.name,
        metric=metric,
        uri=version.spec.artifact.uri,
        sha256=version.spec.artifact.sha256,
        secret=version.spec.artifact.secret_ref.name if version.spec.artifact.secret_ref else "",
        dataset=version.spec.dataset,
    )


def metric_with_interval(metric: Metric, candidates: int) -> str:
    """Return a winner's metric with its interval, which is wider the more candidates competed.

    The best of many is partly the luckiest, so the interval covers as much as all together would.
    """
    text = f"{metric.name}={metric.value:.3f}"
    if metric.low is None or metric.high is None:
        return text
    best = f", the best of {candidates}" if candidates > 1 else ""
    sure = f"{100 * metric.confidence:.4g} %"
    return f"{text} ({metric.low:.3f} to {metric.high:.3f} at {sure}{best})"


def _outcome(version: ModelVersion) -> str:
    return version.status.outcome.reason if version.status.outcome is not None else ""


def _sound(s: TrainingSnapshot) -> list[ModelVersion]:
    """Return the versions that live traffic has not refuted."""
    return [v for v in s.versions if v.refuted is None]


def baseline(s: TrainingSnapshot, status: TrainingStatus) -> Champion | None:
    """Return whom a run is compared with: the champion.

    Where it was rolled back, that which serves in its place: the newest that was promoted; or, if
    none ever was, the newest that was not rolled back.
    """
    champion, sound = status.champion, _sound(s)
    refuted = {v.metadata.name for v in s.versions} - {v.metadata.name for v in sound}
    if champion is None or champion.version not in refuted:
        return champion
    served = max(sound, key=lambda v: (_outcome(v) == "Promoted", v.spec.run), default=None)
    return champion_of(served) if served is not None else None


def rebuilt(s: TrainingSnapshot, status: TrainingStatus) -> TrainingStatus:
    """Rebuild a lost status: the champion is the newest version that was not rolled back."""
    newest = max(s.versions, key=lambda v: v.spec.run)
    champion = max(_sound(s), key=lambda v: v.spec.run, default=newest)
    run = status.run or RunStatus(
        number=newest.spec.run,
        trigger="Spec",
        reason="known by its version",
        phase="Finished",
        start_time=newest.metadata.creation_timestamp or s.now,
        generation=s.training.metadata.generation,
        trained=as_trained(s.training.spec),
    )
    return status.model_copy(update={"champion": champion_of(champion), "run": run})
