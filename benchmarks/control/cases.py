"""What is measured, each by its name, with what it should cost."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.control.objects import NEXT, ours
from benchmarks.control.stage import MODELS, Stage, until
from benchmarks.control.usage import Asked, Used, cpu, used

CANARIES = 100
EVENTS = 1000
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Result:
    """What was measured."""

    what: str
    used: Used
    met: bool | None = None
    """Whether it costs no more than it should; None where nothing is asked for."""


@dataclass(frozen=True)
class Case:
    """Something to measure, on a stage of its own kind."""

    name: str
    what: str
    aim: str
    measure: Callable[[Stage], Result]
    namespaces: int = 1
    foreign: int = 0
    """Pods that are nobody's business."""
    most_objects: int | None = None


def start(stage: Stage) -> Result:
    """Until all objects are Ready."""
    ratio = stage.took / stage.baseline
    share = 1000 * stage.appeared.seconds / stage.count
    told = f"until all are Ready: {stage.took:.1f} s, {ratio:.1f} times plain; {share:.1f} ms each"
    return Result(told, stage.appeared, met=ratio <= 1.5 and share < 20)


def rest(stage: Stage) -> Result:
    """While nothing changes."""
    before = used(stage.operator)
    time.sleep(stage.rest_seconds)
    spent = used(stage.operator).since(before)
    return Result(f"{stage.rest_seconds} s at rest", spent, met=spent.writes == 0)


def edit(stage: Stage) -> Result:
    """One edit of replicas; not counted are Events, and what is looked at by time.

    That is the Lease, and each half minute in a namespace, whatever happens there, whether it may
    have the chart's store.
    """
    before, asked = used(stage.operator), Asked(stage.server)
    name, space = "m-0", stage.spaces[0]
    stage.kubectl("scale", MODELS, name, "-n", space, "--replicas=2")
    path = "jsonpath={.status.readyReplicas}"
    ask = ("get", MODELS, name, "-n", space, "-o", path)
    until("the edit is done", lambda: stage.kubectl(*ask).out == "2")
    stage.settle()
    requests = asked.count("events", "leases", "namespaces", "secrets")
    told = f"one edit of replicas: {requests} requests"
    return Result(told, used(stage.operator).since(before), met=requests <= 3)


def restart(stage: Stage) -> Result:
    """A new process, from the start of Python until it has settled."""
    stage.start_operator()
    spent = used(stage.operator)
    told = "a restart, start of Python included"
    return Result(told, spent, met=spent.writes == 0 and spent.seconds < 5)


def canaries(stage: Stage) -> Result:
    """Many canaries at once that are held on trial."""
    count = min(CANARIES, stage.count)
    body = {"apiVersion": "v1", "kind": "List"}
    body["items"] = ours(count, stage.spaces, NEXT)  # type: ignore[assignment]
    done = stage.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", body=body)
    assert done.code == 0, done.error
    ask = ("get", MODELS, "-A", "-o", "jsonpath={.items[*].status.printed.weight}")
    until("all canaries take traffic", lambda: stage.kubectl(*ask).out.count("50/50") >= count)
    before, asked, began = used(stage.operator), Asked(stage.server), time.monotonic()
    time.sleep(stage.rest_seconds)
    rate = asked.count("leases") / (time.monotonic() - began)
    told = f"{count} canaries on trial for {stage.rest_seconds} s: {rate:.0f} requests a second"
    return Result(told, used(stage.operator).since(before), met=rate < 50)


def foreign(stage: Stage) -> Result:
    """Beside a crowd of pods that are nobody's business."""
    spent = used(stage.operator)
    told = f"{stage.count} objects beside {stage.foreign} foreign pods, start of Python included"
    return Result(told, spent, met=spent.peak < 150 * MEBIBYTE)


def kopf(stage: Stage) -> Result:
    """Kopf alone, with a handler that does nothing; the operator does not run meanwhile."""
    stage.stop_operator()
    command = [sys.executable, "-m", "kopf", "run", "-A", "--standalone", "-m"]
    env = {**os.environ, "KUBECONFIG": str(stage.server.kubeconfig)}
    process = subprocess.Popen(
        [*command, "benchmarks.control.empty_handler"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(15)  # it lists, and watches
        before = cpu(process.pid)
        rounds = max(1, EVENTS // stage.count)
        for n in range(rounds):
            stage.kubectl("annotate", MODELS, "-A", "--all", "--overwrite", f"bench={n}")
        time.sleep(5)
        spent = cpu(process.pid) - before
        share = 1000 * spent / (rounds * stage.count)
        return Result(f"Kopf alone: {share:.2f} ms an event", Used(spent))
    finally:
        process.terminate()
        process.wait(20)


EACH = "1.5 times plain; 20 ms of CPU each"
CASES = (
    Case("start", "all objects in one namespace appear", EACH, start),
    Case("rest", "nothing changes", "no write", rest),
    Case("edit", "one object is scaled", "3 requests", edit),
    Case("restart", "the operator starts anew", "no write; 5 s of CPU", restart),
    Case("canaries", "100 canaries are on trial at once", "50 requests a second", canaries),
    Case("kopf", "Kopf, whose handler does nothing", "", kopf),
    Case("fifty", "as many in fifty namespaces", EACH, start, namespaces=50),
    Case(
        "foreign",
        "20,000 foreign pods run",
        "150 MiB",
        foreign,
        foreign=20_000,
        most_objects=10,
    ),
)
