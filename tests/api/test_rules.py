"""Every CEL rule of every kind, broken once: the API server says where, and what to write instead.

A rule that is added to a kind is found in its schema, and fails here until ``BROKEN`` breaks it.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asking import Kubectl, refusal

from perennial.api import API_VERSION, KINDS
from perennial.api.crd import open_api_schema
from perennial.cluster.client import Cluster

SHA = "a" * 64
STORE = {"uri": "s3://models/a", "secretRef": {"name": "store"}}
RESOURCES = {
    "requests": {"cpu": 1, "memory": "1Gi"},
    "limits": {"cpu": "1500m", "memory": "2Gi", "nvidia.com/gpu": 1},
}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
GPU = {"key": "gpu", "operator": "In", "values": ["a"]}

GOLDEN = {
    "name": "late",
    "inputs": [
        {"name": "hour", "datatype": "FP32", "shape": [2], "data": [9.5, None]},
        {"name": "origin", "datatype": "BYTES", "shape": [2], "data": ["JFK", "LGA"]},
    ],
    "expect": [{"name": "probabilities", "data": [[0.2, 0.8], [0.9, 0.1]]}],
}
OFTEN = {"interval": "30s", "failures": 2}
WEB = {"url": "http://checks.{{namespace}}.svc:8080/of/{{canary}}?x=1", "path": "/ok", **OFTEN}
PROMETHEUS = {
    "address": "http://prometheus.monitoring.svc:9090/team",
    "query": 'sum(rate(x{namespace="{{namespace}}", pod=~"{{name}}-{{canary}}-.*"}[1m]))',
    **OFTEN,
}

# Every field that there is, but for choices: these take turns in OTHER.
FULL: dict[str, dict[str, Any]] = {
    "ModelTraining": {
        "task": "Classification",
        "dataset": {
            "uri": "s3://data/2013-*.parquet",
            "target": "late",
            "positiveClass": "true",
            "features": ["hour", "origin"],
            "columns": [{"name": "origin", "kind": "Category"}],
            "missing": ["NA", "?"],
            "checks": {"leaking": "Refuse", "nearConstant": "Ignore"},
            "timeColumn": "at",
            "newest": "2160h",
            "split": {"method": "Time", "testFraction": 0.3, "gap": "1h"},
            "secretRef": {"name": "data"},
            "feedback": {"deploymentRef": {"name": "flights"}},
        },
        "objective": {"metric": "roc_auc"},
        "candidates": [
            {
                "name": "linear",
                "algorithm": "LogisticRegression",
                "parameters": {"C": 1.5, "class_weight": {"0": 1}},
                "search": {"trials": 3, "parameters": {"C": {"float": [0.1, 10], "log": True}}},
            }
        ],
        "gates": [{"name": "good", "metric": "roc_auc", "minimum": 0.7}],
        "schedule": {"cron": "0 3 * * *", "timeZone": "Europe/Berlin"},
        "suspend": True,
        "store": STORE,
        "job": {
            "parallelism": 1,
            "backoffLimit": 0,
            "activeDeadline": "1h30m",
            "resources": RESOURCES,
            "serviceAccountName": "trainer",
        },
        "versionHistoryLimit": 3,
    },
    "ModelVersion": {
        "source": {"trainingRef": {"name": "flights"}, "run": 1, "candidate": "linear"},
        "artifact": {
            "uri": "s3://m/x/",
            "sha256": SHA,
            "sizeBytes": 7,
            "secretRef": {"name": "store"},
        },
        "signature": {
            "inputs": [{"name": "hour", "datatype": "FP32", "shape": [-1, 1]}],
            "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}],
        },
        "metrics": [
            {
                "name": "roc_auc",
                "value": 0.8,
                "low": 0.7,
                "high": 0.9,
                "slice": "JFK",
                "confidence": 0.975,
            }
        ],
        "dataset": {
            "uri": "s3://d/x",
            "sha256": SHA,
            "rows": 9,
            "heldOut": 2,
            "start": "a",
            "end": "b",
            "since": "c",
        },
        "algorithm": "LogisticRegression",
        "parameters": {"C": 1.5},
        "parent": "flights-0",
        "libraries": {"scikit-learn": "1.9"},
    },
    "ModelDeployment": {
        "model": {
            "artifact": {
                "uri": "s3://models/a/",
                "sha256": SHA,
                "secretRef": {"name": "store"},
            }
        },
        "replicas": 2,
        "serving": {
            "resources": RESOURCES,
            "batching": {"maxRows": 16},
            "driftWindows": "Enabled",
            "limits": {"maxBodySize": "16Mi", "maxInFlight": 8},
            "receipts": {"reward": {"minimum": -0.5, "maximum": 1}},
            "callerHeader": "X-Caller",
            "requestLog": {"sampleFraction": 0.5, "features": ["hour"], "store": STORE},
        },
        "podOverrides": {
            "metadata": {"labels": {"example.com/team": "a"}, "annotations": {"note": "b"}},
            "spec": {
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "gpu", "operator": "Exists", "value": "a"}],
                "affinity": {
                    "nodeAffinity": {
                        REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [GPU]}]},
                        PREFERRED: [{"weight": 1, "preference": {"matchExpressions": [GPU]}}],
                    },
                    "podAntiAffinity": {
                        REQUIRED: [
                            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}
                        ],
                    },
                },
                "topologySpreadConstraints": [
                    {
                        "maxSkew": 1,
                        "topologyKey": "zone",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchExpressions": [GPU]},
                    }
                ],
                "runtimeClassName": "kata",
                "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
                "imagePullSecrets": [{"name": "registry"}],
                "serviceAccountName": "server",
                "priorityClassName": "high",
            },
        },
        "rollout": {
            "canary": {"steps": [{"pause": {"duration": "30s"}}, {"setWeight": 50}]},
            "analysis": {
                "alpha": 0.05,
                "planned": 1000,
                "waitAtMost": "2h",
                "undecided": "Promote",
                "metrics": [
                    {
                        "name": "slow",
                        "latency": {"quantile": 0.9, "maximum": "250ms"},
                        "warmUp": "30s",
                        "mode": "Observe",
                    },
                    {"name": "errors", "errorRate": {"maximum": 0.01}},
                    {"name": "right", "accuracy": {"minimum": 0.9}},
                ],
            },
            "beforeTraffic": {
                "golden": {"requests": [GOLDEN], "tolerance": 0.01},
                "web": [{"name": "approved", "minimum": 1, **WEB}],
            },
            "maxSurge": "25%",
            "keepReplaced": "10m",
            "keepFailed": "30m",
            "bake": "5m",
            "progressDeadline": "10m",
            "deadline": "24h",
            "onNewVersion": "Restart",
        },
        "experiment": {
            "variants": [
                {
                    "name": "other",
                    "model": {
                        "artifact": {
                            "uri": "s3://models/b/",
                            "sha256": "b" * 64,
                            "secretRef": {"name": "store"},
                        }
                    },
                },
                {"name": "third", "model": {"versionRef": {"name": "flights-3"}}},
            ],
            "allocation": {"thompsonSampling": {"minimumShare": 0.2, "maximumStep": 10}},
            "outcome": {"reward": {}},
            "batch": "5m",
            "stop": {
                "probabilityBest": 0.95,
                "minimumOutcomes": 500,
                "valueRemaining": 0.02,
                "after": "72h",
            },
            "then": "Promote",
        },
        "traffic": {
            "gateway": {
                "parentRefs": [{"name": "public", "namespace": "edge", "sectionName": "https"}],
                "hostnames": ["*.example.com"],
                "path": "/v2/models/flights",
                "timeout": "5s",
                "sticky": {"header": "x-user-id"},
                "canaryHeader": {"name": "x-canary", "value": "true"},
                "grpc": {"hostnames": ["grpc.example.com"]},
            }
        },
        "disruptionBudget": {"maxUnavailable": 1},
    },
    "DriftMonitor": {
        "deploymentRef": {"name": "flights"},
        "reference": {"sameHours": {"timeZone": "Europe/Berlin"}},
        "window": "1h",
        "interval": "5m",
        "minimumSamples": 500,
        "alpha": 0.001,
        "minimumEffect": 0.05,
        "tests": [{"name": "own", "threshold": 0.2, "features": ["hour"]}],
        "quality": {
            **{check: {"maximum": 0.1} for check in ("missing", "outOfRange", "unseenCategory")},
            "constant": "Disabled",
            "refused": {"maximum": 0.2},
        },
        "performance": {
            "window": "24h",
            "maturity": "1h",
            "metrics": [
                {"name": "right", "accuracy": {"minimum": 0.9}},
                {"name": "sales", "meanReward": {"minimum": 0.1}},
            ],
            "estimated": {"metric": "f1", "maximumDecrease": 0.1},
        },
        "behaviour": {
            "volume": {"spreads": 5, "timeZone": "Europe/Berlin"},
            "mix": {
                "segments": ["hour"],
                "predictions": {},
                "callers": {"minimumEffect": 0.1},
                "errors": {},
                "learn": "48h",
            },
        },
        "report": {
            "every": "24h",
            "deadline": "1h",
            "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}},
        },
        "consecutiveBreaches": 2,
        "actions": {
            "mode": "Observe",
            "retrain": {"cooldown": "6h", "dailyLimit": 4},
            "rollback": {"within": "48h", "cooldown": "6h", "dailyLimit": 1},
            "notify": {
                "url": "https://hooks.example.com/team/drift",
                "cooldown": "1h",
                "dailyLimit": 5,
            },
        },
    },
}
IMPORTED = {"imported": {"origin": "a vendor"}}
MODEL, SPACE = ("spec", "model"), ("spec", "candidates", 0, "search", "parameters", "C")
SPLIT = ("spec", "dataset", "split")
CANARY = ("spec", "rollout", "canary")
GREEN = {k: v for k, v in FULL["ModelDeployment"]["rollout"].items() if k != "canary"}
ANALYSIS = ("spec", "rollout", "analysis")
METRICS = (*ANALYSIS, "metrics")
EXPERIMENT = ("spec", "experiment")
SHARES = [{"name": "other", "share": 20}, {"name": "third", "share": 30}]
BEFORE = ("spec", "rollout", "beforeTraffic")
GATE = ("spec", "gates", 0)
DISAGREES: dict[str, Any] = {"name": "same", "disagreement": {"maximum": 0.05, "tolerance": 0.5}}
SHADOWED: dict[str, Any] = {
    "model": FULL["ModelDeployment"]["model"],
    "serving": {"pairs": "Enabled"},
    "traffic": FULL["ModelDeployment"]["traffic"],
    "rollout": {
        "shadow": {"mirror": 20, "duration": "1h", "then": "Pause"},
        "analysis": {"metrics": [DISAGREES]},
    },
}
FROM_LOG: dict[str, Any] = {
    "from": "Log",
    "window": "15s",
    "maturity": "2000h",
    "slices": ["customer", "amount"],
    "metrics": [{"name": "right", "accuracy": {"minimum": 0.9}}],
}
OTHER: list[tuple[str, tuple[Any, ...], Any]] = [
    ("ModelVersion", ("spec", "source"), IMPORTED),
    ("ModelDeployment", MODEL, {"trainingRef": {"name": "flights"}}),
    ("ModelDeployment", MODEL, {"versionRef": {"name": "flights-1"}}),
    ("ModelDeployment", ("spec", "rollout", "canary", "steps", 0), {"pause": {}}),
    ("ModelDeployment", CANARY, {"ramp": [1, 5, 25, 50], "every": "2m"}),
    ("ModelDeployment", ("spec", "rollout"), {**GREEN, "blueGreen": {}}),
    ("ModelDeployment", ("spec", "rollout"), {**GREEN, "blueGreen": {"pause": {"duration": "5m"}}}),
    ("ModelDeployment", ("spec", "rollout"), {**GREEN, "shadow": {}}),
    ("ModelDeployment", ("spec",), SHADOWED),
    ("ModelDeployment", (*METRICS, 0), {"name": "e", "errorRate": {"maximum": 0.1}}),
    ("ModelDeployment", (*METRICS, 0), {"name": "r", "refusalRate": {"maximum": 0.1}}),
    *(
        ("ModelDeployment", (*METRICS, 0), {"name": "m", kind: limit})
        for kind, limit in (
            ("accuracy", {"minimum": 0.9}),
            ("recall", {"minimum": 0.9, "positiveClass": "late"}),
            ("precision", {"minimum": 0.9}),
            ("falsePositiveRate", {"maximum": 0.1}),
            ("logLoss", {"maximum": 0.5}),
            ("rmse", {"maximum": 12}),
            ("meanReward", {"minimum": -1}),
            ("predictionShift", {"maximum": 0.1}),
        )
    ),
    (
        "ModelDeployment",
        METRICS,
        [
            {"name": "accuracy", "accuracy": {"againstStable": {}}},
            {"name": "recall", "recall": {"againstStable": {"maximumDecrease": 0.05}}},
            {"name": "alarms", "falsePositiveRate": {"againstStable": {"maximumIncrease": 0.05}}},
            {"name": "loss", "logLoss": {"againstStable": {"maximumIncrease": 0.05}}},
            {"name": "error", "rmse": {"againstStable": {"maximumIncrease": 2}}},
            {"name": "reward", "meanReward": {"againstStable": {"maximumDecrease": 2}}},
        ],
    ),
    ("ModelDeployment", (*METRICS, 0), {"name": "p", "prometheus": {"maximum": 1, **PROMETHEUS}}),
    ("ModelDeployment", (*METRICS, 0), {"name": "w", "web": {"minimum": -0.5, **WEB}}),
    (
        "ModelDeployment",
        METRICS,
        [
            {"name": "errors", "errorRate": {"againstStable": {"maximumIncrease": 0.005}}},
            {"name": "refusals", "refusalRate": {"againstStable": {}}},
            {"name": "slow", "latency": {"againstStable": {}}},
        ],
    ),
    ("ModelTraining", SPACE, {"int": [1, 9]}),
    ("ModelTraining", SPACE, {"choice": ["l1", 3]}),
    ("ModelTraining", SPACE, {"choice": [None, 0.5, True, ["a", 1]]}),
    ("ModelTraining", SPLIT, {"method": "Grouped", "column": "tail"}),
    ("ModelTraining", GATE, {"name": "a", "metric": "r2", "maximum": 1}),
    ("ModelTraining", GATE, {"name": "a", "metric": "r2", "againstChampion": {}}),
    ("ModelDeployment", ANALYSIS, {"none": {}}),
    ("ModelDeployment", (*EXPERIMENT, "allocation"), {"fixed": {"shares": SHARES}}),
    ("ModelDeployment", (*EXPERIMENT, "allocation"), {"fixed": {}}),
    (
        "ModelDeployment",
        (*EXPERIMENT, "variants", 0, "model"),
        {"versionRef": {"name": "flights-2"}},
    ),
    ("ModelDeployment", (*BEFORE, "golden"), {"configMap": {"name": "golden", "key": "a.json"}}),
    ("ModelDeployment", BEFORE, {"web": [{"name": "approved", "maximum": 0, **WEB}]}),
    ("ModelDeployment", ("spec", "rollout", "maxSurge"), 2),
    ("ModelDeployment", ("spec", "disruptionBudget"), {"minAvailable": "50%"}),
    ("ModelDeployment", ("spec", "rollout", "keepReplaced"), "5m"),
    ("ModelDeployment", ("spec", "traffic"), {"replicas": {}}),
    ("ModelDeployment", ("spec", "traffic", "gateway", "path"), "/"),
    ("DriftMonitor", ("spec", "performance"), FROM_LOG),
    *(
        ("DriftMonitor", ("spec", "performance", "metrics", 0), {"name": "m", kind: limit})
        for kind, limit in (
            ("recall", {"minimum": 0.9, "positiveClass": "late"}),
            ("precision", {"minimum": 0.9, "positiveClass": "late"}),
            ("falsePositiveRate", {"maximum": 0.1, "positiveClass": "late"}),
            ("logLoss", {"maximum": 0.5}),
            ("rmse", {"maximum": 12}),
            ("meanReward", {"minimum": -1}),
            ("alertRate", {"minimum": 0.01, "maximum": 0.2, "threshold": 0.7}),
            ("alertRate", {"maximum": 0.2, "positiveClass": "late"}),
        )
    ),
]

Break = Callable[[Any], Any]


class Key(str):
    """A key of a map, not a field's name."""


def shown(path: tuple[Any, ...]) -> str:
    """Return a path as the API server writes it."""
    parts = (f"[{p}]" if isinstance(p, int | Key) else f".{p}" for p in path)
    return "".join(parts).strip(".")


def instead(value: Any) -> Break:
    return lambda _: value


def with_more(**more: Any) -> Break:
    return lambda value: {**value, **more}


def timeless(spec: Any) -> Any:
    return {**spec, "dataset": {k: v for k, v in spec["dataset"].items() if k != "timeColumn"}}


def cheating(spec: Any) -> Any:
    return {**spec, "dataset": {**spec["dataset"], "features": ["hour", "late"]}}


def splitting(**split: Any) -> Break:
    return lambda spec: {**spec, "dataset": {**spec["dataset"], "split": split}}


def unheard(spec: Any) -> Any:
    """Take out what an experiment's outcomes come by."""
    return {**spec, "serving": {k: v for k, v in spec["serving"].items() if k != "receipts"}}


def allocated(**how: Any) -> Break:
    return lambda experiment: {**experiment, "allocation": how}


TOO_MUCH = [{"name": "other", "share": 50}, {"name": "third", "share": 50}]
# By the rule's message, or the beginning of it.
BROKEN: dict[str, Break] = {
    "name must be a DNS label of at most 52": lambda o: {**o, "metadata": named("a" * 53)},
    "with spec.report the name must be a DNS label of at most 45": lambda o: {
        **o,
        "metadata": named("a" * 46),
    },
    "performance.from: Log is read by the report's Job": lambda spec: {
        **{k: v for k, v in spec.items() if k != "report"},
        "performance": FROM_LOG,
    },
    "window must be at least 10m, as pods count": lambda p: {**p, "window": "9m"},
    "window must be at most 720h where pods count": lambda p: {**p, "window": "721h"},
    "maturity must be at least 1m, as pods count": lambda p: {**p, "maturity": "59s"},
    "maturity must be at most 24h, as pods keep": lambda p: {**p, "maturity": "25h"},
    "must be at most 2160h": instead("2161h"),
    "slices are read from the request log": lambda p: {**p, "slices": ["x"]},
    "with traffic.gateway name must be at most 47": lambda o: {
        **o,
        "metadata": named("a" * 48),
        "spec": {**o["spec"], "traffic": {"gateway": {"parentRefs": [{"name": "public"}]}}},
    },
    "split method Time needs dataset.timeColumn": timeless,
    "newest needs dataset.timeColumn": timeless,
    "features must not contain the target": cheating,
    "split method Grouped needs split.column": splitting(method="Grouped"),
    "only split method Time has a gap": splitting(method="Random", gap="1h"),
    "split.column must not be the target": splitting(method="Grouped", column="late"),
    "only a classification has a positiveClass": with_more(task="Regression"),
    "must be at most 8760h": instead("8761h"),
    "write a URI with a scheme": instead("models/a"),
    "write pvc://CLAIM/PATH": instead("pvc://Team A/models"),
    "write the name of an object": instead("Not A Name"),
    "write a scikit-learn scorer's name": instead("ROC AUC"),
    "use lower-case letters, digits and dashes": instead("Team A"),
    "write a scikit-learn estimator by its own name": instead("logistic regression"),
    "give exactly one of int, float or choice": with_more(int=[1, 9]),
    "int must be [lowest, highest]": instead({"int": [9, 1]}),
    "float must be [lowest, highest]": instead({"float": [9, 1]}),
    "log needs float bounds above zero": instead({"float": [0, 1], "log": True}),
    "give exactly one of minimum, maximum or againstChampion": with_more(maximum=1),
    "write five cron fields": instead("0 3 * * * * *"),
    "write a duration such as": instead("10"),
    "must be at least 1s": instead("999ms"),
    "must be at least 10s": instead("9s"),
    "must be at most 24h": instead("25h"),
    "must be at most 1h": instead("61m"),
    "give exactly one of replicas or gateway": with_more(replicas={}),
    "write a host such as": instead("Flights example"),
    "write a path such as": instead("v2/models"),
    "write the name of an HTTP header": instead("x canary"),
    "must be at least 1ms": instead("0s"),
    "must be at least 1m": instead("59s"),
    "must be at most 720h": instead("721h"),
    "must be at most 168h": instead("169h"),
    "give either trainingRef, run and candidate": with_more(**IMPORTED),
    "a ModelVersion never changes": with_more(parent="another"),
    "write a SHA-256 as 64 hexadecimal digits": instead("Z" * 64),
    "give exactly one of trainingRef": with_more(versionRef={"name": "flights-1"}),
    "write a size in bytes": instead("16 MB"),
    "must be at least 1Ki": instead("1023"),
    "must be at most 1Gi": instead("2Gi"),
    "labels under perennial.dev/ belong to the operator": with_more(**{"perennial.dev/role": "x"}),
    "a request must not be above its limit": instead(
        {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}
    ),
    "write a label's value": instead("Team A"),
    "write a key as team or example.com/team": instead({"Team A": "a"}),
    "name must not end in -canary": lambda o: {**o, "metadata": named("a-canary")},
    "give at most one of canary": with_more(blueGreen={}),
    "rollout.shadow needs traffic.gateway": lambda spec: {
        **{k: v for k, v in spec.items() if k != "traffic"},
        "rollout": {**GREEN, "shadow": {}},
    },
    "disagreement compares two versions' answers": lambda spec: {
        **spec,
        "rollout": {**GREEN, "shadow": {}, "analysis": {"metrics": [DISAGREES]}},
    },
    "bake must be at most keepReplaced": with_more(bake="11m"),
    "give exactly one of steps or ramp": with_more(ramp=[5, 50], every="1m"),
    "ramp and every belong together": with_more(every="1m"),
    "write shares that grow": instead([25, 5]),
    "give exactly one of accuracy, recall": with_more(rmse={"maximum": 1}, recall={"minimum": 1}),
    "give metrics, estimated or both": instead({"window": "1h"}),
    "give sameHours; without reference": instead({}),
    "give volume, mix or both": instead({}),
    "give segments, predictions, callers or errors": instead({"segments": [], "learn": "1h"}),
    "give minimum, maximum or both": instead({"threshold": 0.5}),
    "threshold is about the second of two classes": with_more(positiveClass="late"),
    "give exactly one of setWeight or pause": with_more(setWeight=10),
    "give exactly one of errorRate, refusalRate": with_more(errorRate={"maximum": 1}, web=WEB),
    "give exactly one of maximum or minimum": with_more(maximum=1, minimum=1),
    "write address as http://HOST": with_more(address="http://user:password@prometheus:9090"),
    "address is what comes before": with_more(address="http://prometheus:9090/?x=1"),
    "address knows {{namespace}}": with_more(address="http://{{pod}}.team.svc"),
    "query knows {{namespace}}": with_more(query='x{pod="{{pod}}"}'),
    "write url as http://HOST": with_more(url="file:///etc/passwd"),
    "url knows {{namespace}}": with_more(url="http://checks.team.svc/{{args.x}}"),
    "write a JSON pointer": instead("score"),
    "must be at least 5s": instead("4s"),
    "give golden, web or both": instead({}),
    "give exactly one of requests or configMap": with_more(configMap={"name": "golden"}),
    "give exactly one of maximum or againstStable": lambda limit: {
        **limit,
        "againstStable": {} if "quantile" in limit else {"maximumIncrease": 1},
    },
    "give exactly one of minimum or againstStable": with_more(againstStable={"maximumDecrease": 1}),
    "metrics of labels, rewards and predictions need": lambda spec: {
        **spec,
        "serving": {k: v for k, v in spec["serving"].items() if k != "receipts"},
    },
    "a quantile belongs to a maximum": instead({"quantile": 0.5, "againstStable": {}}),
    "give either none or metrics": with_more(none={}),
    "must be at most 10s": instead("11s"),
    "write a number of pods, at least 1": instead("25"),
    "write a number of pods, or a percentage": instead("101%"),
    "give exactly one of minAvailable or maxUnavailable": with_more(minAvailable=1),
    "minimum must be below maximum": with_more(minimum=1),
    "what is usual is learned of": instead({"name": "own", "effect": "KolmogorovSmirnov"}),
    "an experiment counts what feedback tells by receipt": unheard,
    "minimumShare times the number of models": allocated(thompsonSampling={"minimumShare": 0.4}),
    "fixed.shares must name each variant": allocated(fixed={"shares": SHARES[:1]}),
    "give exactly one of versionRef or artifact": with_more(versionRef={"name": "flights-2"}),
    "give exactly one of fixed or thompsonSampling": with_more(fixed={}),
    "the variants' shares must leave some of 100 %": instead({"shares": TOO_MUCH}),
    "stable is what spec.model is called": instead("stable"),
    "write reward: {}": instead({}),
}


def named(name: str) -> dict[str, str]:
    return {"name": name, "namespace": "default"}


def made(kind: str, name: str) -> dict[str, Any]:
    spec = copy.deepcopy(FULL[kind])
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": named(name), "spec": spec}


def at(node: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        node = node[part]
    return node


def put(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    if not path:
        return dict(value)
    at(body, path[:-1])[path[-1]] = value
    return body


def rules(kind: str, node: dict[str, Any], value: Any, path: tuple[Any, ...]) -> Iterator[Any]:
    """Yield each rule of a schema with its path in the full object."""
    for r in node.get("x-kubernetes-validations", []):
        yield pytest.param(kind, path, r["message"], id=f"{kind}:{'.'.join(map(str, path))}")
    for name, inner in node.get("properties", {}).items():
        if path or name == "spec":
            yield from rules(kind, inner, value.get(name, {}), (*path, name))
    if "items" in node:
        yield from rules(kind, node["items"], value[0] if value else {}, (*path, 0))
    if isinstance(node.get("additionalProperties"), dict):
        key = Key(next(iter(value), ""))
        yield from rules(kind, node["additionalProperties"], value.get(key, {}), (*path, key))


ALL = [
    found
    for kind in KINDS
    for found in rules(kind.kind(), open_api_schema(kind), made(kind.kind(), "x"), ())
]


def fitting(kind: str, name: str, path: tuple[Any, ...]) -> dict[str, Any]:
    """Return a good object in which a path is there, taking another turn of a choice for it.

    One turn is enough for most; else they are taken one after the other.
    """
    turns = [(place, value) for of, place, value in OTHER if of == kind]
    turns = [t for t in turns if path[: len(t[0])] == t[0] and len(path) > len(t[0])]
    for taken in ([], *([turn] for turn in turns)):
        if has(body := turned(kind, name, taken), path):
            return body
    body = made(kind, name)
    for place, value in turns:
        if not has(body, path):
            put(body, place, copy.deepcopy(value))
    return body


def turned(kind: str, name: str, taken: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    body = made(kind, name)
    for place, value in taken:
        put(body, place, copy.deepcopy(value))
    return body


def has(body: dict[str, Any], path: tuple[Any, ...]) -> bool:
    try:
        at(body, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


@pytest.mark.parametrize("kind", FULL)
async def test_an_object_with_every_field_is_accepted(cluster: Cluster, kind: str) -> None:
    assert await refusal(cluster, made(kind, "full")) == ""


@pytest.mark.parametrize(("kind", "path", "value"), OTHER)
async def test_every_choice_is_accepted(
    cluster: Cluster, kind: str, path: tuple[Any, ...], value: Any
) -> None:
    assert await refusal(cluster, put(made(kind, "choice"), path, value)) == ""


@pytest.mark.parametrize(("kind", "path", "message"), ALL)
async def test_a_broken_rule_says_where_and_what_to_write(
    cluster: Cluster, kubectl: Kubectl, kind: str, path: tuple[Any, ...], message: str
) -> None:
    spoil = next(how for begin, how in BROKEN.items() if message.startswith(begin))
    good = fitting(kind, "rule", path)
    bad = put(copy.deepcopy(good), path, spoil(at(good, path)))
    if "never changes" in message:
        assert kubectl("apply", "-f", "-", body=good).code == 0
        refused = kubectl("apply", "-f", "-", body=bad).error
    else:
        refused = await refusal(cluster, bad)
    assert message in refused and shown(path) in refused, refused


@pytest.mark.parametrize("uri", ["pvc:///x", "pvc://a_b", "pvc://a/..", "pvc://a/b/../../etc"])
async def test_a_path_stays_in_its_claim(cluster: Cluster, uri: str) -> None:
    body = put(made("ModelTraining", "claims"), ("spec", "store", "uri"), uri)
    assert "write pvc://CLAIM/PATH" in await refusal(cluster, body)


@pytest.mark.parametrize("uri", ["pvc://data", "pvc://team.a-1/", "pvc://data/..a/2013-[01]*.csv"])
async def test_a_claims_uri_is_accepted(cluster: Cluster, uri: str) -> None:
    body = put(made("ModelTraining", "claims"), ("spec", "dataset", "uri"), uri)
    assert await refusal(cluster, body) == ""


def test_every_way_to_break_a_rule_breaks_one() -> None:
    messages = [param.values[2] for param in ALL]
    assert all(any(m.startswith(begin) for m in messages) for begin in BROKEN)
