"""The operator as a process, with no other rights than the chart's."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import Kubectl
from operators import USER, install, running
from test_kinds import SHA, body

from localcluster.apiserver import ApiServer


def wait(what: str, so: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


def requests(server: ApiServer) -> list[dict[str, Any]]:
    """Return what the operator's account has asked of the API server."""
    lines = server.audit_log.read_text().splitlines()
    events = [json.loads(line) for line in lines if USER in line and line.endswith("}")]
    return [e for e in events if e["user"]["username"] == USER]


def serve(kubectl: Kubectl, namespace: str, name: str) -> None:
    artifact = {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA}
    made = body("ModelDeployment", name, model={"artifact": artifact})
    made["metadata"]["namespace"] = namespace
    assert kubectl("apply", "-f", "-", body=made).code == 0


def test_with_named_namespaces_it_works_there_and_asks_for_nothing_elsewhere(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    def children(namespace: str, name: str) -> set[str]:
        labelled = ("-l", f"perennial.dev/deployment={name}", "-o", "jsonpath={.items[*].kind}")
        return set(kubectl("get", "deploy,svc", "-n", namespace, *labelled).out.split())

    for namespace in ("mine", "other"):
        assert kubectl("create", "namespace", namespace).code == 0
        serve(kubectl, namespace, "early")
    objects = install(kubectl, 'watchNamespaces:=["mine"]')
    both = {"Deployment", "Service"}
    with running(server, kubectl, objects, tmp_path, "scoped") as operator:
        wait("what was there is served", lambda: children("mine", "early") == both)
        for namespace in ("other", "mine"):
            serve(kubectl, namespace, "late")
        wait("what comes is served", lambda: children("mine", "late") == both)
        kubectl("delete", "deploy", "-l", "perennial.dev/deployment=late", "-n", "mine")
        wait("a child is put back", lambda: children("mine", "late") == both)
        assert operator.process.poll() is None, operator.log.read_text()
    assert children("other", "early") == children("other", "late") == set()
    status = ("get", "md", "-n", "other", "-o", "jsonpath={.items[*].status.observedGeneration}")
    assert kubectl(*status).out.split() == ["-1", "-1"]
    assert kubectl("get", "secret", "perennial-store", "-n", "mine").code == 0
    asked = requests(server)
    assert not [e["requestURI"] for e in asked if e["responseStatus"]["code"] == 403]
    about = [e["objectRef"] for e in asked if "resource" in e.get("objectRef", {})]
    assert {ref.get("namespace", "") for ref in about} == {"mine", "perennial-system"}
