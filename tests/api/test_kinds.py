"""Every rule of the schema, against the real API server: what is refused, and what it says."""

import copy
import json
from typing import Any

import pytest
from asking import ROOT, Kubectl, refusal

from perennial.cluster.client import Cluster

TRAINING: dict[str, Any] = {
    "task": "Classification",
    "dataset": {"uri": "s3://data/x.parquet", "target": "y"},
    "objective": {"metric": "roc_auc"},
    "candidates": [{"name": "linear", "algorithm": "LogisticRegression"}],
}
DEPLOYMENT: dict[str, Any] = {"model": {"trainingRef": {"name": "fraud"}}}
MONITOR: dict[str, Any] = {"deploymentRef": {"name": "fraud"}}
SHA = "a" * 64
VERSION: dict[str, Any] = {
    "source": {"imported": {"origin": "bought from a vendor"}},
    "artifact": {"uri": "s3://m/x/", "sha256": SHA},
}
SPECS = {
    "ModelTraining": TRAINING,
    "ModelDeployment": DEPLOYMENT,
    "DriftMonitor": MONITOR,
    "ModelVersion": VERSION,
}


def body(kind: str, name: str = "fraud", **changes: Any) -> dict[str, Any]:
    """Return an object; a change is named by its path, ``dataset__split`` for dataset.split."""
    spec = copy.deepcopy(SPECS[kind])
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = spec
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    metadata = {"name": name, "namespace": "default"}
    api = "perennial.dev/v1alpha1"
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("kind", SPECS)
def test_the_shortest_useful_object_is_accepted(kubectl: Kubectl, kind: str) -> None:
    applied = kubectl("apply", "-f", "-", body=body(kind, f"short-{kind.lower()}"))
    assert applied.code == 0, applied.error


STEPS = "rollout__canary__steps"
BODY = "serving__limits__maxBodySize"
GATE = {"name": "good", "metric": "roc_auc"}
REWARD = "serving__receipts__reward"
LOG, LOG_PATH = "serving__requestLog", "spec.serving.requestLog"
MEMORY, LABELS = "serving__resources__limits__memory", "podOverrides__metadata__labels"
BAD = [
    ("ModelTraining", {"dataset__uri": "data/x.csv"}, "write a URI with a scheme"),
    ("ModelTraining", {"dataset__split": {"method": "Time"}}, "needs dataset.timeColumn"),
    ("ModelTraining", {"task": "Clustering"}, "Classification"),
    ("ModelTraining", {"candidates": []}, "should have at least 1 items"),
    ("ModelTraining", {"candidates": TRAINING["candidates"] * 2}, "Duplicate value"),
    ("ModelTraining", {"gates": [GATE]}, "exactly one of minimum"),
    ("ModelTraining", {"gates": [{**GATE, "minimum": 1, "maximum": 2}]}, "exactly one of minimum"),
    ("ModelTraining", {"gates": [{"metric": "roc_auc", "minimum": 1}]}, "gates[0].name"),
    ("ModelTraining", {"gates": [{**GATE, "minimum": 1}] * 2}, "Duplicate value"),
    (
        "ModelTraining",
        {"gates": [{**GATE, "againstChampion": {"maximumLoss": 0.1}}]},
        "maximumLoss",
    ),
    ("ModelTraining", {"job": {"activeDeadline": "soon"}}, "spec.job.activeDeadline"),
    ("ModelTraining", {"store": {"uri": "models"}}, "spec.store.uri"),
    ("ModelDeployment", {"model": {}}, "give exactly one of trainingRef"),
    (
        "ModelDeployment",
        {"model__versionRef": {"name": "fraud-1"}},
        "give exactly one of trainingRef",
    ),
    (
        "ModelDeployment",
        {"model": {"artifact": {"uri": "s3://m/", "sha256": "abc"}}},
        "spec.model.artifact.sha256",
    ),
    (
        "ModelDeployment",
        {"model": {"artifact": {"uri": "s3://m/", "sha256": SHA, "secretRef": {"name": "A_B"}}}},
        "write the name of an object",
    ),
    ("ModelDeployment", {STEPS: [{}]}, "give exactly one of setWeight or pause"),
    ("ModelDeployment", {STEPS: [{"setWeight": 101}]}, "setWeight"),
    ("ModelDeployment", {STEPS: [{"pause": {"duration": "10"}}]}, "duration"),
    (
        "ModelDeployment",
        {"rollout__analysis": {"metrics": [{"name": "a"}]}},
        "give exactly one of errorRate, refusalRate, latency",
    ),
    ("ModelDeployment", {"replicas": -1}, "spec.replicas"),
    ("ModelDeployment", {MEMORY: "lots"}, f"{'.'.join(MEMORY.split('__'))}: Invalid value"),
    ("ModelDeployment", {MEMORY: "1 Gi"}, f"{'.'.join(MEMORY.split('__'))}: Invalid value"),
    ("ModelDeployment", {LABELS: {"Team A": "a"}}, "write a key as team or example.com/team"),
    ("ModelDeployment", {LABELS: {"team": "A B"}}, "write a label's value"),
    ("ModelDeployment", {"podOverrides__spec__tolerations": [{"effect": "x"}]}, "NoSchedule"),
    ("ModelDeployment", {"rollout__canary__steps": [{"setMirror": 1}]}, "setMirror"),
    ("ModelTraining", {"job__resources__limits__memory": "lots"}, "spec.job.resources.limits"),
    ("ModelDeployment", {"serving__batching": {}}, "spec.serving.batching.maxRows: Required"),
    ("ModelDeployment", {"serving__batching__maxRows": -1}, "spec.serving.batching.maxRows"),
    ("ModelDeployment", {"serving__batching__maxRows": 70_000}, "spec.serving.batching.maxRows"),
    ("ModelDeployment", {"serving__driftWindows": "Off"}, '"Enabled", "Disabled"'),
    ("ModelDeployment", {REWARD: {"minimum": 1, "maximum": 1}}, "minimum must be below maximum"),
    ("ModelDeployment", {REWARD: {"minimum": 0}}, "spec.serving.receipts.reward.maximum: Required"),
    ("ModelDeployment", {REWARD: {"minimum": 0, "maximum": 1e16}}, "receipts.reward.maximum"),
    ("ModelDeployment", {BODY: "16 MB"}, "write a size in bytes such as 512Ki, 16Mi or 1Gi"),
    ("ModelDeployment", {BODY: "0"}, "write a size in bytes such as 512Ki, 16Mi or 1Gi"),
    ("ModelDeployment", {BODY: "1023"}, "must be at least 1Ki"),
    ("ModelDeployment", {BODY: "2Gi"}, "must be at most 1Gi"),
    ("ModelDeployment", {"serving__limits__maxInFlight": 0}, "spec.serving.limits.maxInFlight"),
    ("ModelDeployment", {f"{LOG}__sampleFraction": 0}, f"{LOG_PATH}.sampleFraction"),
    ("ModelDeployment", {f"{LOG}__sampleFraction": 1.5}, f"{LOG_PATH}.sampleFraction"),
    ("ModelDeployment", {f"{LOG}__features": ["hour", "hour"]}, "Duplicate value"),
    ("ModelDeployment", {f"{LOG}__features": [""]}, f"{LOG_PATH}.features[0]"),
    ("ModelDeployment", {f"{LOG}__features": ["f" * 254]}, f"{LOG_PATH}.features[0]"),
    ("ModelDeployment", {f"{LOG}__features": [f"f{n}" for n in range(513)]}, "at most 512 items"),
    ("ModelDeployment", {f"{LOG}__store": {"uri": "logs"}}, "write a URI with a scheme"),
    ("ModelDeployment", {f"{LOG}__store": {}}, f"{LOG_PATH}.store.uri: Required"),
    ("ModelTraining", {"dataset__feedback": {}}, "spec.dataset.feedback.deploymentRef: Required"),
    (
        "ModelTraining",
        {"dataset__feedback__deploymentRef": {"name": "Flights"}},
        "write the name of an object",
    ),
    ("DriftMonitor", {"interval": "10ms"}, "must be at least 1s"),
    ("DriftMonitor", {"tests": [{"name": "a", "threshold": 0}]}, "threshold"),
    ("DriftMonitor", {"tests": [{"name": "a", "effect": "Wasserstein"}]}, "needs a threshold"),
    ("DriftMonitor", {"tests": [{"name": "a", "effect": "Psi", "threshold": 1}]}, "effect"),
    ("DriftMonitor", {"alpha": 0}, "alpha"),
    ("DriftMonitor", {"behaviour": {"volume": {"spreads": 1}}}, "behaviour.volume.spreads"),
    ("DriftMonitor", {"behaviour": {}}, "give volume, mix or both"),
    (
        "DriftMonitor",
        {"behaviour": {"mix": {"segments": []}}},
        "give segments, predictions, callers or errors",
    ),
    ("ModelDeployment", {"serving": {"callerHeader": "x caller"}}, "name of an HTTP header"),
    ("DriftMonitor", {"performance": {"metrics": []}}, "give metrics, estimated or both"),
    (
        "DriftMonitor",
        {"performance": {"metrics": [{"name": "a", "accuracy": {"minimum": 1.1}}]}},
        "performance.metrics[0].accuracy.minimum",
    ),
]


@pytest.mark.parametrize(("kind", "changes", "told"), BAD)
async def test_a_bad_object_is_refused_with_the_field_and_the_remedy(
    cluster: Cluster, kind: str, changes: dict[str, Any], told: str
) -> None:
    assert told in await refusal(cluster, body(kind, "bad", **changes))


async def test_search_takes_one_distribution(cluster: Cluster) -> None:
    both = {"int": [1, 2], "float": [1, 2]}
    search = {"trials": 2, "parameters": {"C": both}}
    candidate = {"name": "a", "algorithm": "LogisticRegression", "search": search}
    refused = await refusal(cluster, body("ModelTraining", "bad", candidates=[candidate]))
    assert "give exactly one of int, float or choice" in refused


@pytest.mark.parametrize("kind", ["ModelTraining", "ModelDeployment"])
async def test_names_leave_room_for_children(cluster: Cluster, kind: str) -> None:
    assert "at most 52 characters" in await refusal(cluster, body(kind, "a" * 60))


def test_a_version_never_changes(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", body=body("ModelVersion", "fixed")).code == 0
    refused = kubectl("apply", "-f", "-", body=body("ModelVersion", "fixed", parent="another"))
    assert "a ModelVersion never changes" in refused.error


def test_an_unseen_object_does_not_count_as_ready(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", body=body("ModelDeployment", "unseen"))
    shown = kubectl("get", "md", "unseen", "-o", "jsonpath={.status.observedGeneration}")
    assert shown.out == "-1"


def test_scale_subresource(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", body=body("ModelDeployment", "scaled"))
    path = "/apis/perennial.dev/v1alpha1/namespaces/default/modeldeployments/scaled/scale"
    asked = json.loads(kubectl("get", "--raw", path).out)  # as an autoscaler asks
    assert asked["spec"]["replicas"] == 1
    assert kubectl("scale", "md/scaled", "--replicas=3").code == 0
    assert kubectl("get", "md", "scaled", "-o", "jsonpath={.spec.replicas}").out == "3"


def test_defaults_are_filled_in(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", body=body("DriftMonitor", "defaults"))
    spec = json.loads(kubectl("get", "dm", "defaults", "-o", "json").out)["spec"]
    assert (spec["window"], spec["minimumSamples"], spec["minimumEffect"]) == ("1h", 500, 0.02)


def test_no_serving_option_is_filled_in(kubectl: Kubectl) -> None:
    """What the API server adds to an object by itself would make a new revision of it."""
    kubectl("apply", "-f", "-", body=body("ModelDeployment", "plain"))
    spec = json.loads(kubectl("get", "md", "plain", "-o", "json").out)["spec"]
    assert "serving" not in spec and "canary" not in spec["rollout"]


def test_serving_options_are_kept_as_written(kubectl: Kubectl) -> None:
    serving = {
        "batching": {"maxRows": 0},
        "driftWindows": "Disabled",
        "limits": {"maxBodySize": "1Gi", "maxInFlight": 65_536},
        "receipts": {},
        "requestLog": {
            "features": ["hour", "Wind speed (mph)"],
            "store": {"uri": "s3://logs/a", "secretRef": {"name": "logs"}},
        },
    }
    applied = kubectl("apply", "-f", "-", body=body("ModelDeployment", "options", serving=serving))
    assert applied.code == 0, applied.error
    kept = json.loads(kubectl("get", "md", "options", "-o", "json").out)["spec"]["serving"]
    assert kept.pop("requestLog") == {**serving["requestLog"], "sampleFraction": 1}
    assert kept == {k: v for k, v in serving.items() if k != "requestLog"}


@pytest.mark.parametrize(
    ("short", "header"),
    [
        ("mt", "NAME READY TRAINING CHAMPION METRIC LAST-RUN FINISHED REASON AGE"),
        ("mv", "NAME TRAINING ALGORITHM METRIC DEPLOYED OUTCOME AGE"),
        ("md", "NAME READY MODEL CANARY WEIGHT STEP REPLICAS REASON AGE"),
        ("dm", "NAME DRIFTED WORST SCORE PERFORMANCE SAMPLES CHECKED REASON AGE"),
    ],
)
def test_short_names_and_columns(kubectl: Kubectl, short: str, header: str) -> None:
    kind = {"mt": "ModelTraining", "mv": "ModelVersion", "md": "ModelDeployment"}
    kubectl("apply", "-f", "-", body=body(kind.get(short, "DriftMonitor"), "shown"))
    assert kubectl("get", short).out.splitlines()[0].split() == header.split()


def test_category_and_explain(kubectl: Kubectl) -> None:
    assert kubectl("get", "perennial").code == 0
    told = kubectl("explain", "modeldeployment.spec.rollout").out
    assert "How a new version replaces the present one" in told and "canary" in told


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda p: p.name)
def test_examples_apply(kubectl: Kubectl, path: Any) -> None:
    applied = kubectl("apply", "--dry-run=server", "-f", str(path))
    assert applied.code == 0, applied.error
