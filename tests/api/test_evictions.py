"""disruptionBudget: what Kubernetes makes of it, and a name that somebody else has."""

import json
from pathlib import Path
from typing import Any

from asking import Kubectl
from controllers import controlled
from operators import install, only, running
from test_deletion import node
from test_kinds import SHA, body
from test_operator import answers, wait

from localcluster.apiserver import ApiServer

SPACE, NONE = "drained", "NoEvictionAllowed"


def deployment(name: str, budget: dict[str, Any] | None) -> dict[str, Any]:
    made = body(
        "ModelDeployment",
        name,
        model={"artifact": {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA}},
        replicas=2,
        **({"disruptionBudget": budget} if budget is not None else {}),
    )
    made["metadata"]["namespace"] = SPACE
    return made


def test_a_budget_keeps_pods_from_eviction_goes_with_its_field_and_takes_nobodys_name(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    def get(kind: str, name: str) -> dict[str, Any]:
        found = kubectl("get", kind, name, "-n", SPACE, "-o", "json")
        return json.loads(found.out) if found.code == 0 else {}

    def reason(name: str, condition: str) -> str:
        conditions = get("md", name).get("status", {}).get("conditions", [])
        return next((c["reason"] for c in conditions if c["type"] == condition), "")

    def evict(pod: str) -> str:
        path = f"/api/v1/namespaces/{SPACE}/pods/{pod}/eviction"
        asked = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        return kubectl("create", "--raw", path, "-f", "-", body=asked).error

    assert kubectl("create", "namespace", SPACE).code == 0
    objects = install(kubectl, *only(SPACE))
    assert kubectl("apply", "-f", "-", body=node()).code == 0
    theirs = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "taken", "namespace": SPACE},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "theirs"}}},
    }
    assert kubectl("apply", "-f", "-", body=theirs).code == 0
    with (
        controlled(server, tmp_path, "kwok"),
        running(server, kubectl, objects, tmp_path, "draining") as operator,
    ):
        wait("it is ready", lambda: answers(operator, "readyz"))
        for name, budget in (("flights", {"minAvailable": "50%"}), ("taken", {"minAvailable": 1})):
            assert kubectl("apply", "-f", "-", body=deployment(name, budget)).code == 0
        allowed = "one of two pods may go"

        def pdb() -> dict[str, Any]:
            found: dict[str, Any] = get("pdb", "flights").get("status", {})
            return found

        wait(allowed, lambda: pdb().get("disruptionsAllowed") == 1, 60)
        listed = ("get", "pods", "-n", SPACE, "-l", "perennial.dev/deployment=flights")
        pods = kubectl(*listed, "-o", "jsonpath={.items[*].metadata.name}").out.split()
        assert evict(pods[0]) == ""
        patch = ("patch", "md", "flights", "-n", SPACE, "--type=merge", "-p")
        assert kubectl(*patch, '{"spec": {"disruptionBudget": {"minAvailable": 2}}}').code == 0
        wait("it says that it lets none go", lambda: reason("flights", "Ready") == NONE)
        wait("so it does", lambda: pdb().get("desiredHealthy") == 2)
        assert "disruption budget" in evict(pods[1])

        wait(
            "whose name is taken says so", lambda: reason("taken", "Stalled") == "NameConflict", 60
        )
        found = get("pdb", "taken")
        assert found["spec"]["maxUnavailable"] == 0 and "ownerReferences" not in found["metadata"]
        assert kubectl("get", "svc", "taken", "-n", SPACE).code == 0  # all else is there
        assert kubectl("delete", "pdb", "taken", "-n", SPACE).code == 0
        wait("it has its own then", lambda: get("pdb", "taken") != {}, 90)
        wait("and says no more", lambda: reason("taken", "Stalled") == "Progressing", 30)

        assert kubectl(*patch, '{"spec": {"disruptionBudget": null}}').code == 0
        wait("it goes with its field", lambda: get("pdb", "flights") == {})
        assert operator.process.poll() is None
        assert kubectl("delete", "namespace", SPACE, "--timeout=90s").code == 0
        assert kubectl("delete", "node", "kwok-0").code == 0
    assert "reconcile failed" not in operator.log.read_text()
