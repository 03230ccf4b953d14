"""The loop, and what must not break it, on a real node with real pods."""

import json
import time
from collections import Counter
from typing import Any

from flights import demo
from localcluster.__main__ import provider
from localcluster.state import locate


def manifest(name: str, artifact: dict[str, str]) -> str:
    return json.dumps(
        {
            "apiVersion": "perennial.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": name, "namespace": demo.NAMESPACE},
            "spec": {
                "model": {"artifact": artifact},
                "replicas": 1,
                "rollout": {"progressDeadline": "30s"},
            },
        }
    )


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


def test_a_bad_version_is_rolled_back_while_stable_answers(answers: Counter[str]) -> None:
    good = demo.get("mv", "flights-2")["spec"]["artifact"]
    artifact = {"uri": good["uri"], "sha256": good["sha256"]}
    demo.kubectl("apply", "-f", "-", stdin=manifest("pinned", artifact))
    demo.wait("it serves", lambda: conditions("pinned")["Ready"]["status"] == "True", 60)
    wrong = {"uri": good["uri"], "sha256": "0" * 64}
    demo.kubectl("apply", "-f", "-", stdin=manifest("pinned", wrong))
    demo.wait(
        "it was rolled back",
        lambda: conditions("pinned").get("RolledOut", {}).get("reason") == "DigestMismatch",
        90,
    )
    found = conditions("pinned")
    assert found["Available"]["status"] == "True" and found["Stalled"]["status"] == "True"
    assert "sha256" in found["RolledOut"]["message"]


def test_steady_state_writes_nothing(answers: Counter[str]) -> None:
    demo.kubectl("delete", "dm", "flights", "-n", demo.NAMESPACE)  # it writes at each interval
    time.sleep(35)  # beyond the delay after which a replaced version is deleted
    before = len(provider().audit_log(locate()).splitlines())
    time.sleep(15)
    lines = provider().audit_log(locate()).splitlines()[before:-1]
    events = [json.loads(line) for line in lines]
    user = "system:serviceaccount:perennial-system:perennial"
    mine = [e for e in events if e["user"]["username"] == user]
    # The Lease is renewed for as long as there is a leader.
    rest = [e for e in mine if e.get("objectRef", {}).get("resource") != "leases"]
    writes = [e for e in rest if e["verb"] not in ("get", "list", "watch")]
    assert not writes, [(e["verb"], e["requestURI"]) for e in writes]
