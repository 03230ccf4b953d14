"""`make freeze-base`: let the present version come into a representative state, and keep it.

A real API server with Kubernetes' own controllers, the operator with the chart's rights, a store,
and a node that runs the pods' own programs. What is kept is what they said.
"""

import argparse
import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnx
from asking import ROOT, Kubectl
from bad_models import failing
from controllers import client, controlled
from operators import NAMESPACE as SYSTEM
from operators import Operator, install, running

from localcluster import apiserver
from upgrade import node, scene, store, traffic
from upgrade.base import BASES
from upgrade.node import Node
from upgrade.record import Recorder
from upgrade.store import Store

Json = dict[str, Any]

SECRET, MANIFEST = "perennial-store", "manifest.json"
SETTINGS = ("store.embedded.enabled=false", f"store.existingSecret={SECRET}")
PATIENCE_SECONDS = 240


def main() -> None:
    """Freeze the present version."""
    parser = argparse.ArgumentParser(prog="make freeze-base", description=__doc__)
    parser.add_argument("--again", action="store_true", help="in place of what was frozen before")
    chosen = parser.parse_args()
    version = importlib.metadata.version("perennial")
    into = BASES / version
    if into.exists() and not chosen.again:
        sys.exit(f"{into.relative_to(ROOT)} is there: what was released is never frozen anew")
    commit = _commit()
    with tempfile.TemporaryDirectory(prefix="perennial-base-") as place:
        made = Path(place) / "made"
        freeze(made, Path(place), version, commit)
        shutil.rmtree(into, ignore_errors=True)
        shutil.copytree(made, into)
    print(f"frozen: {into.relative_to(ROOT)}")


def freeze(into: Path, place: Path, version: str, commit: str) -> None:
    """Write what is to be kept into a directory; ``place`` is for what is not."""
    with (
        store.serving(place) as s3,
        apiserver.running() as server,
        controlled(server, place),
    ):
        kubectl = client(server)
        _prepare(kubectl, s3)
        chart = install(kubectl, *SETTINGS)
        runs = Node(kubectl, scene.NAMESPACE, place / "pods")
        with runs.at_work():
            with running(server, kubectl, chart, place, "base") as operator, traffic.sent(runs):
                _Stage(kubectl, s3, runs, operator).play()
                metrics = traffic.get(f"{operator.metrics}/metrics")
            # Nobody writes any more, and all is as the operator left it.
            Recorder(kubectl, into, place).write(version, commit, runs, s3, metrics)


def _prepare(kubectl: Kubectl, s3: Store) -> None:
    """Bring in the kinds, the node, the namespace and the store's Secret."""
    crds = kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    assert crds.code == 0, crds.error
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    node.made(kubectl)
    for name in (SYSTEM, scene.NAMESPACE):
        assert kubectl("create", "namespace", name).code == 0
    kubectl("label", "namespace", scene.NAMESPACE, "perennial.dev/default-store=allowed")
    meta = {"name": SECRET, "namespace": SYSTEM}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": s3.settings}
    assert kubectl("create", "-f", "-", body=secret).code == 0


class _Stage:
    """The way to the state that is kept."""

    def __init__(self, kubectl: Kubectl, s3: Store, runs: Node, operator: Operator) -> None:
        self._kubectl, self._s3, self._runs, self._operator = kubectl, s3, runs, operator

    def play(self) -> None:
        """Ask for everything, and wait until all of it is as it is to be kept."""
        self._apply(scene.training())
        self._until("a run has ended", self._has_champion)
        good = self._get("mt", "trained")["status"]["champion"]["sha256"]
        (other,) = (digest for digest in self._s3.digests() if digest != good)
        bad, asks_more = self._bad(good), self._asks_more(good)
        self._apply(scene.version("imported", other), scene.version("refuted", bad))
        self._apply(*scene.deployments(good), scene.monitor())
        for name in scene.STATES:
            self._until(f"{name} serves", partial(self._is, name, scene.is_serving))
        newer = {"artifact": {"uri": scene.place(other), "sha256": other}}
        self._change("rolled-back", {"artifact": None, "versionRef": {"name": "refuted"}})
        self._change("kept", newer)
        self._change("paused", newer)
        self._change("preview", newer)
        self._change("differs", {"artifact": {"uri": scene.place(asks_more), "sha256": asks_more}})
        self._until("the monitor has a history", self._has_history)
        for name in ("rolled-back", "kept", "paused", "preview", "differs"):
            self._until(f"{name} is so", partial(self._is, name, scene.STATES[name]))
        self._change("midway", newer)  # last, since it goes on
        self._until("all are as they are to be", self._is_complete)

    def _is_complete(self) -> bool:
        return all(self._is(name, holds) for name, holds in scene.STATES.items())

    def _has_champion(self) -> bool:
        return "champion" in self._get("mt", "trained").get("status", {})

    def _has_history(self) -> bool:
        status = self._get("dm", "watching").get("status", {})
        known = [e for e in status.get("history", []) if e["drifted"] != "Unknown"]
        return len(known) > 2

    def _is(self, name: str, holds: Callable[[Json], bool]) -> bool:
        status = self._get("md", name).get("status", {})
        return bool(status.get("conditions")) and holds(status)

    def _bad(self, good: str) -> str:
        """Publish a model that fails for nearly every request; return its digest."""
        files = self._files(good)
        return self._s3.publish({**files, "model.onnx": failing(files["model.onnx"])})

    def _asks_more(self, good: str) -> str:
        """Publish a model with one more input; return its digest."""
        files = self._files(good)
        model, manifest = onnx.load_from_string(files["model.onnx"]), json.loads(files[MANIFEST])
        model.graph.input.add().CopyFrom(model.graph.input[0])
        model.graph.input[-1].name = "visits"
        takes = manifest["signature"]["inputs"]
        takes.append({**takes[0], "name": "visits"})
        changed = {"model.onnx": model.SerializeToString(), MANIFEST: json.dumps(manifest).encode()}
        return self._s3.publish({**files, **changed})

    def _files(self, digest: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self._s3.artifact(digest).iterdir()}

    def _apply(self, *bodies: Json) -> None:
        for body in bodies:
            done = self._kubectl("apply", "-f", "-", body=body)
            assert done.code == 0, done.error

    def _change(self, name: str, model: Json) -> None:
        patch = json.dumps({"spec": {"model": model}})
        done = self._kubectl(
            "patch", "md", name, "-n", scene.NAMESPACE, "--type=merge", "-p", patch
        )
        assert done.code == 0, done.error

    def _get(self, kind: str, name: str) -> Json:
        found = self._kubectl("get", kind, name, "-n", scene.NAMESPACE, "-o", "json")
        body: Json = json.loads(found.out) if found.code == 0 else {}
        return body

    def _until(self, what: str, so: Callable[[], bool]) -> None:
        """Wait until something is so.

        Raises:
            RuntimeError: it did not become so, or the operator or a pod has failed.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not so():
            is_late = time.monotonic() > deadline
            if is_late or self._runs.faults or self._operator.process.poll() is not None:
                told = self._kubectl("get", "md,mt,dm,pods", "-n", scene.NAMESPACE, "-o", "wide")
                log = self._operator.log.read_text()[-4000:]
                raise RuntimeError(f"{what}: not so\n{self._runs.faults}\n{told.out}\n{log}")
            time.sleep(0.5)
        print(what, file=sys.stderr, flush=True)


def _commit() -> str:
    """Return the commit that is frozen; end where the checkout is not as it is in one."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    if changed := git("status", "--porcelain", "--", ".", f":!{BASES.relative_to(ROOT)}"):
        sys.exit(f"commit these first, for a base is made of a commit:\n{changed.rstrip()}")
    return git("rev-parse", "HEAD").strip()


if __name__ == "__main__":
    main()
