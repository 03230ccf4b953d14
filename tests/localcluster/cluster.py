"""Bring the local cluster up and down."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localcluster import (
    apiserver,
    binaries,
    buildah,
    components,
    credentials,
    images,
    prerequisites,
)
from localcluster.state import State, choose, locate

CGROUPS = Path("/sys/fs/cgroup")
PROCESSES = 8
"""All pods together get as much of the processors as so many processes beside them, and not as one:
else tests that run meanwhile would starve them."""
LONGEST_SOCKET = 107
"""Bytes of a socket's path (unix(7))."""


def say(message: str) -> None:
    """Tell the person who waits."""
    print(f"localcluster: {message}", file=sys.stderr, flush=True)


def processes(state: State) -> list[int]:
    """Return unshare's pid and that of the supervisor below it, as far as they live.

    By their command line, not by a file: that is there from the first moment to the last.
    """
    command = [b"localcluster.supervisor", bytes(state.directory)]
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if line.read_bytes().split(b"\0")[-4:-2] == command:
                found.append(int(line.parent.name))
    return sorted(found)


def holder(state: State) -> int | None:
    """Return the pid of the process that holds the cluster's namespaces, if it lives."""
    return next(iter(processes(state)), None)


def _first_process(pid: int) -> int:
    """Return the host's pid of process 1 of the cluster."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.02)
    raise RuntimeError("the cluster's first process did not start")


def kubectl(state: State, *arguments: str, stdin: str | None = None) -> str:
    """Run kubectl against the cluster and return what it prints."""
    command = [str(binaries.path("kubectl")), "--kubeconfig", str(state.kubeconfig), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, input=stdin)
    if done.returncode:
        raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def up() -> None:
    """Bring the cluster up; does nothing where it is up."""
    prerequisites.ensure()
    binaries.path("kube-apiserver")
    archives = buildah.archives(images.wanted())
    state = choose(locate())
    _check_length(state)
    state.directory.mkdir(parents=True, exist_ok=True)
    with (state.directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if holder(state) is None:
            _clean(state, keep=("lock", "octet"))
            _start(state)
        token = (state.directory / "admin.token").read_text()
        apiserver.wait_until_ready(state.url, token, state.directory / "ca.crt", 90)
        kubectl(state, "apply", "--server-side", "-f", "-", stdin=components.base_objects(state))
        _load(state, archives)
        for what in ("create", "condition=Ready"):  # of what is not there kubectl waits for nothing
            kubectl(state, "wait", f"--for={what}", f"node/{components.NODE}", "--timeout=90s")
        deadline = time.monotonic() + 30
        while "default" not in kubectl(state, "get", "serviceaccounts", "-n", "default", "-o=name"):
            if time.monotonic() > deadline:
                raise RuntimeError("no default service account appeared")
            time.sleep(0.2)
    say(f"the cluster is up; KUBECONFIG={state.kubeconfig}")


def _check_length(state: State) -> None:
    """Check that the kubelet can have its sockets there; else it would start again and again.

    Raises:
        RuntimeError: the path is too long.
    """
    longest = str(state.directory / "kubelet" / "device-plugins" / "kubelet.sock")
    if len(longest.encode()) > LONGEST_SOCKET:
        raise RuntimeError(
            f"{state.directory} is too long for the sockets in it ({LONGEST_SOCKET} bytes with "
            "theirs): set PERENNIAL_CLUSTER to a shorter directory"
        )


def _start(state: State) -> None:
    say("starting the control plane and the node")
    token = credentials.write(state.directory, [state.node, _first_service(state), "127.0.0.1"])
    (state.directory / "admin.token").write_text(token)
    (state.directory / "admin.token").chmod(0o600)
    components.write(state, token)
    state.run.mkdir(parents=True, exist_ok=True)
    for hierarchy in _hierarchies():
        group = hierarchy / state.cgroup
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (group / name).exists() and not (group / name).read_text().strip():
                (group / name).write_text((hierarchy / name).read_text())
        for name, ordinary in (("cpu.shares", 1024), ("cpu.weight", 100)):  # v1, v2
            if (group / name).exists():
                (group / name).write_text(str(PROCESSES * ordinary))
    # --kill-child: when this process dies, however it dies, the whole cluster dies with it.
    command = ["unshare", "--net", "--mount", "--propagation", "slave", "--pid", "--fork"]
    command += ["--kill-child=SIGKILL", "--mount-proc", sys.executable, "-m"]
    command += ["localcluster.supervisor", str(state.directory), str(state.octet)]
    log = (state.directory / "log" / "supervisor.log").open("ab")
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        cwd=Path(__file__).resolve().parents[1],
        env={**os.environ, "PATH": f"{prerequisites.PATH}:{os.environ.get('PATH', '')}"},
    )
    first = _first_process(process.pid)
    deadline = time.monotonic() + 5
    while _network(first) == _network("self"):
        if time.monotonic() > deadline:
            raise RuntimeError("the cluster's network namespace did not appear")
        time.sleep(0.02)
    for line in (
        f"link add {state.link} type veth peer name eth0 netns {first}",
        f"addr add {state.address(1)}/30 dev {state.link}",
        f"link set {state.link} up",
        f"route add {state.everything} via {state.node} dev {state.link}",
    ):
        subprocess.run(["ip", *line.split()], check=True)


def _network(pid: int | str) -> Path:
    """Return the name of a process' network namespace."""
    return Path(f"/proc/{pid}/ns/net").readlink()


def _first_service(state: State) -> str:
    return state.services.split("/")[0].rsplit(".", 1)[0] + ".1"


def _hierarchies() -> list[Path]:
    """Return the mount points below which cgroups are made: one (v2) or one a controller (v1)."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [p for p in sorted(CGROUPS.iterdir()) if p.is_dir() and (p / "cgroup.procs").exists()]


def load() -> None:
    """Build the images and import those that the node does not have yet."""
    _load(locate(), buildah.archives(images.wanted()))


def gateway_images() -> images.GatewayImages:
    """Build the images of Envoy Gateway and import those that the node does not have yet."""
    controller, proxy = images.gateway()
    _import(locate(), buildah.archives([controller, proxy]))
    return images.GatewayImages(controller.reference, proxy.reference)


def _load(state: State, archives: Sequence[Path]) -> None:
    _import(state, archives)
    state.values.write_text(images.values(images.wanted()))


def _import(state: State, archives: Sequence[Path]) -> None:
    loaded = state.directory / "loaded"
    loaded.mkdir(exist_ok=True)
    fresh = [archive for archive in archives if not (loaded / archive.name).exists()]

    def load_one(archive: Path) -> None:
        command = ["ctr", "--address", str(state.socket), "-n", "k8s.io", "images", "import"]
        done = subprocess.run([*command, str(archive)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{archive.name} cannot be imported: {done.stderr.strip()}")
        (loaded / archive.name).touch()

    # At once: each spends much of its time waiting for the disk.
    with ThreadPoolExecutor() as pool:
        list(pool.map(load_one, fresh))


def down() -> None:
    """End the cluster and remove all it made, also after a crash or a half start."""
    state = locate()
    if not state.directory.exists() and not state.run.exists():
        say("there is no cluster")
        return
    state.directory.mkdir(parents=True, exist_ok=True)
    with (state.directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _clean(state, keep=())
    say("the cluster is gone")


def _clean(state: State, keep: Sequence[str]) -> None:
    ending = processes(state)
    for pid in ending:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    # Process 1 of a namespace ends after all others of it.
    deadline = time.monotonic() + 20
    while any(_lives(pid) for pid in ending) and time.monotonic() < deadline:
        time.sleep(0.05)
    # The interface goes with its namespace, which goes with its last process.
    deadline = time.monotonic() + 20
    while Path(f"/sys/class/net/{state.link}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    if Path(f"/sys/class/net/{state.link}").exists():
        subprocess.run(["ip", "link", "delete", state.link], check=False)
    for hierarchy in _hierarchies():
        _remove_cgroup(hierarchy / state.cgroup)
    shutil.rmtree(state.run, ignore_errors=True)
    for child in state.directory.iterdir():
        if child.name in keep:
            continue
        shutil.rmtree(child, ignore_errors=True) if child.is_dir() else child.unlink()
    if not keep:
        shutil.rmtree(state.directory, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _remove_cgroup(group: Path) -> None:
    if not group.is_dir():
        return
    for child in sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True):
        _rmdir(child)
    _rmdir(group)


def _rmdir(group: Path) -> None:
    for _ in range(50):
        try:
            group.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)


def status() -> int:
    """Print how the cluster is; return 1 where it is down."""
    state = locate()
    if holder(state) is None:
        say("the cluster is down; bring it up with: make cluster-up")
        return 1
    print(kubectl(state, "get", "nodes,pods", "-A", "-o", "wide"), end="")
    print(f"KUBECONFIG={state.kubeconfig}")
    return 0


def audit_log(state: State) -> str:
    """Return the API server's audit log."""
    return state.audit_log.read_text()
