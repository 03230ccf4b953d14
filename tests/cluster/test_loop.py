"""The loop, and what must not break it, on a real node with real pods."""

import json
from collections import Counter
from typing import Any

from flights import demo

REASON = "DigestMismatch"


def conditions(name: str) -> dict[str, dict[str, Any]]:
    status = demo.get("md", name).get("status", {})
    return {c["type"]: c for c in status.get("conditions", [])}


def test_no_request_was_lost_and_both_versions_answered(answers: Counter[str]) -> None:
    assert answers["failed"] == 0
    assert answers["flights-1"] > 0 and answers["flights-2"] > 0


def test_the_retrained_version_is_better_on_the_same_rows(answers: Counter[str]) -> None:
    status = demo.get("mt")["status"]
    assert status["champion"]["version"] == "flights-2"
    assert status["lastRun"]["trigger"] == "Drift"
    assert demo.get("mv", "flights-2")["spec"]["parent"] == "flights-1"


def test_no_secret_stands_in_pods_or_status(answers: Counter[str]) -> None:
    command = ["get", "secret", "perennial-store", "-n", demo.SYSTEM, "-o", "json"]
    secret = demo.base64.b64decode(
        json.loads(demo.kubectl(*command))["data"]["AWS_SECRET_ACCESS_KEY"]
    ).decode()
    shown = demo.kubectl(
        "get", "pods,jobs,deploy,cm,mt,mv,md,dm,events", "-n", demo.NAMESPACE, "-o", "json"
    )
    assert secret not in shown


def test_a_wrong_digest_is_told_and_never_served(answers: Counter[str]) -> None:
    good = demo.get("mv", "flights-2")["spec"]["artifact"]
    artifact = {"uri": good["uri"], "sha256": "0" * 64}
    body = {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "wrong", "namespace": demo.NAMESPACE},
        "spec": {"model": {"artifact": artifact}},
    }
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    demo.wait("told", lambda: conditions("wrong").get("Ready", {}).get("reason") == REASON, 60)
    found = conditions("wrong")
    assert found["Available"]["status"] == "False" and found["Stalled"]["status"] == "True"
    assert "sha256" in found["Ready"]["message"]
    demo.kubectl("delete", "md", "wrong", "-n", demo.NAMESPACE)
