"""The Job of one run: an index for each candidate."""

from datetime import datetime, timedelta

from perennial.api.deployment import RequestLogLocation
from perennial.api.training import Dataset, ModelTraining, RunStatus
from perennial.api.values import Json, seconds
from perennial.plan.core import MANAGED_BY, Settings, owner_reference
from perennial.plan.pods.container import resources
from perennial.plan.pods.stores import chosen
from perennial.plan.pods.trainer import TrainerPod
from perennial.plan.pods.volumes import Opens
from perennial_artifact.result import RunSpec

KEEP_SECONDS = 86_400
DEFAULT_RESOURCES: Json = {
    "requests": {"cpu": "100m", "memory": "256Mi"},
    "limits": {"memory": "2Gi"},
}


def child_name(training: ModelTraining, run: int) -> str:
    """Return the name of a run's Job, ConfigMap and ModelVersion."""
    return f"{training.metadata.name}-{run}"


def labels(training: ModelTraining, run: int) -> dict[str, str]:
    """Return the labels of a run's children."""
    return {
        **MANAGED_BY,
        "app.kubernetes.io/component": "training",
        "perennial.dev/training": training.metadata.name,
        "perennial.dev/run": str(run),
    }


def run_spec(
    training: ModelTraining, run: RunStatus, log: RequestLogLocation | None, settings: Settings
) -> RunSpec:
    """Return run.json; ``log`` is where the feedback to learn from is."""
    spec = training.spec
    champion = run.champion
    names = sorted({gate.metric for gate in spec.gates} - {spec.objective.metric})
    dataset = _dataset(spec.dataset, run.start_time)
    if spec.dataset.feedback is not None:
        dataset["feedback"] = {
            "deployment": spec.dataset.feedback.deployment_ref.name,
            "uri": log and log.uri,
            "until": run.start_time,
        }
    return RunSpec.from_plain(
        {
            "training": training.metadata.name,
            "namespace": training.metadata.namespace,
            "run": run.number,
            "task": spec.task,
            "dataset": dataset,
            "objective": {"metric": spec.objective.metric},
            "metrics": names,
            "candidates": [c.to_json() for c in spec.candidates],
            "champion": champion
            and {"version": champion.version, "uri": champion.uri, "sha256": champion.sha256},
            "storeUri": chosen(spec.store, settings)[0],
        }
    )


def _dataset(dataset: Dataset, began: datetime) -> Json:
    """Return the rows to read and what is done with them, as run.json says it."""
    written = dataset.to_json()
    if newest := written.pop("newest", None):
        written["since"] = began - timedelta(seconds=seconds(newest))
    for elsewhere in ("secretRef", "feedback"):
        written.pop(elsewhere, None)
    gap = written["split"].pop("gap", "0s")
    written["split"]["gapSeconds"] = seconds(gap)
    return written


def _opens(run: RunSpec) -> Opens:
    """Return what a training pod opens: rows, requests with labels, the champion, the store."""
    reads = [run.dataset.uri]
    if run.dataset.feedback is not None and run.dataset.feedback.uri is not None:
        reads.append(run.dataset.feedback.uri)
    if run.champion is not None:
        reads.append(run.champion.uri)
    return Opens(reads=tuple(reads), writes=(run.store_uri,))


def job(
    training: ModelTraining,
    run: RunStatus,
    document: RunSpec,
    log: RequestLogLocation | None,
    settings: Settings,
) -> Json:
    """Return the Job of a run: its pods read ``document`` from the run's ConfigMap."""
    name, meta, spec = child_name(training, run.number), training.metadata, training.spec
    metadata = {
        "name": name,
        "namespace": meta.namespace,
        "labels": labels(training, run.number),
        "ownerReferences": [owner_reference("ModelTraining", meta.name, meta.uid)],
    }
    secrets = {"store": chosen(spec.store, settings)[1]}
    if spec.dataset.secret_ref is not None:
        secrets["dataset"] = spec.dataset.secret_ref.name
    if spec.dataset.feedback is not None and log is not None:
        secrets["feedback"] = log.secret
    pod = TrainerPod(
        container="train",
        command=("python3", "-m", "perennial_training"),
        resources=resources(spec.job.resources, DEFAULT_RESOURCES),
        opens=_opens(document),
        secrets=secrets,
        service_account=spec.job.service_account_name,
        config_map=name,
    ).template(settings)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "completionMode": "Indexed",
            "completions": len(spec.candidates),
            "parallelism": min(spec.job.parallelism, len(spec.candidates)),
            "backoffLimitPerIndex": spec.job.backoff_limit,
            "activeDeadlineSeconds": int(seconds(spec.job.active_deadline)),
            "ttlSecondsAfterFinished": KEEP_SECONDS,
            "template": {"metadata": {"labels": labels(training, run.number)}, "spec": pod},
        },
    }
