"""A monitor's ask for what served before, on a real API server: it wakes, and is heeded once."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asking import Kubectl
from controllers import controlled
from operators import install, only, running
from test_deletion import node
from test_kinds import SHA
from test_operator import answers, wait

from localcluster.apiserver import ApiServer

SPACE = "going-back"
META = {"name": "flights", "namespace": SPACE}
API = {"apiVersion": "perennial.dev/v1alpha1"}


def test_a_monitor_asks_and_what_served_before_takes_over(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    def get(kind: str) -> Any:
        found = kubectl("get", kind, "flights", "-n", SPACE, "-o", "json")
        return json.loads(found.out) if found.code == 0 else {}

    def revision(role: str) -> dict[str, Any]:
        found = get("md").get("status", {}).get("revisions", [])
        return next((r for r in found if r["role"] == role), {"name": "", "readyReplicas": 0})

    def apply(kind: str, **spec: Any) -> None:
        done = kubectl(
            "apply", "-f", "-", body={**API, "kind": kind, "metadata": META, "spec": spec}
        )
        assert done.code == 0, done.error

    def serve(cpu: str) -> None:
        """Ask for the same model with other settings: no pod here tells what its model takes."""
        artifact = {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA}
        rollout = {"blueGreen": {}, "analysis": {"none": {}}, "keepReplaced": "10m"}
        serving = {"resources": {"requests": {"cpu": cpu}}}
        model = {"artifact": artifact}
        apply("ModelDeployment", model=model, replicas=1, serving=serving, rollout=rollout)

    def ask(**rollback: Any) -> None:
        patch = json.dumps({"status": {"rollback": rollback}})
        told = ("dm", "flights", "-n", SPACE, "--subresource=status", "--type=merge", "-p", patch)
        done = kubectl("patch", *told)
        assert done.code == 0, done.error

    def outcome() -> str:
        return str(get("dm").get("status", {}).get("rollback", {}).get("outcome", ""))

    assert kubectl("create", "namespace", SPACE).code == 0
    objects = install(kubectl, *only(SPACE))
    assert kubectl("apply", "-f", "-", body=node()).code == 0
    with (
        controlled(server, tmp_path, "kwok"),
        running(server, kubectl, objects, tmp_path, "goer") as operator,
    ):
        wait("it is ready", lambda: answers(operator, "readyz"))
        apply(
            "DriftMonitor",
            deploymentRef={"name": "flights"},
            interval="1h",
            actions={"rollback": {"within": "1h", "cooldown": "1s"}},
        )
        serve("100m")
        wait("it serves", lambda: revision("Stable")["readyReplicas"] == 1, 60)
        blue = revision("Stable")["name"]
        serve("200m")
        wait("another does", lambda: revision("Stable")["name"] not in ("", blue), 60)
        green = revision("Stable")["name"]
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        ask(revision=green, to=blue, time=now, message="green predicts worse")
        wait("what served before serves", lambda: revision("Stable")["name"] == blue, 60)
        wait("the monitor knows", lambda: outcome() == "WentBack")
        (rejected,) = get("md")["status"]["rollout"]["rejected"]
        assert (rejected["reason"], rejected["name"]) == ("Decayed", green)
        assert rejected["message"] == "DriftMonitor flights asked for it: green predicts worse"
        told = kubectl("get", "events", "-n", SPACE, "-o", "jsonpath={.items[*].reason}").out
        assert told.split().count("RolledBack") == 1
        assert kubectl("delete", "namespace", SPACE, "--timeout=90s").code == 0
        assert kubectl("delete", "node", "kwok-0").code == 0
    assert "reconcile failed" not in operator.log.read_text()
