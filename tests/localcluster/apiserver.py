"""The light tier: etcd and kube-apiserver alone, on loopback, for tests of the API."""

import contextlib
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localcluster import binaries, credentials

ADMISSION = "OwnerReferencesPermissionEnforcement"
"""Beyond the usual ones, as on OpenShift: who blocks an owner's deletion needs a right to."""
START_SECONDS = 60
PORTS = range(20_000, 30_000)  # below those that Linux chooses from


@dataclass(frozen=True)
class ApiServer:
    """A running API server."""

    kubeconfig: Path
    authority: Path
    audit_log: Path
    url: str
    etcd: str
    """URL of the etcd behind it."""


def free_ports(count: int) -> list[int]:
    """Return ports on loopback that nobody listens on, and that the system gives nobody unasked."""
    free: set[int] = set()
    while len(free) < count:
        port = secrets.choice(PORTS)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            free.add(port)
    return list(free)


def wait_until_ready(url: str, token: str, authority: Path, seconds: float) -> None:
    """Wait for /readyz.

    Raises:
        TimeoutError: the server did not become ready.
    """
    context = ssl.create_default_context(cafile=str(authority))
    request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": f"Bearer {token}"})
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, context=context, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise TimeoutError(f"the API server at {url} was not ready after {seconds:.0f} s")


@contextlib.contextmanager
def running() -> Iterator[ApiServer]:
    """Start etcd and kube-apiserver in a temporary directory; stop them at the end."""
    directory = Path(tempfile.mkdtemp(prefix="perennial-api-"))
    client, peer, secure = free_ports(3)
    token = credentials.write(directory, ["127.0.0.1", "10.96.0.1"])
    audit, etcd = directory / "audit.log", f"http://127.0.0.1:{client}"
    commands = [
        [
            binaries.path("etcd"),
            f"--data-dir={directory}/etcd",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
            "--logger=zap",
            "--log-level=warn",
        ],
        [
            binaries.path("kube-apiserver"),
            f"--etcd-servers={etcd}",
            f"--secure-port={secure}",
            "--bind-address=127.0.0.1",
            f"--enable-admission-plugins={ADMISSION}",
            *credentials.apiserver_flags(directory),
            f"--audit-log-path={audit}",
            f"--audit-policy-file={credentials.AUDIT_POLICY}",
        ],
    ]
    processes: list[subprocess.Popen[bytes]] = []
    url, authority = f"https://127.0.0.1:{secure}", directory / "ca.crt"
    try:
        for command in commands:
            log = (directory / f"{Path(command[0]).name}.log").open("wb")
            processes.append(
                subprocess.Popen(
                    [os.fspath(part) for part in command],
                    env={**os.environ, "GOGC": "400"},  # memory for time: it lives for minutes
                    stdout=log,
                    stderr=log,
                )
            )
        wait_until_ready(url, token, authority, START_SECONDS)
        kubeconfig = directory / "kubeconfig"
        kubeconfig.write_text(credentials.kubeconfig(url, authority, token))
        yield ApiServer(kubeconfig, authority, audit, url, etcd)
    finally:
        # The API server first: without etcd it would wait for it.
        for process in reversed(processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(directory, ignore_errors=True)
