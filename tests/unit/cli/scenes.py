"""Objects as an operator writes them, for pages that tests and docs/kubectl.md show."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

Body = dict[str, Any]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
API = "perennial.dev/v1alpha1"
SHA = "5f2a91c07be4d83a6e10f7c2b95d4e8810c3aa67f2d9b1e4c05f8a7b6d3e2f19"
WINTER, SUMMER = "9c41aa02be77", "e07d1c5f3382"
FIRST, SECOND = "3fa9c1d2e0-1", "9bc14e77a2-1"


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def metadata(name: str, age: float, **more: Any) -> Body:
    made = {"name": name, "namespace": "flights", "uid": f"uid-{name}", "generation": 1}
    return {**made, "creationTimestamp": ago(age), **more}


def condition(type: str, status: str, reason: str, message: str = "") -> Body:
    told = {"type": type, "status": status, "reason": reason, "message": message}
    return {**told, "lastTransitionTime": ago(30), "observedGeneration": 1}


def training(**status: Any) -> Body:
    reason = "flights: flights-1 drifted: temp is 0.97 off, drift needs 0.1 (p 2e-258)"
    champion = {
        "version": "flights-2",
        "metric": metric(0.7588, 0.748, 0.768),
        "uri": f"s3://models/sha256/{SHA}/",
        "sha256": SHA,
    }
    candidates = [
        {"name": "boosted", "metric": 0.7588, "verdict": "Won"},
        {
            "name": "linear",
            "metric": 0.6411,
            "verdict": "GatesFailed",
            "message": "gate good: roc_auc 0.641, at least 0.65 is needed",
        },
    ]
    notes = [
        {"check": "columns", "message": "9 numbers, 2 categories (origin, carrier)"},
        {"check": "missing", "message": "precip is missing in 61 % of the rows"},
    ]
    run = {"number": 2, "trigger": "Drift", "startTime": ago(62), "candidates": candidates}
    return {
        "apiVersion": API,
        "kind": "ModelTraining",
        "metadata": metadata("flights", 298),
        "spec": {
            "task": "Classification",
            "dataset": {"uri": "s3://data/flights/*.parquet", "target": "late"},
            "objective": {"metric": "roc_auc"},
            "candidates": [
                {"name": "boosted", "algorithm": "HistGradientBoostingClassifier"},
                {"name": "linear", "algorithm": "LogisticRegression"},
            ],
            "schedule": {"cron": "0 3 * * *"},
        },
        "status": {
            "observedGeneration": 1,
            "conditions": [
                condition("Ready", "True", "Promoted", "flights-2 is the champion, roc_auc=0.759"),
                condition("Training", "False", "Idle", "no run is under way"),
                condition("Stalled", "False", "Progressing"),
            ],
            "champion": champion,
            "run": {**run, "reason": reason, "phase": "Finished", "generation": 1},
            "lastRun": {
                **run,
                "outcome": "Promoted",
                "message": "boosted became flights-2, roc_auc=0.759",
                "finishTime": ago(48),
                "dataset": {"rows": 77_611, "heldOut": 15_522, "notes": notes},
            },
            "printed": {"metric": "roc_auc=0.759"},
            **status,
        },
    }


def metric(value: float, low: float, high: float) -> Body:
    told = {"name": "roc_auc", "value": value, "low": low, "high": high}
    return {**told, "confidence": 0.975}


def version(number: int, **status: Any) -> Body:
    rows = {1: (49_123, WINTER, "2013-02-28"), 2: (77_611, SUMMER, "2013-07-31")}[number]
    proven = {1: metric(0.7281, 0.714, 0.741), 2: metric(0.7588, 0.748, 0.768)}[number]
    dataset = {
        "uri": "s3://data/flights/*.parquet",
        "sha256": rows[1].ljust(64, "0"),
        "rows": rows[0],
        "heldOut": rows[0] // 5,
        "start": "2013-01-01",
        "end": rows[2],
    }
    parent = {"parent": "flights-1"} if number == 2 else {}
    return {
        "apiVersion": API,
        "kind": "ModelVersion",
        "metadata": metadata(f"flights-{number}", 289 if number == 1 else 48),
        "spec": {
            "source": {
                "trainingRef": {"name": "flights"},
                "run": number,
                "candidate": "boosted",
            },
            "artifact": {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA},
            "algorithm": "HistGradientBoostingClassifier",
            "metrics": [proven],
            "dataset": dataset,
            "signature": {
                "inputs": [
                    {"name": "origin", "datatype": "BYTES", "shape": [-1, 1]},
                    {"name": "temp", "datatype": "FP32", "shape": [-1, 1]},
                ],
                "outputs": [{"name": "label", "datatype": "BYTES", "shape": [-1]}],
            },
            **parent,
        },
        "status": {
            "observedGeneration": 1,
            "printed": {"metric": f"roc_auc={proven['value']:.3f}"},
            **status,
        },
    }


STABLE: Body = {
    "name": FIRST,
    "version": "flights-1",
    "role": "Stable",
    "share": {"asked": 70, "actual": 67},
    "artifact": {"uri": "s3://models/a/", "sha256": SHA},
    "replicas": 2,
    "readyReplicas": 2,
    "startTime": ago(288),
}
CANARY: Body = {
    "name": SECOND,
    "version": "flights-2",
    "role": "Canary",
    "share": {"asked": 30, "actual": 33},
    "artifact": {"uri": "s3://models/b/", "sha256": SHA},
    "replicas": 1,
    "readyReplicas": 1,
    "startTime": ago(21),
}
STEPS = [
    {"setWeight": 30},
    {"pause": {"duration": "10s"}},
    {"setWeight": 50},
    {"name": "look-at-it", "pause": {}},
]
METRICS = [
    {"name": "errors", "errorRate": {"againstStable": {"maximumIncrease": 0.01}}},
    {"name": "refusals", "refusalRate": {"againstStable": {"maximumIncrease": 0.01}}},
    {"name": "slow", "latency": {"quantile": 0.99, "maximum": "500ms"}, "mode": "Observe"},
]
MEASURED = [
    {
        "name": "errors",
        "verdict": "Successful",
        "message": "errors: 0.1% of the canary's 212 requests failed, 0.2% of stable's 431 "
        "requests at the same time; not worse by more than 1 point",
        "value": 0.001,
        "course": [0.0, 0.001, 0.003, 0.001],
        "reference": 0.002,
        "requests": 212,
    },
    {
        "name": "refusals",
        "verdict": "Undecided",
        "message": "refusals: 1.9% of the canary's 212 requests were refused, 0.2% of stable's "
        "431 requests at the same time; neither is shown",
        "value": 0.019,
        "course": [0.0, 0.005, 0.01, 0.019],
        "reference": 0.002,
        "requests": 212,
        "suspected": True,
    },
    {
        "name": "slow",
        "verdict": "Undecided",
        "message": "slow: 0 of the canary's 212 answers took longer than 500 ms",
        "value": 0.0,
        "course": [0.0, 0.0, 0.0, 0.0],
        "reference": 0.01,
        "requests": 212,
    },
]


def deployment(
    revisions: list[Body] | None = None, conditions: list[Body] | None = None, **rollout: Any
) -> Body:
    on_trial = "flights-2 on trial; 212 of 500 requests that are planned, refusals is suspected"
    told = conditions or [
        condition("Ready", "True", "Canary", "flights-1 serves"),
        condition("Available", "True", "PodsReady"),
        condition("RolledOut", "False", "Canary", on_trial),
        condition("Paused", "False", "NotPaused"),
        condition("Reconciling", "False", "UpToDate"),
        condition("Stalled", "False", "Progressing"),
    ]
    canary = {
        "step": {"index": 1, "hash": "ab", "startTime": ago(6)},
        "analysis": {
            "pair": f"{FIRST}/{SECOND}",
            "judgedUntil": ago(4),
            "looks": 7,
            "metrics": MEASURED,
        },
    }
    trial = {"canaryUrl": "http://flights-canary.flights.svc"} if revisions is None else {}
    return {
        "apiVersion": API,
        "kind": "ModelDeployment",
        "metadata": metadata("flights", 288),
        "spec": {
            "model": {"trainingRef": {"name": "flights"}},
            "replicas": 2,
            "rollout": {"canary": {"steps": STEPS}, "analysis": {"metrics": METRICS}},
        },
        "status": {
            "observedGeneration": 1,
            "conditions": told,
            "revisions": copy.deepcopy(revisions or [STABLE, CANARY]),
            "replicas": sum(r["replicas"] for r in revisions or [STABLE, CANARY]),
            "readyReplicas": sum(r["readyReplicas"] for r in revisions or [STABLE, CANARY]),
            "address": {"url": "http://flights.flights.svc", **trial},
            "rollout": {**(canary if revisions is None else {}), **rollout},
        },
    }


def paused() -> Body:
    body = copy.deepcopy(deployment(paused="CanaryPauseStep"))
    body["status"]["rollout"]["step"] = {"index": 3, "hash": "ab", "startTime": ago(700)}
    shares = {FIRST: {"asked": 50, "actual": 50}, SECOND: {"asked": 50, "actual": 50}}
    for r in body["status"]["revisions"]:
        r["share"] = shares[r["name"]]
    body["status"]["conditions"][2]["message"] = "flights-2 on trial"
    return body


def preview() -> Body:
    """With all pods of a new version beside stable's, none of the traffic, and a person to ask."""
    body = copy.deepcopy(deployment(paused="CanaryPauseStep"))
    body["spec"]["rollout"] = {"blueGreen": {"pause": {}}}
    body["status"]["rollout"]["step"] = {"index": 0, "hash": "cd", "startTime": ago(700)}
    shares = {FIRST: {"asked": 100, "actual": 100}, SECOND: {"asked": 0, "actual": 0}}
    for r in body["status"]["revisions"]:
        r |= {"share": shares[r["name"]], "replicas": 2, "readyReplicas": 2}
    body["status"]["conditions"][2]["message"] = "flights-2 on trial"
    body["status"]["address"]["canaryUrl"] = "http://flights-preview.flights.svc"
    return body


def labelled() -> Body:
    """Judged by labels and rewards, which are no requests."""
    body = copy.deepcopy(deployment())
    asked = [{"name": "right", "accuracy": {"minimum": 0.9}}, {"name": "sold", "meanReward": {}}]
    body["spec"]["rollout"]["analysis"]["metrics"] = asked
    told = [{"name": "right", "verdict": "Undecided", "value": 0.93, "requests": 1840},
            {"name": "sold", "verdict": "Undecided", "value": 0.31, "requests": 212}]  # fmt: skip
    body["status"]["rollout"]["analysis"]["metrics"] = told
    return body


def baking() -> Body:
    """With a new version that was promoted a while ago only."""
    body = at_rest()
    body["status"]["conditions"][1] = condition("RolledOut", "False", "Baking", "flights-2 serves")
    return body


REFUSED = (
    "refusals: 100% of the canary's 49 requests were refused, 0% of stable's 46 requests at the "
    "same time; the canary is worse (at most 1 in 257 to see this if it were not)"
)


PROVEN = {
    "name": "errors",
    "verdict": "Successful",
    "value": 0.004,
    "reference": 0.005,
    "p": 0.031,
    "requests": 2160,
    "summary": "error rate 0.4% against 0.5% of stable after 2,160 requests: within what is "
    "allowed, p = 0.031",
}
WORSE = {
    "name": "false-alarms",
    "verdict": "Failed",
    "value": 0.071,
    "reference": 0.039,
    "p": 0.003,
    "requests": 1840,
    "summary": "false-positive rate 7.1% against 3.9% of stable, p = 0.003 after 1,840 labels",
}


def decided(decision: str, number: int, weight: int, age: float, *metrics: Body) -> Body:
    return {
        "decision": decision,
        "revision": SECOND if number == 2 else FIRST,
        "version": f"flights-{number}",
        "reason": "AnalysisFailed" if decision == "RolledBack" else "StepPassed",
        "weight": weight,
        "requests": 2160,
        "time": ago(age),
        "metrics": list(metrics),
    }


def rolled_back() -> Body:
    ready = f"flights-1 serves; flights-2: {REFUSED}"
    serves = {**STABLE, "share": {"asked": 100, "actual": 100}}
    conditions = [
        condition("Ready", "True", "RolledBack", ready),
        condition("RolledOut", "False", "AnalysisFailed", REFUSED),
        condition("Stalled", "False", "Progressing"),
    ]
    rejected = {
        "name": SECOND,
        "version": "flights-2",
        "reason": "AnalysisFailed",
        "message": REFUSED,
        "time": ago(15),
    }
    decisions = [
        decided("WentOn", 2, 10, 21, PROVEN),
        decided("RolledBack", 2, 50, 15, PROVEN, WORSE),
    ]
    return deployment([serves], conditions, rejected=[rejected], decisions=decisions)


def at_rest() -> Body:
    serves = {
        **CANARY,
        "role": "Stable",
        "share": {"asked": 100, "actual": 100},
        "replicas": 2,
        "readyReplicas": 2,
    }
    conditions = [
        condition("Ready", "True", "Serving", "flights-2 serves"),
        condition("RolledOut", "True", "Serving"),
        condition("Stalled", "False", "Progressing"),
    ]
    return deployment([serves], conditions)


def experiment() -> Body:
    """Two models beside stable, one of which was taken out."""
    variant = {**CANARY, "role": "Variant", "version": "flights-2"}
    variant |= {"share": {"asked": 70, "actual": 67}, "replicas": 2, "readyReplicas": 2}
    serves = {**STABLE, "share": {"asked": 30, "actual": 33}, "replicas": 1, "readyReplicas": 1}
    why = "errors: 5.1% of 402 requests failed, 0.2% of stable's"
    says = (
        "mean reward of stable 0.1241 (790 outcomes, best with 1.9%), "
        f"regression 0.1602 (812 outcomes, best with 98.1%); boosting is out: {why}"
    )
    conditions = [
        condition("Ready", "True", "Serving", "flights-1 serves"),
        condition("RolledOut", "True", "Serving"),
        condition("Stalled", "False", "Progressing"),
        condition("ExperimentRunning", "True", "Running", says),
    ]
    body = deployment([serves, variant], conditions)
    numbers = {"outcomes": 790, "mean": 0.1241, "low": 0.1071, "high": 0.1411}
    arms = [
        {"name": "stable", "state": "Running", **numbers, "probabilityBest": 0.019},
        {"name": "regression", "state": "Running", "outcomes": 812, "mean": 0.1602, "low": 0.1427,
         "high": 0.1777, "probabilityBest": 0.981},
        {"name": "boosting", "state": "Out", "reason": "AnalysisFailed", "message": why,
         "outcomes": 36, "mean": 0.1103, "low": 0.0312, "high": 0.1894},
    ]  # fmt: skip
    for arm, of in zip(arms, (serves, variant), strict=False):
        arm |= {"share": of["share"], "revision": of["name"]}
    body["status"]["experiment"] = {"key": "ab", "arms": arms, "judgedUntil": ago(21)}
    return body


def experiment_over() -> Body:
    """One model won, and takes over; it is not told of the others that they wait."""
    body = experiment()
    says = (
        "regression won: mean reward 0.1602 of 812 outcomes of regression, 0.1241 of 790 of "
        "stable; at equal times +0.0127 to +0.0595 (0.99 sure)"
    )
    body["status"]["conditions"][-1] = condition("ExperimentRunning", "False", "Winner", says)
    for arm in body["status"]["experiment"]["arms"]:
        arm.pop("share", None)
        if arm["state"] != "Out" and arm["name"] != "stable":
            arm |= {"state": "Waiting", "reason": "Ended"}
    body["status"]["experiment"] |= {"result": "Winner", "winner": "regression", "message": says}
    serves, won = body["status"]["revisions"]
    won |= {"role": "Stable", "share": {"asked": 100, "actual": 100}}
    del serves["share"]
    serves["role"] = "Previous"
    body["status"]["revisions"] = [won, serves]
    return body


def of_a_newer_operator() -> Body:
    """With a role and fields that nobody here knows, and verdicts at another place."""
    body = copy.deepcopy(deployment())
    status = body["status"]
    analysis = status["rollout"]["analysis"]
    status["rollout"] = {
        "strategy": "Canary",
        "step": {"name": "look-at-it", "hash": "ab", "startTime": ago(6)},
        "judgedUntil": ago(4),
        "verdicts": analysis["metrics"],
        "moon": {"phase": "full"},
    }
    status["revisions"][1]["role"] = "Understudy"
    status["auction"] = {"bids": [{"name": "a", "probabilityBest": 0.93}]}
    return body


def of_an_older_operator() -> Body:
    """With what a rollout is at beside its status, rather than below status.rollout."""
    body = copy.deepcopy(deployment())
    body["status"] |= body["status"].pop("rollout")
    return body


def pod(revision: str, suffix: str, age: float, ready: bool = True, **status: Any) -> Body:
    word = "True" if ready else "False"
    told = {"phase": "Running", "conditions": [{"type": "Ready", "status": word}], **status}
    labels = {"perennial.dev/deployment": "flights", "perennial.dev/revision": revision}
    name = f"flights-{revision}-7d9f5b8c4-{suffix}"
    return {"metadata": {**metadata(name, age), "labels": labels}, "status": told}


PODS = [pod(FIRST, "hx2lq", 286), pod(FIRST, "p8vwd", 286), pod(SECOND, "z5k7m", 19)]
CRASHING = pod(
    SECOND,
    "t4n9s",
    12,
    ready=False,
    containerStatuses=[
        {"name": "server", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    ],
)


def monitor(**status: Any) -> Body:
    message = (
        "temp is 0.97 off, drift needs 0.1 (p 2e-258) over 1140 rows; a newer version is on trial"
    )
    worst = [
        {"feature": "temp", "score": 0.9701, "need": 0.1, "p": 2e-258},
        {"feature": "dewp", "score": 0.9634, "need": 0.1, "p": 4e-256},
        {"feature": "humid", "score": 0.0213, "need": 0.1, "p": 0.04},
    ]
    scores = [0.02, 0.043, 0.03, 0.41, 0.88, 0.9701]
    history = [
        {
            "time": ago(5 * (len(scores) - n)),
            "samples": 600 + 90 * n,
            "worstScore": score,
            "drifted": "True" if score > 0.1 else "False",
        }
        for n, score in enumerate(scores)
    ]
    return {
        "apiVersion": API,
        "kind": "DriftMonitor",
        "metadata": metadata("flights", 280),
        "spec": {"deploymentRef": {"name": "flights"}, "window": "1m", "interval": "5s"},
        "status": {
            "observedGeneration": 1,
            "conditions": [
                condition("Ready", "True", "Watching", "watches flights"),
                condition("Drifted", "True", "RolloutUnderWay", message),
                condition("QualityPassed", "False", "QualityLimitsBroken"),
                condition("Stalled", "False", "Progressing"),
            ],
            "reference": {"version": "flights-1", "revision": FIRST},
            "window": {"samples": 1140, "pods": 2, "asked": 2},
            "checkedTime": ago(3),
            "worst": worst,
            "quality": [
                {
                    "feature": "temp",
                    "check": "OutOfRange",
                    "fraction": 0.9984,
                    "maximum": 0.01,
                    "p": 0.0,
                }
            ],
            "lastAction": {
                "type": "Retrain",
                "time": ago(64),
                "message": "flights-1 drifted: temp is 0.97 off, drift needs 0.1 (p 2e-258)",
                "version": "flights-1",
                "run": 2,
                "outcome": "Promoted",
            },
            "history": history,
            **status,
        },
    }


def serving(name: str, role: str) -> Body:
    return {"deployments": [{"name": name, "role": role}]}


def everything() -> list[Body]:
    ended = {
        "deployment": "flights",
        "reason": "Promoted",
        "cause": "Promoted",
        "weight": 50,
        "requests": 2160,
        "time": ago(280),
        "metrics": [PROVEN],
    }
    outcome = {"reason": "Promoted", "deployment": "flights", "time": ago(280)}
    promoted = {"outcome": outcome, "ended": [ended]}
    return [
        training(),
        version(1, **serving("flights", "Stable"), **promoted),
        version(2, **serving("flights", "Canary")),
        deployment(),
        monitor(),
    ]


def record(revision: str, name: str, age: float, asked: str = "") -> Body:
    annotations = {"perennial.dev/request": asked} if asked else {}
    return {
        "metadata": {**metadata(f"flights-{revision}", age), "annotations": annotations},
        "data": {"revision": {"name": revision, "version": name}},
    }
