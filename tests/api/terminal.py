"""``kubectl perennial`` as a process, and objects that it is asked about."""

import contextlib
import copy
import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import scenes
from asking import ROOT, Answer, Kubectl

from perennial.cli.__main__ import main

PATHS = os.pathsep.join(str(ROOT / part) for part in ("operator", "artifact"))
COMMAND = [sys.executable, "-m", "perennial.cli"]


def environment(kubeconfig: Path | str, **more: str) -> dict[str, str]:
    """Return the environment of a person who has a kubeconfig and a terminal."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    told = {"PYTHONPATH": PATHS, "KUBECONFIG": str(kubeconfig), "TERM": "xterm-256color"}
    return {**kept, **told, "LC_ALL": "C.UTF-8", **more}


def perennial(kubeconfig: Path | str, *arguments: str) -> Answer:
    """Run a command to its end, in this process: to import it takes longer than most of them."""
    out, error, before = io.StringIO(), io.StringIO(), dict(os.environ)
    os.environ.clear()
    os.environ.update(environment(kubeconfig))
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(error),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(sys, "argv", ["kubectl-perennial", *arguments])
            main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Answer(code, out.getvalue(), error.getvalue())


def make(kubectl: Kubectl, namespace: str, bodies: Iterable[Any]) -> None:
    """Make objects with the status that they have, as an operator would have written it."""
    kubectl("create", "namespace", namespace)
    for body in bodies:
        made = copy.deepcopy(body)
        name = made["metadata"]["name"]
        made["metadata"] = {"name": name, "namespace": namespace}
        done = kubectl("apply", "--server-side", "-f", "-", body=made)
        assert done.code == 0, done.error
        write_status(kubectl, namespace, made["kind"], name, body["status"])


def write_status(
    kubectl: Kubectl, namespace: str, kind: str, name: str, status: dict[str, Any]
) -> None:
    patch = {"status": {**status, "observedGeneration": 1}}
    done = kubectl("patch", kind, name, "-n", namespace, "--subresource=status", "--type=merge",
                   "--patch-file=/dev/stdin", body=patch)  # fmt: skip
    assert done.code == 0, done.error


def pods(namespace: str) -> list[Any]:
    """Return the pods of the scenes, with a container, as an API server wants them."""
    found = []
    for pod in scenes.PODS:
        labels = pod["metadata"]["labels"]
        name = pod["metadata"]["name"]
        found.append(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": namespace, "labels": labels},
                "spec": {
                    "containers": [{"name": "server", "image": "serving"}],
                    "automountServiceAccountToken": False,
                },
            }
        )
    return found
