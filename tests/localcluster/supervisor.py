"""Process 1 of the cluster: starts the components, restarts one that dies, reaps orphans.

It runs in network, mount and process namespaces of its own. When it ends, the kernel ends every
process, mount, interface and rule of the cluster with it: nothing can be left behind.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from localcluster import components
from localcluster.state import State

# Where components write whatever their configuration says: runc's state and the sockets of its
# shims, pods' network namespaces, CNI's results, links to logs, the sockets of device plugins.
OWN = (
    "/run/containerd",
    "/run/netns",
    "/var/lib/cni",
    "/var/log/containers",
    "/var/lib/kubelet",
)
STOPPING = False


def _stop(*_: object) -> None:
    global STOPPING
    STOPPING = True


def _wait_for(path: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def _network(state: State) -> None:
    for command in (
        "ip link set lo up",
        f"ip addr add {state.node}/30 dev eth0",
        "ip link set eth0 up",
        f"ip route add default via {state.address(1)}",
    ):
        subprocess.run(command.split(), check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def main() -> None:
    """Run until SIGTERM."""
    state = State(Path(sys.argv[1]), int(sys.argv[2]))
    signal.signal(signal.SIGTERM, _stop)
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    for place in OWN:
        # In this namespace alone, and gone with it; on the machine an empty directory stays.
        Path(place).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "perennial", place], check=True)
    deadline = time.monotonic() + 20
    while "eth0" not in Path("/proc/net/dev").read_text():
        if time.monotonic() > deadline:
            sys.exit("the cable never came")
        time.sleep(0.02)
    _network(state)
    commands = components.commands(state)
    running: dict[int, str] = {}
    # Held, so that only the loop below reaps: a dropped Popen is reaped by the next one.
    held: dict[str, subprocess.Popen[bytes]] = {}
    started: dict[str, float] = {}

    def start(name: str) -> None:
        log = (state.directory / "log" / f"{name}.log").open("ab")
        process = subprocess.Popen(commands[name], stdout=log, stderr=log, start_new_session=True)
        running[process.pid], held[name] = name, process
        started[name] = time.monotonic()

    for name in commands:
        start(name)
        if name == "containerd":
            _wait_for(str(state.socket), 20)
    while not STOPPING:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            pid = 0
        if pid in running:
            name = running.pop(pid)
            time.sleep(1.0 if time.monotonic() - started[name] < 5 else 0.1)
            start(name)
        elif not pid:
            time.sleep(0.1)
    os._exit(0)


if __name__ == "__main__":
    main()
