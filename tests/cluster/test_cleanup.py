"""cluster-down leaves nothing, also after a kill in the middle of coming up."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from localcluster import cluster as local
from localcluster.__main__ import provider
from localcluster.state import State, locate

TESTS = Path(__file__).resolve().parents[1]


def traces(state: State) -> list[str]:
    """Return all that a cluster has left on this machine."""
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(state.directory) in line or str(state.run) in line:
            found.append(f"process {place.name}: {line}")
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    found += [m for m in mounts if str(state.directory) in m or str(state.run) in m]
    for command in (["ip", "link"], ["ip", "route"], ["nft", "list", "ruleset"]):
        shown = subprocess.run(command, capture_output=True, text=True).stdout
        found += [line for line in shown.splitlines() if state.link in line]
    found += [str(p) for p in Path("/sys/fs/cgroup").glob(f"*/{state.cgroup}")]
    found += [str(p) for p in (Path("/sys/fs/cgroup") / state.cgroup, state.run) if p.exists()]
    return found + ([str(state.directory)] if state.directory.exists() else [])


def supervisor(state: State) -> int:
    pid = local.holder(state)
    assert pid is not None
    return pid


@pytest.mark.skipif(provider() is not local, reason="kind's cluster is kind's to clean up")
@pytest.mark.parametrize("victim", [None, supervisor], ids=["the command", "the supervisor too"])
def test_a_kill_while_coming_up_leaves_nothing_after_down(
    cluster: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    victim: Callable[[State], int] | None,
) -> None:
    other = tmp_path / "cluster"
    monkeypatch.setenv("PERENNIAL_CLUSTER", str(other))
    command = [sys.executable, "-m", "localcluster"]
    coming = subprocess.Popen([*command, "up"], cwd=TESTS, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (other / "log" / "kubelet.log").exists():
        assert time.monotonic() < deadline and coming.poll() is None
        time.sleep(0.1)
    state = locate()
    coming.kill()
    coming.wait()
    assert traces(state)
    if victim is not None:
        os.kill(victim(state), signal.SIGKILL)
    subprocess.run([*command, "down"], cwd=TESTS, check=True, timeout=90)
    assert traces(state) == []
    # The one that belongs to this checkout did not notice.
    monkeypatch.delenv("PERENNIAL_CLUSTER")
    assert "Ready" in local.kubectl(locate(), "get", "nodes")
