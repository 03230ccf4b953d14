"""Rows, models and logs in PersistentVolumeClaims."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from test_feedback import condition, forwarded, manifest, post

from flights import demo
from localcluster.state import locate

NAME = "claimed"
CLAIMS = ("rows", "models")
ROWS = "x,y\n" + "".join(f"{n % 10},{int(n % 10 > 4)}\n" for n in range(200))
# What root lays down: the pods' user may read it, and write only where the kubelet lets its group.
PREPARE = """
import pathlib, shutil, sys
for name in ("rows", "models"):
    place = pathlib.Path("/disk", name)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o755)
pathlib.Path("/disk/rows/rows.csv").write_text(sys.argv[1])
"""


def prepare(directory: str) -> None:
    """Lay out the disk of the node, by a pod since the node may be a container."""
    deployed = demo.kubectl("get", "deploy", "perennial", "-n", demo.SYSTEM, "-o", "json")
    env = json.loads(deployed)["spec"]["template"]["spec"]["containers"][0]["env"]
    image = next(e["value"] for e in env if e["name"] == "PERENNIAL_TRAINER_IMAGE")
    container = {
        "name": "prepare",
        "image": image,
        "command": ["python3", "-c", PREPARE, ROWS],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "disk", "mountPath": "/disk"}],
    }
    disk = {"name": "disk", "hostPath": {"path": directory, "type": "DirectoryOrCreate"}}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [disk]}
    metadata = {"name": "prepare-disk", "namespace": demo.SYSTEM}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    ended = "--for=jsonpath={.status.phase}=Succeeded"
    demo.kubectl("wait", ended, "pod/prepare-disk", "-n", demo.SYSTEM, "--timeout=30s")
    demo.kubectl("delete", "pod", "prepare-disk", "-n", demo.SYSTEM, "--now")


def bind(directory: str) -> None:
    """Make the claims, each bound to a volume of its own."""
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    any_node = {"key": "kubernetes.io/hostname", "operator": "Exists"}
    items: list[dict[str, Any]] = []
    for name in CLAIMS:
        volume = {
            **common,
            "capacity": {"storage": "1Gi"},
            "claimRef": {"name": name, "namespace": demo.NAMESPACE},
            "local": {"path": f"{directory}/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [any_node]}]}},
        }
        resources = {"requests": {"storage": "1Gi"}}
        claim = {**common, "volumeName": f"claimed-{name}", "resources": resources}
        for kind, metadata, spec in (
            ("PersistentVolume", {"name": f"claimed-{name}"}, volume),
            ("PersistentVolumeClaim", {"name": name, "namespace": demo.NAMESPACE}, claim),
        ):
            items.append({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec})
    whole = {"apiVersion": "v1", "kind": "List", "items": items}
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(whole))


def remove(*how: str) -> None:
    """Remove what this test makes; the volumes go after their claims, these after their pods."""
    mine = (f"md/{NAME}", f"mt/{NAME}", f"mv/{NAME}-1", *(f"pvc/{name}" for name in CLAIMS))
    demo.kubectl("delete", *mine, "-n", demo.NAMESPACE, "--ignore-not-found", *how)
    volumes = (f"pv/claimed-{name}" for name in CLAIMS)
    demo.kubectl("delete", *volumes, "--ignore-not-found", *how)


@pytest.fixture
def disk(answers: Counter[str]) -> Iterator[str]:
    """Give a directory of the node, with rows in it."""
    directory = f"{locate().directory}/volumes/claimed"
    remove("--timeout=60s")
    prepare(directory)
    yield directory
    remove("--wait=false")


def ready(kind: str) -> dict[str, Any]:
    found = demo.get(kind, NAME).get("status", {}).get("conditions", [])
    return next((c for c in found if c["type"] == "Ready"), {})


def seen_by(container: str, path: str) -> str:
    """Return what a container of the serving pod finds in a directory, or the error."""
    revision = demo.revision(name=NAME)["name"]
    code = f"import os\ntry: print(os.listdir({path!r}))\nexcept OSError as e: print(e)"
    pod = f"deploy/{NAME}-{revision}"
    inside = ("-n", demo.NAMESPACE, pod, "-c", container, "--", "python3", "-c", code)
    return demo.kubectl("exec", *inside).strip()


def test_train_from_a_claim_publish_to_one_and_serve_from_it(disk: str) -> None:
    training = {
        "task": "Classification",
        "dataset": {"uri": "pvc://rows/*.csv", "target": "y"},
        "objective": {"metric": "roc_auc"},
        "candidates": [{"name": "linear", "algorithm": "LogisticRegression"}],
        "store": {"uri": "pvc://models/team"},
    }
    demo.kubectl("apply", "-f", "-", stdin=manifest("ModelTraining", NAME, training))
    told = "the missing claim is told"
    demo.wait(told, lambda: ready("mt").get("reason") == "ClaimNotFound", 60)
    assert "create it" in ready("mt")["message"]
    bind(disk)
    demo.wait("it trained", lambda: condition("mt", NAME, "Ready") == "True", 60)
    assert demo.get("mv", f"{NAME}-1")["spec"]["artifact"]["uri"].startswith("pvc://models/team/")

    wanted = {"model": {"trainingRef": {"name": NAME}}, "serving": {"requestLog": {}}}
    demo.kubectl("apply", "-f", "-", stdin=manifest("ModelDeployment", NAME, wanted))
    demo.wait("it serves", lambda: condition("md", NAME, "Ready") == "True", 60)
    with forwarded(f"svc/{NAME}", 80, NAME) as url:
        column = {"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [1, 9]}
        answer = post(f"{url}/infer", json.dumps({"inputs": [column]}).encode())
    assert answer["outputs"][0]["data"] == [0, 1]
    # The shipper may write its log below the store; the server sees no claim at all.
    logs = f"/perennial-volumes/models/team/logs/{demo.NAMESPACE}"
    demo.wait("the log has its place", lambda: seen_by("ship", logs) == f"['{NAME}']", 60)
    assert "No such file" in seen_by("server", "/perennial-volumes")
