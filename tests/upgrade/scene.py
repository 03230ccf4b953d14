"""What the base's users had asked for, and how far it was when it was frozen.

Each object is called after the state in which it is kept. New states are added here, for the next
base; what was frozen stays as it is.
"""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

NAMESPACE = "base"
API = "perennial.dev/v1alpha1"
STEPS = [
    {"setWeight": 30},
    {"pause": {"duration": "2s"}},
    {"name": "half", "setWeight": 50},
    {"name": "half-waits", "pause": {"duration": "2m"}},
    {"name": "more", "setWeight": 60},  # of one replica it makes the same pods
    {"name": "more-waits", "pause": {"duration": "1h"}},
]
HALF_WAITS = 3
HALF_WAITS_SECONDS = 120
"""How long what is midway stays where it was frozen."""
OPTIONS: Json = {
    "resources": {
        "requests": {"cpu": "100m", "memory": "256Mi"},
        "limits": {"cpu": 1, "memory": "1.5Gi"},
    },
    "batching": {"maxRows": 64},
    "driftWindows": "Enabled",
    "limits": {"maxBodySize": "4Mi", "maxInFlight": 128},
    "requestLog": {"sampleFraction": 0.5, "features": ["amount", "colour"]},
    "receipts": {"reward": {"minimum": 0, "maximum": 1}},
    "pairs": "Enabled",
    "callerHeader": "X-Caller",
}
SHOWN_FIRST: Json = {
    "beforeTraffic": {
        "golden": {"configMap": {"name": "golden", "key": "requests.json"}, "tolerance": 0.01},
        "web": [{"name": "approved", "url": "http://approvals.{{namespace}}.svc/", "minimum": 1}],
    }
}
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "ScheduleAnyway",
    "labelSelector": {"matchLabels": {"team": "orders"}},
}
NEAR = {"weight": 10, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {}}}
OVERRIDES: Json = {
    "metadata": {"labels": {"team": "orders"}, "annotations": {"example.com/note": "kept"}},
    "spec": {
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "topologySpreadConstraints": [SPREAD],
        "affinity": {
            "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [NEAR]}
        },
        "securityContext": {"fsGroup": 2000},
    },
}


def training() -> Json:
    """Return a training of two candidates, with a search, checks and every kind of gate."""
    return _body(
        "ModelTraining",
        "trained",
        task="Classification",
        dataset={
            "uri": "s3://data/*.csv",
            "target": "late",
            "positiveClass": "1",
            "features": ["amount", "weight", "colour"],
            "columns": [{"name": "weight", "kind": "Number"}],
            "missing": ["-"],
            "checks": {"duplicateRows": "Ignore", "imbalance": "Tell"},
            "split": {"method": "Random", "testFraction": 0.25},
        },
        objective={"metric": "roc_auc"},
        candidates=[
            {"name": "linear", "algorithm": "LogisticRegression", "parameters": {"C": 0.5}},
            {
                "name": "tree",
                "algorithm": "DecisionTreeClassifier",
                "parameters": {"random_state": 1},
                "search": {"trials": 2, "parameters": {"max_depth": {"int": [2, 3]}}},
            },
        ],
        gates=[
            {"name": "good", "metric": "roc_auc", "minimum": 0.6},
            {"name": "no-worse", "metric": "roc_auc", "againstChampion": {"maximumDecrease": 0.1}},
        ],
        schedule={"cron": "0 3 1 1 *", "timeZone": "Europe/Berlin"},
        job={"parallelism": 1, "activeDeadline": "30m"},
        versionHistoryLimit=5,
    )


def monitor() -> Json:
    """Return a monitor that looks often."""
    return _body(
        "DriftMonitor",
        "watching",
        deploymentRef={"name": "followed"},
        window="2m",
        interval="10s",
        minimumSamples=50,
        tests=[{"name": "own", "threshold": 5, "features": ["weight"]}],
        quality={"outOfRange": {"maximum": 0.5}},
        consecutiveBreaches=3,
        actions={"retrain": {"cooldown": "1h", "dailyLimit": 2}},
    )


def version(name: str, digest: str) -> Json:
    """Return a version that came from elsewhere."""
    origin = {"imported": {"origin": "bought from a vendor"}}
    artifact = {"uri": place(digest), "sha256": digest, "secretRef": {"name": "perennial-store"}}
    return _body("ModelVersion", name, source=origin, artifact=artifact)


def place(digest: str) -> str:
    """Return the URI of an artifact."""
    return f"s3://models/sha256/{digest}/"


def deployments(good: str) -> list[Json]:
    """Return all ModelDeployments as they began, with the digest of a good model."""
    artifact = {"uri": place(good), "sha256": good, "secretRef": {"name": "perennial-store"}}
    bare = {"uri": place(good), "sha256": good}
    unmeasured = {"none": {}}
    few = {"planned": 20, "alpha": 0.02, "waitAtMost": "2h", "undecided": "Pause"}
    slow = {"name": "slow", "latency": {"quantile": 0.9, "maximum": "5s"}, "mode": "Observe"}
    metrics = [
        {"name": "errors", "errorRate": {"againstStable": {"maximumIncrease": 0.02}}},
        {"name": "refusals", "refusalRate": {"maximum": 0.2}, "warmUp": "1s"},
        slow,
    ]
    waits: Json = {"steps": [{"setWeight": 50}, {"pause": {}}]}
    return [
        _served("followed", {"trainingRef": {"name": "trained"}}, rollout=SHOWN_FIRST),
        _served("resting", {"versionRef": {"name": "imported"}}, replicas=2),
        _served("options", {"artifact": artifact}, serving=OPTIONS, podOverrides=OVERRIDES),
        _served("paused", {"artifact": bare}, rollout={"canary": waits}),
        _served("differs", {"artifact": bare}),
        _served("rolled-back", {"artifact": bare}, rollout={"analysis": few}),
        _served(
            "kept",
            {"artifact": bare},
            rollout={
                "canary": {"steps": [{"setWeight": 100}]},
                "analysis": unmeasured,
                "keepReplaced": "720h",
                "maxSurge": 1,
            },
        ),
        _served(
            "shadowed",
            {"artifact": bare},
            traffic={"gateway": {"parentRefs": [{"name": "public"}]}},
            rollout={"shadow": {"mirror": 50, "duration": "1h", "then": "Pause"}},
        ),
        _served(
            "preview",
            {"artifact": bare},
            rollout={
                "blueGreen": {"pause": {}},
                "keepReplaced": "10m",
                "keepFailed": "30m",
                "bake": "2m",
            },
        ),
        _served(
            "midway",
            {"artifact": bare},
            rollout={
                "canary": {"steps": STEPS},
                "analysis": {**few, "metrics": metrics},
                "maxSurge": "100%",
                "progressDeadline": "5m",
                "deadline": "48h",
                "onNewVersion": "Restart",
            },
        ),
    ]


def rollout(status: Json) -> Json:
    """Return what a ModelDeployment's status says of its rollout."""
    found: Json = status.get("rollout", {})
    return found


def is_serving(status: Json) -> bool:
    """Tell whether a ModelDeployment's model answers, and nothing is on trial."""
    return any(c["type"] == "RolledOut" and c["status"] == "True" for c in status["conditions"])


def has_pods(status: Json) -> bool:
    """Tell whether pods are ready, be there a Gateway or none."""
    roles = {r.get("role"): r for r in status.get("revisions", [])}
    return roles.get("Stable", {}).get("readyReplicas", 0) > 0


def is_midway(status: Json) -> bool:
    """Tell whether a canary waits where it is to be kept, judged, and found good."""
    found = rollout(status)
    step, analysis = found.get("step") or {}, found.get("analysis") or {}
    verdicts = [m["verdict"] for m in analysis.get("metrics", [])]
    return (
        step.get("index") == HALF_WAITS
        and "startTime" in step
        and verdicts[:2] == ["Successful"] * 2
    )


def is_paused(status: Json) -> bool:
    """Tell whether a canary waits for a person, and is measured."""
    found = rollout(status)
    return bool(found.get("paused")) and bool((found.get("analysis") or {}).get("judgedUntil"))


def is_previewed(status: Json) -> bool:
    """Tell whether a new version has all its pods, no traffic, and waits for a person."""
    shares = [r["share"]["actual"] for r in status.get("revisions", []) if r["role"] == "Canary"]
    return rollout(status).get("paused") == "CanaryPauseStep" and shares == [0]


def is_different(status: Json) -> bool:
    """Tell whether a canary that takes something else than stable waits for a person."""
    return rollout(status).get("paused") == "SignatureChanged"


def is_rolled_back(status: Json) -> bool:
    """Tell whether a version was rejected, and has no part in anything any more."""
    roles = {r.get("role") for r in status.get("revisions", [])}
    return bool(rollout(status).get("rejected")) and not roles & {"Canary", "Failed"}


def is_kept(status: Json) -> bool:
    """Tell whether what was replaced has its pods yet."""
    roles = {r.get("role"): r for r in status.get("revisions", [])}
    return is_serving(status) and roles.get("Previous", {}).get("readyReplicas") == 1


STATES: dict[str, Callable[[Json], bool]] = {
    "followed": is_serving,
    "resting": is_serving,
    "options": is_serving,
    "paused": is_paused,
    "preview": is_previewed,
    "differs": is_different,
    "rolled-back": is_rolled_back,
    "kept": is_kept,
    "shadowed": has_pods,
    "midway": is_midway,
}
"""How each ModelDeployment is kept."""


def _served(name: str, model: Json, **spec: Any) -> Json:
    return _body("ModelDeployment", name, model=model, **spec)


def _body(kind: str, name: str, **spec: Any) -> Json:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}
