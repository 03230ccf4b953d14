"""What is deleted in the middle of something is not made again, and its children go with it."""

import json
from pathlib import Path
from typing import Any

from asking import Kubectl
from controllers import controlled
from operators import install, only, running
from test_kinds import body
from test_operator import answers, serve, wait

from localcluster.apiserver import ApiServer

SPACE = "leaving"
HOLD = "tests.perennial.dev/hold"


def test_children_of_what_is_deleted_in_mid_canary_go_and_none_is_made_again(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    def found(kind: str) -> list[str]:
        return kubectl("get", kind, "-n", SPACE, "-o", "name").out.split()

    def canary() -> bool:
        path = 'jsonpath={.status.revisions[?(@.role=="Canary")].name}'
        return kubectl("get", "md", "flights", "-n", SPACE, "-o", path).out != ""

    assert kubectl("create", "namespace", SPACE).code == 0
    objects = install(kubectl, *only(SPACE))
    assert kubectl("apply", "-f", "-", body=node()).code == 0
    with (
        controlled(server, tmp_path, "kwok"),
        running(server, kubectl, objects, tmp_path, "leaver") as operator,
    ):
        wait("it is ready", lambda: answers(operator, "readyz"))
        serve(kubectl, SPACE, "flights")
        ready = ("wait", "md/flights", "-n", SPACE, "--for=condition=Available", "--timeout=60s")
        assert kubectl(*ready).code == 0
        artifact = {"uri": "s3://models/sha256/x/", "sha256": "b" * 64}
        other = body("ModelDeployment", "flights", model={"artifact": artifact})
        other["metadata"]["namespace"] = SPACE
        assert kubectl("apply", "-f", "-", body=other).code == 0
        wait("a canary has its Deployment", lambda: canary() and len(found("deploy")) == 2, 60)
        held = json.dumps({"metadata": {"finalizers": [HOLD]}})
        patch = ("patch", "md", "flights", "-n", SPACE, "--type=merge", "-p")
        assert kubectl(*patch, held).code == 0
        assert kubectl("delete", "md", "flights", "-n", SPACE, "--wait=false").code == 0
        # A hand is quicker than the garbage collector; while the object stays, too.
        assert kubectl("delete", "deploy,svc", "--all", "-n", SPACE).code == 0
        serve(kubectl, SPACE, "another")  # once that is served, what is gone was looked at, too
        wait("the operator goes on", lambda: len(found("deploy")) > 0, 60)
        assert all("another" in name for kind in ("deploy", "svc") for name in found(kind))
        assert kubectl(*patch, json.dumps({"metadata": {"finalizers": None}})).code == 0
        wait("it is gone", lambda: "flights" not in " ".join(found("md")), 60)
        kinds = ("controllerrevisions", "deploy", "rs", "svc")
        gone = "its children are gone"
        wait(gone, lambda: not any("/flights" in n for k in kinds for n in found(k)), 90)
        assert operator.process.poll() is None
        # Pods end only while somebody says so, and no later test is to find a node.
        assert kubectl("delete", "namespace", SPACE, "--timeout=90s").code == 0
        assert kubectl("delete", "node", "kwok-0").code == 0
    assert "reconcile failed" not in operator.log.read_text()


def node() -> dict[str, Any]:
    """Return a node that only says that it runs."""
    room = {"cpu": "32", "memory": "64Gi", "pods": "110"}
    meta = {"name": "kwok-0", "annotations": {"kwok.x-k8s.io/node": "fake"}}
    status = {"allocatable": room, "capacity": room}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": status}
