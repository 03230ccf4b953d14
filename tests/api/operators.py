"""The operator as a process, with the rights and the environment that the chart gives it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asking import ROOT, Kubectl

from chart import NAMESPACE, RELEASE, environment, render
from localcluster import credentials
from localcluster.apiserver import ApiServer, free_ports

USER = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
RIGHTS = ("ServiceAccount", "Secret", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


@dataclass(frozen=True)
class Operator:
    """An operator that runs."""

    process: subprocess.Popen[bytes]
    health: str
    metrics: str
    log: Path


def only(*namespaces: str) -> tuple[str, ...]:
    """Return the chart's settings for an operator that watches these, and trusts them."""
    names = json.dumps(namespaces)
    return f"watchNamespaces:={names}", f"store.namespaces:={names}"


def install(kubectl: Kubectl, *settings: str) -> list[dict[str, Any]]:
    """Give the account what the chart gives it, and no more; return all that the chart makes."""
    objects = render(*settings)
    kubectl("delete", "clusterrolebinding", RELEASE, "--ignore-not-found")
    body = {"apiVersion": "v1", "kind": "List"}
    body["items"] = [o for o in objects if o["kind"] in RIGHTS]
    kubectl("create", "namespace", NAMESPACE)
    done = kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", body=body)
    assert done.code == 0, done.error
    return objects


@contextlib.contextmanager
def running(
    server: ApiServer, kubectl: Kubectl, objects: list[dict[str, Any]], place: Path, name: str
) -> Iterator[Operator]:
    """Run an operator as the chart's account; end it as the kubelet does."""
    token = kubectl("create", "token", RELEASE, "-n", NAMESPACE).out.strip()
    file = place / f"{name}.kubeconfig"
    file.write_text(credentials.kubeconfig(server.url, server.authority, token))
    health, metrics = free_ports(2)
    paths = [ROOT / "operator", ROOT / "artifact"]
    env = {
        **environment(objects),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(map(str, paths)),
        "KUBECONFIG": str(file),
        "HOSTNAME": name,
        "PERENNIAL_HEALTH_PORT": str(health),
        "PERENNIAL_METRICS_PORT": str(metrics),
    }
    log = place / f"{name}.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "perennial"]
        process = subprocess.Popen(command, cwd=place, env=env, stdout=out, stderr=out)
    urls = [f"http://127.0.0.1:{port}" for port in (health, metrics)]
    try:
        yield Operator(process, urls[0], urls[1], log)
    finally:
        process.terminate()
        process.wait(20)
