"""A ModelDeployment to put versions on trial at, beside the one of the loop."""

import json
import urllib.parse
from collections import Counter
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from flights import demo

NAME = "trial"
STEPS = [{"setWeight": 50}, {"pause": {"duration": "8s"}}]


def apply(
    artifact: dict[str, str],
    latency: str = "500ms",
    replicas: int = 1,
    steps: list[dict[str, Any]] = STEPS,
    deadline: str = "60s",
    kept: str = "30s",
    traffic: dict[str, Any] | None = None,
    budget: dict[str, Any] | None = None,
) -> None:
    """Ask for an artifact, by a canary of half the traffic."""
    analysis = {
        "planned": 100,
        "metrics": [
            {"name": "errors", "errorRate": {"maximum": 0.01}},
            {"name": "refusals", "refusalRate": {"againstStable": {}}},
            {"name": "slow", "latency": {"quantile": 0.9, "maximum": latency}},
        ],
    }
    rollout = {"canary": {"steps": steps}, "analysis": analysis, "progressDeadline": deadline}
    rollout["keepReplaced"] = kept
    spec = {"model": {"artifact": artifact}, "replicas": replicas, "rollout": rollout}
    if traffic is not None:
        spec["traffic"] = traffic
    if budget is not None:
        spec["disruptionBudget"] = budget
    metadata = {"name": NAME, "namespace": demo.NAMESPACE}
    body = {"apiVersion": "perennial.dev/v1alpha1", "kind": "ModelDeployment"}
    demo.kubectl("apply", "-f", "-", stdin=json.dumps({**body, "metadata": metadata, "spec": spec}))


def condition(wanted: str) -> dict[str, Any]:
    """Return a condition, empty where it is not told."""
    found = demo.get("md", NAME).get("status", {}).get("conditions", [])
    return next((c for c in found if c["type"] == wanted), {})


def artifact_of(version: str) -> dict[str, str]:
    """Return where a version's artifact is."""
    found = demo.get("mv", version)["spec"]["artifact"]
    return {"uri": found["uri"], "sha256": found["sha256"]}


def pods(revision: str) -> list[dict[str, Any]]:
    """Return a revision's pods."""
    selector = f"perennial.dev/deployment={NAME},perennial.dev/revision={revision}"
    found = demo.kubectl("get", "pods", "-n", demo.NAMESPACE, "-l", selector, "-o", "json")
    items: list[dict[str, Any]] = json.loads(found)["items"]
    return items


def answered(revision: str) -> Counter[str]:
    """Return how many requests a revision's pods answered, by status code, as they count them."""
    codes: Counter[str] = Counter()
    for found in pods(revision):
        pod = urllib.parse.quote(f"{found['metadata']['name']}:9090")
        path = f"/api/v1/namespaces/{demo.NAMESPACE}/pods/{pod}/proxy/metrics"
        try:
            told = demo.kubectl("get", "--raw", path)
        except RuntimeError:
            continue  # it has gone meanwhile, or does not listen yet
        for family in text_string_to_metric_families(told):
            for sample in family.samples:
                if sample.name == "perennial_serving_requests_total":
                    codes[sample.labels["code"]] += int(sample.value)
    return codes
