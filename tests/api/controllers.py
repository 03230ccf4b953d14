"""Kubernetes' own controllers beside the API server, and nodes that only say that they run."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asking import Answer, Kubectl

from localcluster import binaries
from localcluster.apiserver import ApiServer


def client(server: ApiServer) -> Kubectl:
    """Return kubectl."""
    base = [str(binaries.path("kubectl")), "--kubeconfig", str(server.kubeconfig)]

    def run(*arguments: str, body: Any = None) -> Answer:
        stdin = json.dumps(body) if body is not None else None
        done = subprocess.run([*base, *arguments], input=stdin, capture_output=True, text=True)
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@contextlib.contextmanager
def controlled(server: ApiServer, place: Path, *more: str) -> Iterator[None]:
    """Run the controllers and the scheduler, and kwok where it is asked for."""
    config = f"--kubeconfig={server.kubeconfig}"
    key = server.authority.parent / "service-accounts.key"
    quick = ["--kube-api-qps=200", "--kube-api-burst=400", "--leader-elect=false"]
    commands = {
        "kube-controller-manager": [
            config,
            f"--service-account-private-key-file={key}",
            "--node-monitor-grace-period=2h",  # of nodes that nobody renews
            "--secure-port=0",
            *quick,
        ],
        "kube-scheduler": [config, "--secure-port=0", *quick],
        "kwok": [config, "--manage-all-nodes=true", "--node-lease-duration-seconds=0"],
    }
    processes = []
    try:
        for name in ("kube-controller-manager", "kube-scheduler", *more):
            log = (place / f"{name}.log").open("wb")
            command = [str(binaries.path(name)), *commands[name]]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
