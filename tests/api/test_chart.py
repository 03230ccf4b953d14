"""All pods under the real Pod Security Standard; the kinds and the store after helm uninstall."""

import subprocess
import time
from typing import Any

import pytest
from asking import Kubectl, refusal
from builders import deployment, run, run_children, served, training

from chart import CHART, helm, pods, render
from flights import demo
from localcluster import binaries
from localcluster.apiserver import ApiServer
from perennial.cluster.client import Cluster

OPTIONS = ("--create-namespace", "--no-hooks", "--take-ownership", "--force-conflicts")
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="module")
def restricted(kubectl: Kubectl) -> str:
    """A namespace in which the API server takes restricted pods only."""
    kubectl("create", "namespace", "restricted")
    kubectl("label", "namespace", "restricted", RESTRICTED)
    for account in ("default", "perennial"):
        assert kubectl("create", "serviceaccount", account, "-n", "restricted").code == 0
    return "restricted"


def made() -> dict[str, dict[str, Any]]:
    """Return the specs of all pods that there are: the chart's, and the operator's."""
    md = deployment()
    live = served(md, replicas=1)
    own = [live, run_children(training(), run(), None)[1]]
    return pods(render()) | pods(own)


@pytest.mark.parametrize(("name", "pod"), made().items(), ids=lambda x: x if x == str(x) else "")
async def test_every_pod_keeps_to_the_restricted_standard(
    cluster: Cluster, restricted: str, name: str, pod: dict[str, Any]
) -> None:
    async def told(spec: dict[str, Any]) -> str:
        meta = {"name": "p", "namespace": restricted}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
        return await refusal(cluster, body)

    assert await told(pod) == ""
    for i, container in enumerate(pod["containers"]):
        loose = [*pod["containers"]]
        loose[i] = {**container, "securityContext": {}}
        assert "violates PodSecurity" in await told({**pod, "containers": loose})


def test_the_api_server_takes_the_network_policies(kubectl: Kubectl) -> None:
    peer = '{"namespaceSelector": {"matchLabels": {"a": "b"}}}'
    objects = render(
        "networkPolicy.enabled=true",
        f"networkPolicy.prometheus:=[{peer}]",
        'networkPolicy.modelNamespaces:=["default"]',
        'store.namespaces:=["default"]',
    )
    found = [o for o in objects if o["kind"] == "NetworkPolicy"]
    assert len(found) == 4
    for policy in found:
        policy["metadata"]["namespace"] = "default"
        done = kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", body=policy)
        assert done.code == 0, done.error


def test_the_kinds_and_the_store_stay_when_the_release_goes(
    kubectl: Kubectl, server: ApiServer
) -> None:
    flags = ("-n", "perennial-system", "--kubeconfig", str(server.kubeconfig))
    done = helm("upgrade", "--install", "perennial", str(CHART), *flags, *OPTIONS)
    assert done.returncode == 0, done.stderr
    secret = ("get", "secret", "perennial-store", "-n", "perennial-system", "-o", "yaml")
    before = kubectl(*secret).out
    again = helm("upgrade", "--install", "perennial", str(CHART), *flags, *OPTIONS)
    assert again.returncode == 0, again.stderr
    assert [line for line in kubectl(*secret).out.splitlines() if "ACCESS_KEY" in line] == [
        line for line in before.splitlines() if "ACCESS_KEY" in line
    ]
    gone = helm("uninstall", "perennial", *flags, "--no-hooks")
    assert gone.returncode == 0, gone.stderr
    crds = kubectl("get", "crd", "-o", "name").out.split()
    assert len([c for c in crds if c.endswith("perennial.dev")]) == 4
    kept = kubectl("get", "secret,pvc,deploy", "-n", "perennial-system", "-o", "name").out.split()
    assert kept == ["secret/perennial-store", "persistentvolumeclaim/perennial-store"]


def test_an_example_begins_again_where_its_installation_was_killed(
    kubectl: Kubectl, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    monkeypatch.setenv("KUBECTL", str(binaries.path("kubectl")))
    install = ("upgrade", "--install", "perennial", str(CHART), "-n", demo.SYSTEM, *OPTIONS)
    pending = ("-n", demo.SYSTEM, "-l", "owner=helm,status=pending-install", "-o", "name")
    # No pod becomes ready here, so that helm waits until it is killed.
    with subprocess.Popen(
        [str(binaries.path("helm")), *install, "--wait", "--timeout=60s"]
    ) as begun:
        until = time.monotonic() + 60
        while not kubectl("get", "secret", *pending).out:
            assert begun.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)
        begun.kill()
    assert "is in progress" in helm(*install).stderr
    demo.forget_killed()
    done = helm(*install)
    assert done.returncode == 0, done.stderr
    assert helm("uninstall", "perennial", "-n", demo.SYSTEM, "--no-hooks").returncode == 0
