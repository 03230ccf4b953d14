"""`make benchmark-operator`: what the operator costs, beside plain Deployments and Services.

A real API server with its controllers and scheduler; nodes and pods only say that they run (kwok),
so that thousands fit on a small machine. The same number of plain Deployments with Services is
the baseline of the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asking import ROOT, Kubectl
from controllers import client, controlled
from operators import Operator, install, running

from localcluster import apiserver
from localcluster.apiserver import ApiServer

SHA = "a" * 64
NODES = 4
REST_SECONDS = 60
EVENTS = 1000
PATIENCE_SECONDS = 900


@dataclass(frozen=True)
class Used:
    """What the operator has used so far."""

    seconds: float
    peak: int
    requests: Counter[str]
    writes: float


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="make benchmark-operator", description=__doc__)
    parser.add_argument("--objects", type=int, default=100, help="ModelDeployments (100)")
    parser.add_argument("--namespaces", type=int, default=5, help="namespaces that they are in (5)")
    options = parser.parse_args()
    count, spaces = options.objects, [f"bench-{n}" for n in range(options.namespaces)]
    place = Path(tempfile.mkdtemp(prefix="perennial-benchmark-"))
    with apiserver.running() as server, controlled(server, place, "kwok"):
        kubectl = client(server)
        nodes = {"apiVersion": "v1", "kind": "List", "items": [node(n) for n in range(NODES)]}
        assert kubectl("create", "-f", "-", body=nodes).code == 0
        for name in spaces:
            assert kubectl("create", "namespace", name).code == 0
            kubectl("label", "namespace", name, "perennial.dev/default-store=allowed")
        ready(kubectl, "nodes", NODES)
        baseline = appear(kubectl, plain(count, spaces), "deployments", count)
        kubectl("delete", "deployments,services", "-A", "-l", "bench=plain", "--wait=false")
        crds = kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        assert crds.code == 0, crds.error
        kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        objects = install(kubectl)
        report(count, len(spaces), baseline)
        with running(server, kubectl, objects, place, "first") as operator:
            settled(operator)
            idle = used(operator)
            took = appear(kubectl, ours(count, spaces), "modeldeployments.perennial.dev", count)
            what = f"until all are Ready: {took:.1f} s, {took / baseline:.1f} times plain"
            row(what, operator, idle)
            settled(operator)
            resting = used(operator)
            time.sleep(REST_SECONDS)
            row(f"{REST_SECONDS} s at rest", operator, resting)
            before = used(operator)
            kubectl("scale", "modeldeployments.perennial.dev/m-0", "-n", spaces[0], "--replicas=2")
            settled(operator)
            row("one edit: replicas", operator, before)
        with running(server, kubectl, objects, place, "second") as operator:
            settled(operator)
            nothing = Used(0.0, 0, Counter(), 0.0)
            row("a restart, start of Python included", operator, nothing)
        alone = kopf(server, kubectl, count)
        print(f"\n{alone:.2f} ms of CPU an event with an empty handler, Kopf alone.")


def report(count: int, spaces: int, baseline: float) -> None:
    """Print the head of the table."""
    print(f"{count} ModelDeployments of one replica in {spaces} namespaces; the same number of")
    print(f"plain Deployments with Services took {baseline:.1f} s.\n")
    print("| what | CPU s | peak MiB | GET | PATCH | POST | other | writes |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")


def row(what: str, operator: Operator, before: Used) -> None:
    """Print what was used since a moment."""
    now = used(operator)
    asked = now.requests - before.requests
    verbs = [asked.pop(verb, 0) for verb in ("GET", "PATCH", "POST")]
    told = [f"{now.seconds - before.seconds:.1f}", f"{now.peak / 2**20:.0f}", *map(str, verbs)]
    told += [str(asked.total()), f"{now.writes - before.writes:.0f}"]
    print(f"| {what} | {' | '.join(told)} |", flush=True)


def kopf(server: ApiServer, kubectl: Kubectl, count: int) -> float:
    """Return the milliseconds of CPU that an event costs where nothing is done about it."""
    command = [sys.executable, "-m", "kopf", "run", "-A", "--standalone", "-m"]
    env = {**os.environ, "KUBECONFIG": str(server.kubeconfig)}
    process = subprocess.Popen(
        [*command, "benchmarks.empty_handler"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(15)  # it lists, and watches
        before = cpu(process.pid)
        for n in range(EVENTS // count):
            kubectl("annotate", "modeldeployments", "-A", "--all", "--overwrite", f"bench={n}")
        time.sleep(5)
        return 1000 * (cpu(process.pid) - before) / (EVENTS // count * count)
    finally:
        process.terminate()
        process.wait(20)


def cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def used(operator: Operator) -> Used:
    """Return what the operator's process and its metrics say."""
    process = Path(f"/proc/{operator.process.pid}")
    seconds = cpu(operator.process.pid)
    peak = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    assert peak is not None
    requests: Counter[str] = Counter()
    writes = 0.0
    with urllib.request.urlopen(f"{operator.metrics}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    for verb, number in re.findall(
        r'^rest_client_requests_total\{.*method="(\w+)".*\} ([\d.e+]+)$', text, re.MULTILINE
    ):
        requests[verb] += int(float(number))
    for number in re.findall(r"^perennial_api_writes_total\{.*\} ([\d.e+]+)$", text, re.MULTILINE):
        writes += float(number)
    return Used(seconds, int(peak[1]) * 1024, requests, writes)


def settled(operator: Operator) -> None:
    """Wait until it is ready, and has made up its mind: few requests in a row of looks."""

    def healthy() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{operator.health}/readyz"):
            return True
        return False

    until("the operator is ready", healthy)
    before = used(operator).seconds
    for _ in range(120):
        time.sleep(2)
        now = used(operator).seconds
        if now - before < 0.1:
            return
        before = now


def until(what: str, so: Callable[[], bool]) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it did not become so.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not so():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.5)


def ready(kubectl: Kubectl, kind: str, count: int) -> None:
    """Wait until so many objects are Ready or Available."""
    path = '{.items[*].status.conditions[?(@.type=="%s")].status}'
    type = "Available" if kind == "deployments" else "Ready"
    ask = ("get", kind, "-A", "-o", f"jsonpath={path % type}")
    until(f"{count} {kind} are ready", lambda: kubectl(*ask).out.split().count("True") >= count)


def appear(kubectl: Kubectl, items: list[dict[str, Any]], kind: str, count: int) -> float:
    """Create objects; return the seconds until all are ready."""
    began = time.monotonic()
    body = {"apiVersion": "v1", "kind": "List", "items": items}
    done = kubectl("create", "-f", "-", "-o", "name", body=body)
    assert done.code == 0, done.error
    ready(kubectl, kind, count)
    return time.monotonic() - began


def plain(count: int, spaces: list[str]) -> list[dict[str, Any]]:
    """Return Deployments with Services, as many as ours make."""
    found = []
    for n in range(count):
        labels = {"bench": "plain", "app": f"p-{n}"}
        meta = {"name": f"p-{n}", "namespace": spaces[n % len(spaces)], "labels": labels}
        pod = {"containers": [{"name": "c", "image": "none"}]}
        template = {"metadata": {"labels": labels}, "spec": pod}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        found.append(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
        )
        ports = {"selector": labels, "ports": [{"port": 80}]}
        found.append({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": ports})
    return found


def ours(count: int, spaces: list[str]) -> list[dict[str, Any]]:
    """Return ModelDeployments of one replica."""
    artifact = {"uri": "s3://models/x/", "sha256": SHA}
    return [
        {
            "apiVersion": "perennial.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": f"m-{n}", "namespace": spaces[n % len(spaces)]},
            "spec": {"model": {"artifact": artifact}},
        }
        for n in range(count)
    ]


def node(number: int) -> dict[str, Any]:
    """Return a node that has room for everything."""
    room = {"cpu": "1000", "memory": "4Ti", "pods": "10000"}
    meta = {"name": f"node-{number}", "annotations": {"kwok.x-k8s.io/node": "fake"}}
    status = {"allocatable": room, "capacity": room}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "status": status}


if __name__ == "__main__":
    main()
