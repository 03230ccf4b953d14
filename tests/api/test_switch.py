"""A whole blue-green rollout on a real API server: preview, switch, bake, and back at once."""

import contextlib
import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from asking import Kubectl
from controllers import controlled
from operators import install, only, running
from test_deletion import node
from test_kinds import SHA
from test_operator import answers, wait

from localcluster import binaries
from localcluster.apiserver import ApiServer

SPACE, REPLICAS = "switching", 2
ROLLOUT = {
    "blueGreen": {"pause": {}},
    "analysis": {"none": {}},
    "keepReplaced": "10m",
    "bake": "5m",
}


def test_a_new_version_is_previewed_takes_over_in_one_turn_and_is_gone_back_from(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    def get(kind: str, name: str) -> Any:
        found = kubectl("get", kind, name, "-n", SPACE, "-o", "json")
        return json.loads(found.out) if found.code == 0 else {}

    def revision(role: str) -> dict[str, Any]:
        found = get("md", "flights").get("status", {}).get("revisions", [])
        return next((r for r in found if r["role"] == role), {"name": "", "readyReplicas": 0})

    def reached(service: str) -> str:
        selector = get("svc", service).get("spec", {}).get("selector", {})
        return str(selector.get("perennial.dev/revision", ""))

    def reason(type: str) -> str:
        conditions = get("md", "flights")["status"]["conditions"]
        return next(c["reason"] for c in conditions if c["type"] == type)

    def ask(request: str) -> None:
        at = f"perennial.dev/request={request}"
        assert kubectl("annotate", "md", "flights", "-n", SPACE, "--overwrite", at).code == 0

    def apply(cpu: str) -> None:
        """Ask for the same model with other settings: no pod here tells what its model takes."""
        artifact = {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA}
        spec = {
            "model": {"artifact": artifact},
            "replicas": REPLICAS,
            "serving": {"resources": {"requests": {"cpu": cpu}}},
            "rollout": ROLLOUT,
        }
        meta = {"name": "flights", "namespace": SPACE}
        made = {"apiVersion": "perennial.dev/v1alpha1", "kind": "ModelDeployment"}
        done = kubectl("apply", "-f", "-", body={**made, "metadata": meta, "spec": spec})
        assert done.code == 0, done.error

    assert kubectl("create", "namespace", SPACE).code == 0
    objects = install(kubectl, *only(SPACE))
    assert kubectl("apply", "-f", "-", body=node()).code == 0
    with (
        controlled(server, tmp_path, "kwok"),
        running(server, kubectl, objects, tmp_path, "switcher") as operator,
    ):
        wait("it is ready", lambda: answers(operator, "readyz"))
        apply("100m")
        wait("it serves", lambda: revision("Stable")["readyReplicas"] == REPLICAS, 60)
        blue = revision("Stable")["name"]
        wait("both addresses reach it", lambda: reached("flights-preview") == blue)
        apply("200m")
        wait("a person is asked", lambda: reason("Paused") == "CanaryPauseStep", 60)
        green = revision("Canary")
        assert green["readyReplicas"] == REPLICAS and green["share"] == {"asked": 0, "actual": 0}
        assert (reached("flights"), reached("flights-preview")) == (blue, green["name"])
        columns = kubectl("get", "md", "flights", "-n", SPACE).out.splitlines()[1].split()
        assert {"preview", "0/0", "CanaryPauseStep"} <= set(columns)
        with watched(server, tmp_path / "selected") as named:
            ask("promote/1")
            wait("it takes over", lambda: revision("Stable")["name"] == green["name"])
            wait("the Service is turned", lambda: named() == [blue, green["name"]])
            assert reason("RolledOut") == "Baking"
            assert revision("Previous")["readyReplicas"] == REPLICAS
            ask("abort/2")
            wait("it is gone back from", lambda: revision("Stable")["name"] == blue)
            # From one to the other in one write each, and never to both.
            wait("the Service is turned back", lambda: named() == [blue, green["name"], blue])
        assert [r["reason"] for r in get("md", "flights")["status"]["rollout"]["rejected"]] == [
            "Aborted"
        ]
        kubectl("patch", "md", "flights", "-n", SPACE, "--type=merge", "-p", CANARY)
        wait("its address goes with it", lambda: not get("svc", "flights-preview"))
        assert kubectl("delete", "namespace", SPACE, "--timeout=90s").code == 0
        assert kubectl("delete", "node", "kwok-0").code == 0
    assert "reconcile failed" not in operator.log.read_text()


CANARY = json.dumps({"spec": {"rollout": {"blueGreen": None}}})
SELECTED = r"{.spec.selector.perennial\.dev/revision}{'|'}"


@contextlib.contextmanager
def watched(server: ApiServer, log: Path) -> Iterator[Callable[[], list[str]]]:
    """Watch whom the Service names, one after the other; '' stands for all versions."""
    base = [str(binaries.path("kubectl")), "--kubeconfig", str(server.kubeconfig)]
    watch = ["get", "svc", "flights", "-n", SPACE, "--watch", "-o", f"jsonpath={SELECTED}"]

    def named() -> list[str]:
        found = log.read_text().split("|")[:-1]
        return [name for name, _ in itertools.groupby(found)]

    with log.open("wb") as out, subprocess.Popen([*base, *watch], stdout=out) as process:
        try:
            wait("it is watched", lambda: named() != [])
            yield named
        finally:
            process.terminate()
