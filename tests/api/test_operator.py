"""The operator as a process, with no other rights than the chart's."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asking import Kubectl
from controllers import controlled
from operators import USER, Operator, install, only, running
from test_kinds import SHA, body

from chart import NAMESPACE
from localcluster.apiserver import ApiServer


def wait(what: str, so: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.25)


def answers(operator: Operator, path: str) -> bool:
    """Tell whether a health endpoint says that all is well."""
    try:
        with urllib.request.urlopen(f"{operator.health}/{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        assert error.code == 503
        return False
    except urllib.error.URLError:
        return False


def holder(kubectl: Kubectl) -> str:
    lease = ("get", "lease", "perennial", "-n", NAMESPACE, "-o", "jsonpath={.spec.holderIdentity}")
    return kubectl(*lease).out


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
    objects = install(kubectl, *only("mine"))
    before = len(requests(server))
    both = {"Deployment", "Service"}
    with running(server, kubectl, objects, tmp_path, "scoped") as operator:
        wait("it is ready", lambda: answers(operator, "readyz"))
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
    asked = requests(server)[before:]
    assert not [e["requestURI"] for e in asked if e["responseStatus"]["code"] == 403]
    said = [json.loads(line) for line in operator.log.read_text().splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in said)
    pods = [e["requestURI"] for e in asked if e.get("objectRef", {}).get("resource") == "pods"]
    assert pods and all("labelSelector=app.kubernetes.io" in uri for uri in pods)
    about = [e["objectRef"] for e in asked if "resource" in e.get("objectRef", {})]
    assert {ref.get("namespace", "") for ref in about} == {"mine", NAMESPACE}


def test_a_standby_is_ready_and_takes_over(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl("create", "namespace", "handover")
    objects = install(kubectl, *only("handover"))
    with running(server, kubectl, objects, tmp_path, "leader") as first:
        wait("one leads", lambda: holder(kubectl) == "leader")
        with running(server, kubectl, objects, tmp_path, "heir") as second:
            wait("so is the other", lambda: answers(second, "readyz"))
            assert holder(kubectl) == "leader"
            first.process.terminate()
            wait("it takes over", lambda: holder(kubectl) == "heir")
            wait("it is ready as a leader", lambda: answers(second, "readyz"))
            serve(kubectl, "handover", "flights")
            find = ("get", "deploy", "-n", "handover", "-o", "name")
            wait("it works", lambda: kubectl(*find).out != "")


def test_without_its_rights_it_is_alive_and_not_ready_and_goes_on_once_it_has_them(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl("create", "namespace", "later")
    objects = install(kubectl, *only("later"))
    own = ("rolebinding", "perennial-operator", "-n", NAMESPACE)
    there = ("rolebinding", "perennial", "-n", "later")
    for binding in (own, there):
        assert kubectl("delete", *binding).code == 0
    with running(server, kubectl, objects, tmp_path, "powerless") as operator:

        def says(text: str) -> bool:
            return text in operator.log.read_text()

        wait("it cannot reach the Lease", lambda: says("Error retrieving resource lock"))
        assert answers(operator, "healthz") and not answers(operator, "readyz")
        apply = ("apply", "--server-side", "-f", "-")
        bindings = {o["metadata"]["name"]: o for o in objects if o["kind"] == "RoleBinding"}
        kubectl(*apply, body=bindings["perennial-operator"])
        wait("it leads", lambda: holder(kubectl) == "powerless")
        wait("it cannot list", lambda: says("the objects cannot be listed"))
        assert answers(operator, "healthz") and not answers(operator, "readyz")
        kubectl(*apply, body=bindings["perennial"])
        wait("it is ready", lambda: answers(operator, "readyz"))
        serve(kubectl, "later", "flights")
        find = ("get", "deploy", "-n", "later", "-o", "name")
        wait("it works", lambda: kubectl(*find).out != "")


def test_a_namespace_that_is_deleted_is_left_out_and_taken_up_again(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    spaces = ("stays", "goes")
    for name in spaces:
        kubectl("create", "namespace", name)
    objects = install(kubectl, *only(*spaces))
    rights = [o for o in objects if o["metadata"].get("namespace") == "goes"]
    everywhere = {name: ("get", "deploy", "-n", name, "-o", "name") for name in spaces}
    with (
        controlled(server, tmp_path),
        running(server, kubectl, objects, tmp_path, "patient") as operator,
    ):
        for name in spaces:
            serve(kubectl, name, "first")
            wait(f"{name} is served", lambda name=name: kubectl(*everywhere[name]).out != "", 60)  # type: ignore[misc]
        assert kubectl("delete", "namespace", "goes", "--timeout=60s").code == 0
        serve(kubectl, "stays", "second")
        wait("the other is served", lambda: "second" in kubectl(*everywhere["stays"]).out)
        assert answers(operator, "readyz") and answers(operator, "healthz")
        kubectl("create", "namespace", "goes")
        body = {"apiVersion": "v1", "kind": "List", "items": rights}
        assert kubectl("apply", "--server-side", "-f", "-", body=body).code == 0
        serve(kubectl, "goes", "again")
        wait("it is taken up again", lambda: "again" in kubectl(*everywhere["goes"]).out, 90)
        assert operator.process.poll() is None
    assert "reconcile failed" not in operator.log.read_text()


def test_an_edit_costs_two_requests_and_a_restart_reads_by_lists_alone(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl("create", "namespace", "frugal")
    objects = install(kubectl, *only("frugal"))

    def asked(since: int) -> list[tuple[str, str]]:
        """Return what was asked about single objects; the store's Secret is looked at by time."""
        found = [e for e in requests(server)[since:] if e["stage"] == "ResponseComplete"]
        refs = [(e["verb"], e.get("objectRef", {})) for e in found]
        rest = ("leases", "secrets", "namespaces", "events")
        return [
            (verb, "/".join(filter(None, (ref["resource"], ref.get("subresource")))))
            for verb, ref in refs
            if ref.get("resource", "leases") not in rest and verb not in ("list", "watch")
        ]

    def settled() -> bool:
        before = len(requests(server))
        time.sleep(3)
        return not asked(before)

    with running(server, kubectl, objects, tmp_path, "frugal") as operator:
        wait("it is ready", lambda: answers(operator, "readyz"))
        for name in "abc":
            serve(kubectl, "frugal", name)
        wait("all is made", lambda: len(kubectl("get", "svc", "-n", "frugal").out.split("\n")) > 3)
        wait("it is at rest", settled)
        before = len(requests(server))
        kubectl("scale", "md", "a", "-n", "frugal", "--replicas=3")
        wait("it is scaled", lambda: asked(before) != [])
        wait("it is at rest", settled)
        assert sorted(asked(before)) == [
            ("patch", "deployments"),
            ("patch", "modeldeployments/status"),
        ]
    before = len(requests(server))
    with running(server, kubectl, objects, tmp_path, "again") as operator:
        wait("it is ready", lambda: answers(operator, "readyz"))
        wait("it is at rest", settled)
        assert asked(before) == []
