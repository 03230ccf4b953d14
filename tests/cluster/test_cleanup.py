"""cluster-down leaves nothing, also after a crash and after a kill in the middle of coming up."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcluster import buildah, images
from localcluster import cluster as local
from localcluster.__main__ import provider
from localcluster.state import State, locate
from localcluster.supervisor import OWN

TESTS = Path(__file__).resolve().parents[1]


COMMAND = [sys.executable, "-m", "localcluster"]

pytestmark = pytest.mark.skipif(provider() is not local, reason="kind cleans up after itself")


def processes(state: State) -> dict[int, list[str]]:
    """Return the command lines of all processes of a cluster."""
    found = {}
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = place.read_bytes().decode().split("\0")
            if any(str(state.directory) in word or str(state.run) in word for word in line):
                found[int(place.parent.name)] = line
    return found


def traces(state: State) -> list[str]:
    """Return all that a cluster has left on this machine under its own name."""
    found = [f"process {pid}: {line}" for pid, line in processes(state).items()]
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    found += [m for m in mounts if str(state.directory) in m or str(state.run) in m]
    for command in (["ip", "link"], ["ip", "route"], ["nft", "list", "ruleset"]):
        shown = subprocess.run(command, capture_output=True, text=True).stdout
        found += [line for line in shown.splitlines() if state.link in line]
    found += [str(p) for p in Path("/sys/fs/cgroup").glob(f"*/{state.cgroup}")]
    found += [str(p) for p in (Path("/sys/fs/cgroup") / state.cgroup, state.run) if p.exists()]
    return found + ([str(state.directory)] if state.directory.exists() else [])


def shared() -> set[Path]:
    """Return what there is in the places that all container runtimes of a machine write to."""
    beside = {p for top in ("/run", "/var/lib", "/var/log") for p in Path(top).iterdir()}
    inside = {p for place in OWN for p in Path(place).rglob("*")}
    return (beside | inside) - {Path(place) for place in OWN}


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """Name a cluster beside this checkout's, and take it down in the end."""
    with tempfile.TemporaryDirectory() as place:  # short: there are sockets in it
        monkeypatch.setenv("PERENNIAL_CLUSTER", str(Path(place, "cluster")))
        yield locate()
        down()


def down() -> None:
    subprocess.run([*COMMAND, "down"], cwd=TESTS, check=True, timeout=90)


def supervisor(state: State) -> int:
    pid = local.holder(state)
    assert pid is not None
    return pid


MOMENTS = [
    pytest.param("supervisor", None, id="the command, at first"),
    pytest.param("kubelet", None, id="the command, at last"),
    pytest.param("kubelet", supervisor, id="the supervisor too"),
]


@pytest.mark.parametrize(("moment", "victim"), MOMENTS)
def test_a_kill_while_coming_up_leaves_nothing_after_down(
    cluster: None,
    other: State,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    victim: Callable[[State], int] | None,
) -> None:
    coming = subprocess.Popen([*COMMAND, "up"], cwd=TESTS, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (other.directory / "log" / f"{moment}.log").exists():
        assert time.monotonic() < deadline and coming.poll() is None
        time.sleep(0.01)
    coming.kill()
    coming.wait()
    assert traces(other)
    if victim is not None:
        os.kill(victim(other), signal.SIGKILL)
    down()
    assert traces(other) == []
    # The one that belongs to this checkout did not notice.
    with monkeypatch.context() as ours:
        ours.delenv("PERENNIAL_CLUSTER")
        assert "Ready" in local.kubectl(locate(), "get", "nodes")


def component(name: str) -> Callable[[State], int]:
    def find(state: State) -> int:
        found = [p for p, line in processes(state).items() if Path(line[0]).name == name]
        assert len(found) == 1, (name, found)
        return found[0]

    return find


def first_process(state: State) -> int:
    """Return the pid of what restarts the components: process 1 of the cluster's namespace."""
    return max(local.processes(state))


CRASHES = {
    "containerd": component("containerd"),
    "the API server": component("kube-apiserver"),
    "the supervisor": first_process,
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "traces", "namespace": "default"},
    "spec": {
        "containers": [
            {
                "name": "waits",
                "image": images.pause().reference,
                "ports": [{"containerPort": 80, "hostPort": 8080}],
                "volumeMounts": [{"name": "memory", "mountPath": "/memory"}],
            }
        ],
        "volumes": [{"name": "memory", "emptyDir": {"medium": "Memory"}}],
    },
}


@pytest.mark.parametrize("victim", CRASHES.values(), ids=CRASHES)
def test_a_crash_with_pods_leaves_nothing_after_down(
    other: State, monkeypatch: pytest.MonkeyPatch, victim: Callable[[State], int]
) -> None:
    only_pause = buildah.archives([])  # the rest takes a minute to load, and nothing here runs it
    monkeypatch.setattr(buildah, "archives", lambda _: only_pause)
    before = shared()
    local.up()
    state = locate()
    local.kubectl(state, "apply", "-f", "-", stdin=json.dumps(POD))
    local.kubectl(state, "wait", "--for=condition=Ready", "pod", "traces", "--timeout=60s")
    os.kill(victim(state), signal.SIGKILL)
    assert shared() - before == {state.run}
    down()
    assert traces(state) == [] and shared() == before
