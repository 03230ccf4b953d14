"""Do to the local cluster's node and its pods what happens to nodes and pods."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localcluster import cluster
from localcluster.state import locate

TABLE = "disruption"


def _processes(word: str, of: str) -> list[int]:
    """Return the processes with a word in one of their files in /proc."""
    found = []
    for place in Path("/proc").glob(f"[0-9]*/{of}"):
        with contextlib.suppress(OSError):
            if word in place.read_text().replace("\0", " "):
                found.append(int(place.parent.name))
    return sorted(found)


def _send(component: str, number: signal.Signals) -> None:
    """Send a signal to a component of this checkout's control plane."""
    lines = {pid: Path(f"/proc/{pid}/cmdline") for pid in _processes(component, "cmdline")}
    told = {pid: place.read_text().split("\0") for pid, place in lines.items()}
    ours = str(locate().directory)
    pids = [p for p, c in told.items() if c[0].endswith(component) and ours in " ".join(c)]
    assert pids, f"no {component} runs"
    for pid in pids:
        os.kill(pid, number)


@contextlib.contextmanager
def no_api_server() -> Iterator[None]:
    """Stop the API server; its connections hang meanwhile.

    What leads by a Lease ends with it, as it does where more than one could lead: a
    controller-manager that had slept so long would take the node for dead.
    """
    _send("kube-apiserver", signal.SIGSTOP)
    try:
        yield
    finally:
        _send("kube-controller-manager", signal.SIGKILL)  # the supervisor starts it again
        _send("kube-apiserver", signal.SIGCONT)


@contextlib.contextmanager
def deaf(pod: dict[str, Any], port: int, source: str = "") -> Iterator[None]:
    """Drop what comes to a port of a pod, of one address or of everybody."""
    pid = _processes(f"pod{pod['metadata']['uid']}", "cgroup")[0]
    enter = ["nsenter", f"--net=/proc/{pid}/ns/net", "nft"]
    whose = f"ip saddr {source} " if source else ""
    rules = (
        f"table inet {TABLE} {{\nchain input {{\ntype filter hook input priority 0\n"
        f"{whose}tcp dport {port} drop\n}}\n}}\n"
    )
    subprocess.run([*enter, "-f", "-"], input=rules, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run([*enter, "delete", "table", "inet", TABLE], check=False)


def flap(pod: dict[str, Any], times: int, seconds: float) -> None:
    """Make a pod unready and ready again, as its node sees it, while there is the pod."""
    gateway = locate().pods.split("/")[0].rsplit(".", 1)[0] + ".1"
    for _ in range(times):
        if not _processes(f"pod{pod['metadata']['uid']}", "cgroup"):
            return  # the rollout has gone on without it
        with deaf(pod, 9090, gateway):  # where the node asks
            time.sleep(seconds)
        time.sleep(seconds)


def is_ours() -> bool:
    """Tell whether the cluster is the one whose node can be reached into."""
    return cluster.holder(locate()) is not None
