"""A node whose containers are processes of this machine: real servers, and a real trainer.

Each pod has an address of loopback's for itself, so that its containers have their usual ports.
Only what the base is made of is here: no sandbox, no restart, no limit.
"""

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asking import Kubectl

from upgrade.base import FORMAT, NETWORK

Json = dict[str, Any]

NAME = "base"
MESSAGE_BYTES = 4096
"""Of a termination message that a kubelet keeps."""
MOUNTED = {
    "fetch": {
        "PERENNIAL_MODEL_DIR": "/perennial/model",
        "PERENNIAL_SECRETS": "/perennial-secrets/store",
    },
    "server": {"PERENNIAL_MODEL_DIR": "/perennial/model"},
    "train": {"PERENNIAL_RUN": "/perennial/run.json", "PERENNIAL_SECRETS": "/perennial-secrets"},
}
"""Where containers, by their names, look for what is mounted when nobody tells them otherwise."""


def made(kubectl: Kubectl) -> None:
    """Register the node, which is ready."""
    room = {"cpu": "64", "memory": "256Gi", "pods": "200"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}
    moments = {"lastHeartbeatTime": _now(), "lastTransitionTime": _now()}
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}}
    status = {"capacity": room, "allocatable": room, "conditions": [{**ready, **moments}]}
    assert kubectl("create", "-f", "-", body=body).code == 0
    patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
    assert kubectl("patch", "node", NAME, *patch).code == 0


@dataclass(frozen=True)
class Served:
    """Where a pod serves a model, and what that is called."""

    address: str
    model: str


@dataclass
class Node:
    """What runs the pods of one namespace."""

    kubectl: Kubectl
    namespace: str
    place: Path
    addresses: dict[str, str] = field(default_factory=dict)
    """Of pods that were begun, by uid."""
    serving: dict[str, Served] = field(default_factory=dict)
    """The pods that are ready, by name."""
    faults: list[str] = field(default_factory=list)
    _running: dict[str, list[subprocess.Popen[bytes]]] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Run pods meanwhile."""
        watching = threading.Thread(target=self._watch)
        watching.start()
        try:
            yield
        finally:
            self._ended.set()
            watching.join()
            for uid in self._running:
                self._stop(uid)

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            found = self.kubectl("get", "pods", "-n", self.namespace, "-o", "json")
            for pod in json.loads(found.out)["items"] if found.code == 0 else []:
                self._look(pod)

    def _look(self, pod: Json) -> None:
        meta = pod["metadata"]
        if "deletionTimestamp" in meta:
            self.serving.pop(meta["name"], None)
            self._stop(meta["uid"])
            now = ("--grace-period=0", "--force", "--wait=false")
            self.kubectl("delete", "pod", meta["name"], "-n", self.namespace, *now)
        elif "nodeName" in pod["spec"] and meta["uid"] not in self.addresses:
            self.addresses[meta["uid"]] = f"{NETWORK}{len(self.addresses) + 1}"
            self._running[meta["uid"]] = []
            threading.Thread(target=self._begin, args=(pod,), daemon=True).start()

    def _stop(self, uid: str) -> None:
        for process in self._running.get(uid, []):
            process.kill()
            process.wait()

    def _begin(self, pod: Json) -> None:
        try:
            _Sandbox(self, pod).run()
        except Exception as error:
            self.faults.append(f"{pod['metadata']['name']}: {error!r}")

    def keep(self, uid: str, process: subprocess.Popen[bytes]) -> None:
        """Note a process, which ends with its pod."""
        self._running[uid].append(process)


class _Sandbox:
    """One pod on its way."""

    def __init__(self, node: Node, pod: Json) -> None:
        self._node, self._pod = node, pod
        self._meta, self._spec = pod["metadata"], pod["spec"]
        self._address = node.addresses[self._meta["uid"]]
        self._place = node.place / self._meta["name"]
        self._began = _now()

    def run(self) -> None:
        """Run init containers, then the main one; tell how far it is."""
        for volume in self._spec.get("volumes", []):
            self._fill(volume)
        for container in self._spec.get("initContainers", []):
            if container.get("restartPolicy") != "Always":
                self._check(container, self._start(container).wait())
        (main,) = self._spec["containers"]
        process = self._start(main)
        if self._spec["restartPolicy"] == "Never":
            self._tell("Running", False)
            self._check(main, process.wait())
            self._tell("Succeeded", False, 0)
            return
        url = f"http://{self._address}:9090/v2/health/ready"
        while not _answers(url):
            self._check(main, process.poll())
            time.sleep(0.2)
        self._tell("Running", True)
        model = self._meta["labels"]["perennial.dev/deployment"]
        self._node.serving[self._meta["name"]] = Served(self._address, model)

    def _check(self, container: Json, code: int | None) -> None:
        if code:
            log = (self._place / container["name"] / "log").read_text()
            raise RuntimeError(f"{container['name']} ended with {code}: {log[-2000:]}")

    def _fill(self, volume: Json) -> None:
        """Make a volume; of a ConfigMap or a Secret with its files."""
        place = self._place / "volumes" / volume["name"]
        place.mkdir(parents=True)
        if "configMap" in volume:
            data = self._read("configmap", volume["configMap"]["name"])["data"]
            for item in volume["configMap"]["items"]:
                (place / item["path"]).write_text(data[item["key"]])
        elif "secret" in volume:
            for name, value in self._read("secret", volume["secret"]["secretName"])["data"].items():
                (place / name).write_bytes(base64.b64decode(value))

    def _read(self, kind: str, name: str) -> Json:
        found = self._node.kubectl("get", kind, name, "-n", self._node.namespace, "-o", "json")
        assert found.code == 0, found.error
        body: Json = json.loads(found.out)
        return body

    def _start(self, container: Json) -> subprocess.Popen[bytes]:
        root = self._place / container["name"]
        for mount in container.get("volumeMounts", []):
            link = root / mount["mountPath"].strip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(self._place / "volumes" / mount["name"])
        own = {e["name"]: e["value"] for e in container.get("env", []) if "value" in e}
        labels = self._meta.get("labels", {})
        for name, text in (MOUNTED.get(container["name"], {}) | own).items():
            own[name] = f"{root}{text}" if text.startswith("/perennial") else text
        environment = {
            "OMP_NUM_THREADS": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(root),
            "PERENNIAL_HOST": self._address,
            "PERENNIAL_WORKERS": "1",
            "PERENNIAL_MEMORY_BYTES": str(2**30),
            "PERENNIAL_TERMINATION_LOG": str(root / "termination-log"),
            "JOB_COMPLETION_INDEX": labels.get("batch.kubernetes.io/job-completion-index", "0"),
            **own,
        }
        root.mkdir(parents=True, exist_ok=True)
        with (root / "log").open("wb") as log:
            command = container["command"]
            process = subprocess.Popen(command, env=environment, cwd=root, stdout=log, stderr=log)
        self._node.keep(self._meta["uid"], process)
        return process

    def _tell(self, phase: str, is_ready: bool, code: int | None = None) -> None:
        """Write the pod's status as a kubelet does."""
        running = {"running": {"startedAt": self._began}}
        (main,) = self._spec["containers"]
        status: Json = {
            "phase": phase,
            "hostIP": "10.0.0.1",
            "hostIPs": [{"ip": "10.0.0.1"}],
            "podIP": self._address,
            "podIPs": [{"ip": self._address}],
            "startTime": self._began,
            "qosClass": "Burstable",
            "conditions": [
                {"type": kind, "status": str(holds), "lastTransitionTime": _now()}
                for kind, holds in (
                    ("Initialized", True),
                    ("PodReadyToStartContainers", code is None),
                    ("ContainersReady", is_ready),
                    ("Ready", is_ready),
                )
            ],
            "initContainerStatuses": [
                _container(
                    c, running if c.get("restartPolicy") == "Always" else self._ended(c, 0), True
                )
                for c in self._spec.get("initContainers", [])
            ],
            "containerStatuses": [
                _container(main, running if code is None else self._ended(main, code), is_ready)
            ],
        }
        as_kubelet = ("--subresource=status", "--field-manager=kubelet", "--type=strategic")
        patch = (*as_kubelet, "-p", json.dumps({"status": status}))
        done = self._node.kubectl(
            "patch", "pod", self._meta["name"], "-n", self._node.namespace, *patch
        )
        assert done.code == 0, done.error

    def _ended(self, container: Json, code: int) -> Json:
        log = self._place / container["name"] / "termination-log"
        message = log.read_bytes()[:MESSAGE_BYTES].decode() if log.exists() else ""
        reason = "Completed" if code == 0 else "Error"
        times = {"startedAt": self._began, "finishedAt": _now()}
        told = {"message": message} if message else {}
        return {"terminated": {"exitCode": code, "reason": reason, **times, **told}}


def _container(container: Json, state: Json, is_ready: bool) -> Json:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": is_ready,
        "started": "running" in state,
        "restartCount": 0,
        "state": state,
    }


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _now() -> str:
    return time.strftime(FORMAT, time.gmtime())
