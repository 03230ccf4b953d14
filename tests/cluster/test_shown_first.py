"""A version that answers wrongly is rejected before it has traffic."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from bad_models import fails_every_fifth, opposite, publish_changed
from golden_flights import golden
from trial import artifact_of

from flights import demo

NAME = "shown"


def apply(artifact: dict[str, str], before: dict[str, Any] | None = None) -> None:
    steps = [{"setWeight": 50}, {"pause": {"duration": "2s"}}]
    rollout: dict[str, Any] = {"canary": {"steps": steps}, "progressDeadline": "60s"}
    rollout["analysis"] = {"none": {}}
    if before is not None:
        rollout["beforeTraffic"] = before
    spec = {"model": {"artifact": artifact}, "replicas": 1, "rollout": rollout}
    body = {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": NAME, "namespace": demo.NAMESPACE},
        "spec": spec,
    }
    # As people do: what is not in it any more is gone.
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(body))


def condition(wanted: str) -> dict[str, Any]:
    found = demo.get("md", NAME).get("status", {}).get("conditions", [])
    return next((c for c in found if c["type"] == wanted), {})


def serves(artifact: dict[str, str]) -> bool:
    status = demo.get("md", NAME).get("status", {})
    roles = {r["role"]: r for r in status.get("revisions", [])}
    stable = roles.get("Stable", {})
    same = stable.get("artifact", {}).get("sha256") == artifact["sha256"]
    return same and "Canary" not in roles and condition("Ready").get("status") == "True"


@pytest.fixture(scope="module")
def stable(answers: Counter[str]) -> Iterator[dict[str, str]]:
    """Serve a good version; return its artifact."""
    good = artifact_of("flights-1")
    apply(good)
    demo.wait("it serves", lambda: serves(good), 60)
    yield good
    demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)


def test_one_that_answers_wrongly_is_rejected_and_one_that_answers_rightly_takes_over(
    stable: dict[str, str],
) -> None:
    asked = {"golden": {"requests": [golden(NAME, "morning", 9), golden(NAME, "night", 21)]}}
    apply(publish_changed(stable, opposite), asked)
    rejected = "it was rejected"
    demo.wait(rejected, lambda: condition("RolledOut").get("reason") == "GoldenRequestFailed", 90)
    assert "was expected" in condition("RolledOut")["message"]
    events = json.loads(demo.kubectl("get", "events", "-n", demo.NAMESPACE, "-o", "json"))["items"]
    about = [e for e in events if e["involvedObject"]["name"] == NAME]
    assert "RolledBack" in {e["reason"] for e in about}
    assert "WeightSet" not in {e["reason"] for e in about}  # it had no traffic
    good = publish_changed(stable, lambda content: fails_every_fifth(content, "right"))
    apply(good, asked)  # it fails where the hour is a multiple of five, and neither is one
    demo.wait("it took over", lambda: serves(good), 120)


def test_golden_requests_of_a_config_map_are_waited_for(stable: dict[str, str]) -> None:
    before = {"golden": {"configMap": {"name": "golden"}}}
    serving = demo.get("md", NAME)["status"]["revisions"][0]["artifact"]["sha256"]
    asked = [golden(NAME, "morning", 9)]
    good = publish_changed(stable, lambda content: fails_every_fifth(content, "of a map"))
    assert good["sha256"] != serving
    apply(good, before)
    words = "there is no ConfigMap golden"
    demo.wait("it says so", lambda: words in condition("RolledOut").get("message", ""), 60)
    data = {"requests.json": json.dumps(asked)}
    metadata = {"name": "golden", "namespace": demo.NAMESPACE}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    demo.wait("it took over", lambda: serves(good), 120)
    demo.kubectl("delete", "configmap", "golden", "-n", demo.NAMESPACE)
