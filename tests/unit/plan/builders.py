"""Test objects that show only what matters to a test."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from perennial.api import DriftMonitor, ModelDeployment, ModelTraining, ModelVersion
from perennial.api.deployment import ArtifactRef, Revision
from perennial.api.training import RunStatus
from perennial.plan.core import Plan, Settings
from perennial.plan.serving.template import recorded
from perennial.plan.serving.workload import workload
from perennial.plan.training.run import config_map

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SHA = "a" * 64
SETTINGS = Settings(store_uri="s3://models", store_secret="perennial-store")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def meta(name: str = "flights", **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": "team", "uid": f"uid-{name}", "generation": 1, **more}


def training(spec: dict[str, Any] | None = None, **more: Any) -> ModelTraining:
    body = {
        "task": "Classification",
        "dataset": {"uri": "s3://data/x.parquet", "target": "y"},
        "objective": {"metric": "roc_auc"},
        "candidates": [
            {"name": "boosted", "algorithm": "HistGradientBoostingClassifier"},
            {"name": "linear", "algorithm": "LogisticRegression"},
        ],
        "gates": [{"name": "good", "metric": "roc_auc", "minimum": 0.7}],
        **(spec or {}),
    }
    return ModelTraining.read({"metadata": meta(), "spec": body, **more})


def run(number: int = 1) -> RunStatus:
    made = {"number": number, "trigger": "Spec", "phase": "Fitting", "generation": 1}
    return RunStatus.model_validate({**made, "startTime": NOW})


def version(number: int = 1, sha: str = SHA, **status: Any) -> ModelVersion:
    body = {
        "source": {"trainingRef": {"name": "flights"}, "run": number, "candidate": "boosted"},
        "artifact": {"uri": "s3://models/t/", "sha256": sha},
        "metrics": [{"name": "roc_auc", "value": 0.9}],
        "dataset": {"uri": "s3://data/x.parquet", "sha256": SHA, "rows": 1},
        "algorithm": "X",
    }
    return ModelVersion.read(
        {"metadata": meta(f"flights-{number}"), "spec": body, "status": status}
    )


def deployment(spec: dict[str, Any] | None = None, **more: Any) -> ModelDeployment:
    rollout = {
        "canary": {"steps": [{"setWeight": 50}, {"pause": {"duration": "10s"}}]},
        "progressDeadline": "60s",
    }
    body = {
        "model": {"artifact": {"uri": "s3://models/a/", "sha256": SHA}},
        "replicas": 2,
        "rollout": rollout,
        **(spec or {}),
    }
    body["rollout"] = {"analysis": {"none": {}}, **body["rollout"]}
    return ModelDeployment.read({"metadata": meta(), "spec": body, **more})


def monitor(spec: dict[str, Any] | None = None, **more: Any) -> DriftMonitor:
    body = {
        "deploymentRef": {"name": "flights"},
        "minimumSamples": 100,
        "consecutiveBreaches": 2,
        "interval": "10s",
        "actions": {"retrain": {"cooldown": "60s", "dailyLimit": 2}},
        **(spec or {}),
    }
    return DriftMonitor.read({"metadata": meta(), "spec": body, **more})


def conditions(plan: Plan) -> dict[str, tuple[str, str]]:
    assert plan.status is not None
    return {c.type: (c.status, c.reason) for c in plan.status.conditions}  # type: ignore[attr-defined]


def run_children(owner: ModelTraining, of: RunStatus, log: Any = None) -> tuple[Any, Any]:
    """Return the ConfigMap of a run, and the Job that is recorded in it."""
    record = config_map(owner, of, log, SETTINGS)
    return record, json.loads(record["data"]["job.json"])


def artifact_of(owner: ModelDeployment) -> ArtifactRef:
    """Return the artifact that a deployment names."""
    artifact = owner.spec.model.artifact
    assert artifact is not None
    return ArtifactRef(uri=artifact.uri, sha256=artifact.sha256)


def served(owner: ModelDeployment, name: str = "r1", replicas: int = 2, **more: Any) -> Any:
    """Return the Deployment of a revision that is recorded as the spec says now."""
    revision = Revision(artifact=artifact_of(owner), revision=name, secret="s", **more)
    return workload(owner, recorded(owner, revision, SETTINGS), "stable", replicas)
