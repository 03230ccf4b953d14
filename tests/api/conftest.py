"""A real API server with our kinds, for the whole session."""

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asking import ROOT, Answer, Kubectl
from kubernetes.aio import client, config

from localcluster import apiserver, binaries
from localcluster.apiserver import ApiServer
from perennial.cluster.client import Cluster


@pytest.fixture(scope="session")
def server() -> Iterator[ApiServer]:
    with apiserver.running() as running:
        yield running


@pytest.fixture(scope="session")
def kubectl(server: ApiServer) -> Kubectl:
    base = [str(binaries.path("kubectl")), "--kubeconfig", str(server.kubeconfig)]

    def run(*arguments: str, body: Any = None) -> Answer:
        stdin = json.dumps(body) if body is not None else None
        done = subprocess.run([*base, *arguments], input=stdin, capture_output=True, text=True)
        return Answer(done.returncode, done.stdout, done.stderr)

    crds = run("apply", "--server-side", "-f", str(ROOT / "crds"))
    assert crds.code == 0, crds.error
    established = run("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s")
    assert established.code == 0, established.error
    for namespace in sorted((ROOT / "examples").rglob("namespace.yaml")):
        assert run("create", "-f", str(namespace)).code == 0
    return run


@pytest.fixture
async def cluster(server: ApiServer, kubectl: Kubectl) -> AsyncIterator[Cluster]:
    """The operator's own client, connected."""
    await config.load_kube_config(str(server.kubeconfig))
    connected = Cluster(client.ApiClient())
    yield connected
    await connected.close()
