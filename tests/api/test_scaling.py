"""An autoscaler through the scale subresource, in mid-canary, on Kubernetes' own controllers."""

import json
import math
import time
from pathlib import Path
from typing import Any

from asking import Kubectl
from controllers import controlled
from operators import install, only, running
from test_deletion import node
from test_kinds import SHA, body
from test_operator import answers, wait

from localcluster.apiserver import ApiServer

SPACE = "scaled"
SCALE = f"/apis/perennial.dev/v1alpha1/namespaces/{SPACE}/modeldeployments/flights/scale"
WINDOW = 6
"""Looks, of which the highest counts."""
LOAD = 4
"""How many pods' worth of requests there are."""


def deployment(rows: int) -> dict[str, Any]:
    """Return one whose revisions differ by a setting, so that nobody asks what they take."""
    made = body(
        "ModelDeployment",
        "flights",
        model={"artifact": {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA}},
        serving={"batching": {"maxRows": rows}},
        rollout={
            "canary": {"steps": [{"setWeight": 50}, {"pause": {}}]},
            "analysis": {"none": {}},
        },
    )
    made["metadata"]["namespace"] = SPACE
    return made


class Autoscaler:
    """Does at each look what a HorizontalPodAutoscaler does at each of its own."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl
        self.recommended: list[int] = []
        self.written: list[int] = []

    def look(self) -> None:
        """Reckon by the pods that it is told, and write the replicas where they are others."""
        scale = json.loads(self.kubectl("get", "--raw", SCALE).out)
        told = scale["status"]
        pods = json.loads(
            self.kubectl("get", "pods", "-n", SPACE, "-o", "json", "-l", told["selector"]).out
        )["items"]
        names = {pod["metadata"]["name"] for pod in pods}
        behind = self.answering()
        if not names & behind:
            return
        used = LOAD * len(names & behind) / len(behind)  # each has as many requests as any other
        near = abs(used / len(names) - 1) <= 0.1
        self.recommended.append(told["replicas"] if near else math.ceil(round(used, 6)))
        # It goes down to the highest of a while only: what it is told may be a moment old.
        wanted = max(self.recommended[-WINDOW:])
        self.written.append(wanted)
        if wanted != scale["spec"].get("replicas", 0):
            scale["spec"]["replicas"] = wanted
            done = self.kubectl("replace", "--raw", SCALE, "-f", "-", body=scale)
            assert done.code == 0 or "Conflict" in done.error, done.error

    def answering(self, service: str = "flights") -> set[str]:
        """Return the pods that requests reach by a Service: those in its slices."""
        found = self.kubectl(
            "get", "endpointslices", "-n", SPACE, "-o", "json",
            "-l", f"kubernetes.io/service-name={service}",
        )  # fmt: skip
        return {
            endpoint["targetRef"]["name"]
            for each in json.loads(found.out)["items"]
            for endpoint in each["endpoints"] or []
            if endpoint["conditions"].get("ready")
        }


def test_an_autoscaler_scales_through_a_canary_and_is_not_misled_by_it(
    server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    scaler = Autoscaler(kubectl)

    def status() -> dict[str, Any]:
        got = kubectl("get", "md", "flights", "-n", SPACE, "-o", "json")
        found: dict[str, Any] = json.loads(got.out).get("status", {})
        return found

    def paused() -> bool:
        return any(
            c["type"] == "Paused" and c["status"] == "True" for c in status().get("conditions", [])
        )

    def looks(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            scaler.look()
            time.sleep(0.5)

    def looking(so: bool) -> bool:
        scaler.look()
        return so

    assert kubectl("create", "namespace", SPACE).code == 0
    objects = install(kubectl, *only(SPACE))
    assert kubectl("apply", "-f", "-", body=node()).code == 0
    with (
        controlled(server, tmp_path, "kwok"),
        running(server, kubectl, objects, tmp_path, "scaling") as operator,
    ):
        wait("it is ready", lambda: answers(operator, "readyz"))
        assert kubectl("apply", "-f", "-", body=deployment(0)).code == 0
        wait("it is scaled to the load", lambda: looking(len(scaler.answering()) == LOAD), 90)
        assert kubectl("apply", "-f", "-", body=deployment(8)).code == 0
        begun = len(scaler.written)
        wait("half of the requests go to the canary", lambda: looking(paused()), 90)
        looks(3)
        assert len(scaler.answering()) == 2 * LOAD  # stable has all of its own
        told = status()
        assert told["replicas"] == 2 * LOAD and " in (" in told["selector"]
        assert told["address"]["canaryUrl"] == f"http://flights-canary.{SPACE}.svc"
        alone = scaler.answering("flights-canary")
        assert alone < scaler.answering() and len(alone) == LOAD
        request = "perennial.dev/request=promote/1"
        assert kubectl("annotate", "md", "flights", "-n", SPACE, request).code == 0
        wait(
            "it was promoted",
            lambda: looking(not paused() and len(scaler.answering()) == LOAD),
            90,
        )
        looks(3)
        assert kubectl("get", "svc", "flights-canary", "-n", SPACE).code != 0
        assert set(scaler.written[begun:]) == {LOAD}
        owners = kubectl("get", "md", "flights", "-n", SPACE, "-o", "json", "--show-managed-fields")
        fields = json.loads(owners.out)["metadata"]["managedFields"]
        ours = [f for f in fields if "f:replicas" in f["fieldsV1"].get("f:spec", {})]
        assert {f.get("subresource") for f in ours} == {"scale"}
        assert operator.process.poll() is None
        assert kubectl("delete", "namespace", SPACE, "--timeout=90s").code == 0
        assert kubectl("delete", "node", "kwok-0").code == 0
    assert "reconcile failed" not in operator.log.read_text()
