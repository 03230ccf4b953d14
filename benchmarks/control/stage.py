"""An API server with nodes, objects and an operator, on which cases are measured."""

import contextlib
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asking import ROOT, Kubectl
from controllers import client, controlled
from operators import Operator, install, running

from benchmarks.control.objects import node, ours, plain, workload
from benchmarks.control.usage import Used, used
from localcluster import apiserver
from localcluster.apiserver import ApiServer

NODES = 4
PATIENCE_SECONDS = 900
QUIET_SECONDS = 0.1
"""CPU in two seconds below which the operator has made up its mind."""
MODELS = "modeldeployments.perennial.dev"


@dataclass
class Stage:
    """Where cases are measured, one after the other."""

    server: ApiServer
    kubectl: Kubectl
    place: Path
    count: int
    spaces: list[str]
    foreign: int
    """Pods that are nobody's business."""
    rest_seconds: int
    baseline: float
    """Seconds until as many plain Deployments with Services were ready."""
    chart: list[dict[str, Any]]
    took: float = 0.0
    """Seconds until all ModelDeployments were Ready."""
    appeared: Used = field(default_factory=Used)
    """What that used."""
    _running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _operator: Operator | None = None
    _started: int = 0

    @property
    def operator(self) -> Operator:
        """Return the operator that runs."""
        assert self._operator is not None
        return self._operator

    def start_operator(self) -> None:
        """Start an operator, in place of the one that runs, and wait until it has settled."""
        self._running.close()
        self._started += 1
        name = f"operator-{self._started}"
        run = running(self.server, self.kubectl, self.chart, self.place, name)
        self._operator = self._running.enter_context(run)
        self.settle()

    def stop_operator(self) -> None:
        """Stop the operator."""
        self._running.close()

    def settle(self) -> None:
        """Wait until the operator is ready, and has made up its mind."""

        def healthy() -> bool:
            url = f"{self.operator.health}/readyz"
            with contextlib.suppress(OSError), urllib.request.urlopen(url):
                return True
            return False

        until("the operator is ready", healthy)
        before = used(self.operator).seconds
        for _ in range(120):
            time.sleep(2)
            now = used(self.operator).seconds
            if now - before < QUIET_SECONDS:
                return
            before = now


@contextlib.contextmanager
def built(count: int, namespaces: int, foreign: int, rest_seconds: int) -> Iterator[Stage]:
    """Start a stage with so many ModelDeployments, and so many pods that are nobody's business."""
    place = Path(tempfile.mkdtemp(prefix="perennial-benchmark-"))
    spaces = [f"bench-{n}" for n in range(namespaces)]
    with apiserver.running() as server, controlled(server, place, "kwok"):
        kubectl = client(server)
        nodes = {"apiVersion": "v1", "kind": "List", "items": [node(n) for n in range(NODES)]}
        assert kubectl("create", "-f", "-", body=nodes).code == 0
        for name in [*spaces, "foreign"]:
            assert kubectl("create", "namespace", name).code == 0
            kubectl("label", "namespace", name, "perennial.dev/default-store=allowed")
        ready(kubectl, "nodes", NODES)
        if foreign:
            crowd(kubectl, foreign)
        baseline = appear(kubectl, plain(count, spaces), "deployments", count)
        others = "bench=plain,app!=crowd"
        kubectl("delete", "deployments,services", "-A", "-l", others, "--wait=false")
        crds = kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        assert crds.code == 0, crds.error
        kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        chart = install(kubectl)
        stage = Stage(server, kubectl, place, count, spaces, foreign, rest_seconds, baseline, chart)
        try:
            stage.start_operator()
            idle = used(stage.operator)
            stage.took = appear(kubectl, ours(count, spaces), MODELS, count)
            stage.settle()
            stage.appeared = used(stage.operator).since(idle)
            yield stage
        finally:
            stage.stop_operator()


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


def crowd(kubectl: Kubectl, pods: int) -> None:
    """Fill a namespace with pods that are nobody's business."""
    done = kubectl("create", "-f", "-", body=workload("crowd", "foreign", pods))
    assert done.code == 0, done.error
    ask = ("get", "deployment", "crowd", "-n", "foreign", "-o", "jsonpath={.status.readyReplicas}")
    until(f"{pods} foreign pods run", lambda: kubectl(*ask).out == str(pods))
