"""The Job of one run: an index for each candidate."""

import json

from perennial.api.base import Json, seconds
from perennial.api.training import ModelTraining
from perennial.plan.core import MANAGED_BY, Settings, owner_reference
from perennial.plan.pods import container_security, pod_security, secret_volume
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


def run_spec(training: ModelTraining, run: int, settings: Settings) -> RunSpec:
    """Return what the training pods are told."""
    spec = training.spec
    champion = training.status.champion
    names = sorted({gate.metric for gate in spec.gates} - {spec.objective.metric})
    return RunSpec.model_validate(
        {
            "training": training.metadata.name,
            "namespace": training.metadata.namespace,
            "run": run,
            "task": spec.task,
            "dataset": spec.dataset.model_dump(by_alias=True, exclude={"secret_ref"}),
            "objective": {"metric": spec.objective.metric},
            "metrics": names,
            "candidates": [c.to_json() for c in spec.candidates],
            "champion": champion
            and {"version": champion.version, "uri": champion.uri, "sha256": champion.sha256},
            "storeUri": spec.store.uri if spec.store else settings.store_uri,
        }
    )


def children(training: ModelTraining, run: int, settings: Settings) -> tuple[Json, Json]:
    """Return the ConfigMap with run.json, and the Job that mounts it."""
    name, meta, spec = child_name(training, run), training.metadata, training.spec
    metadata = {
        "name": name,
        "namespace": meta.namespace,
        "labels": labels(training, run),
        "ownerReferences": [owner_reference("ModelTraining", meta.name, meta.uid)],
    }
    document = json.loads(run_spec(training, run, settings).to_json())
    config_map: Json = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"run.json": json.dumps(document, sort_keys=True)},
    }
    store = settings.store_secret
    if spec.store is not None:
        store = spec.store.secret_ref.name if spec.store.secret_ref else ""
    secrets = {"store": store}
    if spec.dataset.secret_ref is not None:
        secrets["dataset"] = spec.dataset.secret_ref.name
    secrets = {purpose: secret for purpose, secret in secrets.items() if secret}
    pod: Json = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "containers": [
            {
                "name": "train",
                "image": settings.trainer_image,
                "imagePullPolicy": settings.image_pull_policy,
                "command": ["python3", "-m", "perennial_training"],
                "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
                "resources": spec.job.resources or DEFAULT_RESOURCES,
                "securityContext": container_security(),
                "volumeMounts": [
                    {"name": "run", "mountPath": "/perennial", "readOnly": True},
                    {"name": "tmp", "mountPath": "/tmp"},
                    *(
                        {"name": p, "mountPath": f"/perennial-secrets/{p}", "readOnly": True}
                        for p in secrets
                    ),
                ],
            }
        ],
        "volumes": [
            {"name": "run", "configMap": {"name": name}},
            {"name": "tmp", "emptyDir": {}},
            *(secret_volume(purpose, secret) for purpose, secret in secrets.items()),
        ],
    }
    if spec.job.service_account_name:
        pod["serviceAccountName"] = spec.job.service_account_name
    if settings.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": n} for n in settings.image_pull_secrets]
    job: Json = {
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
            "template": {"metadata": {"labels": labels(training, run)}, "spec": pod},
        },
    }
    return config_map, job
