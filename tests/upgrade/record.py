"""Write down what is to be kept: objects, artifacts, and what the base's programs answered."""

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

import msgspec
from asking import ROOT, Kubectl

from perennial_artifact.profile import Profile
from perennial_artifact.windows import Window
from upgrade import scene, traffic
from upgrade.base import FORMAT
from upgrade.node import Node, Served
from upgrade.store import Store

Json = dict[str, Any]

OURS = "modeltrainings,modelversions,modeldeployments,driftmonitors"
CHILDREN = "deployments,controllerrevisions,services,jobs,configmaps,pods"
MADE_OF_THEM = "replicasets"
LABELLED = ("-l", "app.kubernetes.io/managed-by=perennial")
WINDOW_SECONDS = 120
"""A multiple of the width of all buckets that are in it."""


class Recorder:
    """Writes a base into a directory."""

    def __init__(self, kubectl: Kubectl, into: Path, place: Path) -> None:
        """Write into a directory; nothing there may name ``place``, nor tell a secret."""
        self._kubectl, self._into, self._place = kubectl, into, place

    def write(self, version: str, commit: str, node: Node, store: Store, metrics: bytes) -> None:
        """Write all that is kept.

        Args:
            version: of the base.
            commit: of which it is made.
            node: whose pods still serve.
            store: where the trainer has published.
            metrics: what the operator told of itself.

        Raises:
            RuntimeError: something in it would tell a secret, or a path of this machine.
        """
        frozen = time.strftime(FORMAT, time.gmtime())
        about = {"version": version, "commit": commit, "time": frozen}
        self._json("base.json", {**about, "namespace": scene.NAMESPACE})
        for crd in (ROOT / "crds").glob("*.yaml"):
            self._bytes(f"crds/{crd.name}", crd.read_bytes())
        objects = self._objects()
        for body in objects:
            self._json(f"objects/{body['kind']}/{body['metadata']['name']}.json", body)
        self._run(objects, store)
        self._pods(node)
        self._json("operator/metrics.json", names(metrics.decode()))
        for reader in (Window, Profile):
            self._json(f"readers/{reader.__name__.lower()}.json", msgspec.json.schema(reader))
        self._keeps_no_secret()

    def _objects(self) -> list[Json]:
        found = self._list(OURS) + self._list(CHILDREN, *LABELLED) + self._list(MADE_OF_THEM)
        for body in found:
            del body["metadata"]["resourceVersion"]  # another API server counts anew
        return found

    def _list(self, kinds: str, *more: str) -> list[Json]:
        done = self._kubectl(
            "get", kinds, "-n", scene.NAMESPACE, *more, "-o", "json", "--show-managed-fields"
        )
        assert done.code == 0, done.error
        items: list[Json] = json.loads(done.out)["items"]
        return items

    def _run(self, objects: list[Json], store: Store) -> None:
        """Keep what the trainer was told, what it told, and the artifact that it published."""
        for body in objects:
            name = body["metadata"]["name"]
            if body["kind"] == "ConfigMap" and "run.json" in body["data"]:
                self._bytes(f"run/{name}/run.json", body["data"]["run.json"].encode())
            elif body["kind"] == "Pod" and "job-name" in body["metadata"]["labels"]:
                for status in body["status"]["containerStatuses"]:
                    message = status["state"]["terminated"]["message"].encode()
                    index = body["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]
                    self._bytes(f"run/messages/{status['name']}-{index}.json", message)
        training = next(b for b in objects if b["kind"] == "ModelTraining")
        digest = training["status"]["champion"]["sha256"]
        for file in store.artifact(digest).iterdir():
            self._bytes(f"artifact/{file.name}", file.read_bytes())

    def _pods(self, node: Node) -> None:
        """Keep what each serving pod answers: its newest closed window, and what it serves."""
        for name, pod in node.serving.items():
            end = int(time.time() - 1) // 5 * 5
            asked = f"from={end - WINDOW_SECONDS}&to={end}"
            port = f"http://{pod.address}:9090"
            self._bytes(f"pods/{name}/window.json", traffic.get(f"{port}/window?{asked}"))
            self._bytes(f"pods/{name}/metadata.json", traffic.get(traffic.url(pod)))
            if pod.model == "followed":
                self._server(pod)

    def _server(self, pod: Served) -> None:
        """Keep what a server tells of itself, and a request with its answer."""
        self._bytes("server/v2.json", traffic.get(f"http://{pod.address}:8080/v2"))
        metrics = traffic.get(f"http://{pod.address}:9090/metrics")
        self._json("server/metrics.json", names(metrics.decode()))
        body = next(traffic.bodies(pod))
        self._bytes("server/request.json", body)
        self._bytes("server/answer.json", traffic.infer(pod, body))

    def _keeps_no_secret(self) -> None:
        """Look for values of Secrets, as they are and as the API server writes them, and paths."""
        kept = [value for s in self._list("secrets") for value in s.get("data", {}).values()]
        words = [str(path).encode() for path in (self._place, ROOT, Path.home())]
        words += [text.encode() for text in kept] + [base64.b64decode(text) for text in kept]
        for file in self._into.rglob("*"):
            text = file.read_bytes() if file.is_file() else b""
            if any(word in text for word in words):
                raise RuntimeError(f"{file.relative_to(self._into)} tells a secret, or a path")

    def _json(self, path: str, value: Any) -> None:
        self._bytes(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())

    def _bytes(self, path: str, content: bytes) -> None:
        file = self._into / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def names(exposition: str) -> dict[str, Json]:
    """Return our metrics by name, each with its type and the names of its labels, as far as known.

    A metric is told with its type from the start, its labels only with its first value.
    """
    found: dict[str, Json] = {}
    for name, kind in re.findall(r"^# TYPE (perennial_\w+) (\w+)$", exposition, re.MULTILINE):
        samples = re.findall(rf"^{name}(?:_\w+)?\{{(.*)\}} ", exposition, re.MULTILINE)
        labels = {label for text in samples for label in re.findall(r'(\w+)="', text)}
        found[name] = {"type": kind, "labels": sorted(labels - {"le"})}
    return found


def missed(base: dict[str, Json], now: dict[str, Json]) -> list[str]:
    """Return which metrics, and labels of metrics that have values, are told no more."""
    gone = [f"{name} is gone" for name in base if name not in now]
    for name in base.keys() & now.keys():
        if now[name]["type"] != base[name]["type"]:
            gone.append(f"{name} is a {now[name]['type']} now")
        lost = set(base[name]["labels"]) - set(now[name]["labels"] or base[name]["labels"])
        gone += [f"{name} has no {label} any more" for label in sorted(lost)]
    return gone
