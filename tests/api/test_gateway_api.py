"""Routes on a real API server: as we write them, and in a cluster that gets their kinds later."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asking import ROOT, Kubectl
from controllers import client as kubectl_of
from kubernetes.aio import client, config
from operators import install, only, running
from test_kinds import SHA

from localcluster import apiserver, binaries
from localcluster.apiserver import ApiServer
from perennial.api import API_VERSION, ModelDeployment
from perennial.cluster.client import Cluster
from perennial.plan.core.premise import GATEWAY_API
from perennial.plan.serving.route import Division, is_as_wanted, lacking, route
from perennial.plan.serving.sticky import policy

GATEWAY = {
    "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
    "hostnames": ["flights.example.com", "*.flights.example.com"],
    "timeout": "1m30s",
    "canaryHeader": {"name": "x-canary", "value": "true"},
}
FORMS: dict[str, dict[str, Any]] = {
    "short": {"parentRefs": [{"name": "public"}]},
    "whole-host": GATEWAY,
    "path": {**GATEWAY, "path": "/v2/models/flights", "timeout": "250ms"},
    "sticky": {**GATEWAY, "sticky": {"header": "x-user-id"}},
    "grpc": {**GATEWAY, "grpc": {"hostnames": ["grpc.example.com"]}},
}


@pytest.fixture(scope="module")
def bare() -> Iterator[ApiServer]:
    """An API server that knows our kinds, and no routes yet."""
    with apiserver.running() as server:
        run = kubectl_of(server)
        assert run("apply", "--server-side", "-f", str(ROOT / "crds")).code == 0
        assert run("wait", "--for=condition=Established", "crd", "--all").code == 0
        run("create", "namespace", "flights")
        yield server


@pytest.fixture(scope="module")
def ask(bare: ApiServer) -> Kubectl:
    return kubectl_of(bare)


def know_routes(ask: Kubectl) -> None:
    kinds = binaries.source("gateway-api") / "config" / "crd" / "standard"
    for plural in ("httproutes", "grpcroutes"):
        file = kinds / f"gateway.networking.k8s.io_{plural}.yaml"
        assert ask("apply", "--server-side", "-f", str(file)).code == 0
    assert ask("wait", "--for=condition=Established", "crd", "--all").code == 0


def know_policies(ask: Kubectl) -> None:
    chart = binaries.source("envoy-gateway") / "charts" / "gateway-helm" / "charts" / "crds"
    file = chart / "crds" / "generated" / "gateway.envoyproxy.io_backendtrafficpolicies.yaml"
    assert ask("apply", "--server-side", "-f", str(file)).code == 0
    assert ask("wait", "--for=condition=Established", "crd", "--all").code == 0


def deployment(name: str, gateway: dict[str, Any]) -> dict[str, Any]:
    model = {"artifact": {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA}}
    spec = {"model": model, "replicas": 2, "traffic": {"gateway": gateway}}
    metadata = {"name": name, "namespace": "flights"}
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": metadata,
        "spec": spec,
    }


def until(found: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come")


def get(ask: Kubectl, *what: str) -> Any:
    answer = ask("get", *what, "-n", "flights", "-o", "json")
    return json.loads(answer.out) if answer.code == 0 else None


def reason(ask: Kubectl, type: str) -> tuple[str, str]:
    found = (get(ask, "md", "later") or {}).get("status", {}).get("conditions", [])
    return next(((c["status"], c["reason"]) for c in found if c["type"] == type), ("", ""))


def accept(ask: Kubectl, live: Any) -> None:
    """Say what a Gateway's controller says."""
    told = [
        {
            "type": type,
            "status": "True",
            "reason": type,
            "message": "",
            "observedGeneration": live["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for type in ("Accepted", "ResolvedRefs")
    ]
    parents = [
        {"parentRef": ref, "controllerName": "example.com/gateway", "conditions": told}
        for ref in live["spec"]["parentRefs"]
    ]
    body = json.dumps({"status": {"parents": parents}})
    at = ("-n", "flights", "--subresource=status", "--type=merge", "-p", body)
    assert ask("patch", "httproute", live["metadata"]["name"], *at).code == 0


def let_pods_be_ready(ask: Kubectl, name: str) -> None:
    live = get(ask, "deploy", "-l", f"perennial.dev/deployment={name}")["items"][0]
    status = {"observedGeneration": live["metadata"]["generation"]}
    status |= dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), 2)
    body = json.dumps({"status": status})
    at = ("-n", "flights", "--subresource=status", "--type=merge", "-p", body)
    assert ask("patch", "deploy", live["metadata"]["name"], *at).code == 0


def test_the_kinds_of_routes_come_later(bare: ApiServer, ask: Kubectl, tmp_path: Path) -> None:
    """Until then all else goes on, and the object says what to install; nothing is restarted."""
    objects = install(ask, *only("flights"))
    body = deployment("later", GATEWAY)
    assert ask("apply", "-f", "-", body=body).code == 0
    with running(bare, ask, objects, tmp_path, "one"):
        until(lambda: reason(ask, "Stalled") == ("True", "GatewayAPIMissing"), "the advice")
        assert get(ask, "service", "later")
        know_routes(ask)
        live = until(lambda: get(ask, "httproute", "later"), "the route")
        until(lambda: reason(ask, "Stalled")[0] == "False", "the end of the advice")
        let_pods_be_ready(ask, "later")
        until(lambda: reason(ask, "Ready") == ("False", "RouteUnanswered"), "the wait")
        accept(ask, live)
        until(lambda: reason(ask, "Ready") == ("True", "Serving"), "the acceptance")
        # At rest it is as wanted, with all that the API server has filled in.
        before = get(ask, "httproute", "later")
        time.sleep(3)
        assert get(ask, "httproute", "later") == before
        revision = before["spec"]["rules"][0]["backendRefs"][0]["name"]
        assert get(ask, "service", revision)["spec"]["selector"]
        # What a hand adds is taken out again.
        rules = before["spec"]["rules"]
        rules[-1]["timeouts"] = {"request": "9s"}
        patch = json.dumps({"spec": {"rules": rules, "hostnames": []}})
        ask("patch", "httproute", "later", "-n", "flights", "--type=merge", "-p", patch)

        def is_back() -> bool:
            found = get(ask, "httproute", "later")["spec"]
            return bool(found["hostnames"] == GATEWAY["hostnames"] and "9s" not in str(found))

        until(is_back, "the route as it was")
        # Another way of traffic leaves nothing of it behind.
        body["spec"]["traffic"] = {"replicas": {}}
        assert ask("replace", "-f", "-", body=body).code == 0
        until(lambda: not get(ask, "httproute", "-A")["items"], "the end of the route")
        until(lambda: len(get(ask, "service")["items"]) == 1, "the end of its Services")


@pytest.fixture
async def cluster(bare: ApiServer, ask: Kubectl) -> AsyncIterator[Cluster]:
    know_routes(ask)
    await config.load_kube_config(str(bare.kubeconfig))
    connected = Cluster(client.ApiClient())
    yield connected
    await connected.close()


@pytest.mark.parametrize("form", FORMS)
async def test_a_route_is_as_it_was_written(form: str, cluster: Cluster, ask: Kubectl) -> None:
    """Nothing that the API server fills in looks like another hand's."""
    made = deployment(form, FORMS[form])
    await asyncio.to_thread(ask, "apply", "-f", "-", body=made)
    owner = await cluster.read_own(ModelDeployment, "flights", form)
    gateway = owner.spec.traffic.gateway
    kinds = ["HTTPRoute", *(["GRPCRoute"] if gateway.grpc is not None else [])]
    division = Division({"a-1": 93, "b-1": 7}, {"c-1": 100, "d-1": 5}, "b-1")
    for kind in kinds:
        wanted = route(owner, gateway, kind, division, None)
        assert await cluster.apply(wanted)
        live = await cluster.get(GATEWAY_API, kind, "flights", form)
        assert live is not None and is_as_wanted(live, wanted)
        again = route(owner, gateway, kind, division, live)
        assert not await cluster.apply(again)
        found = lacking(live)
        assert found is not None and found.reason == "RouteUnanswered"


async def test_a_policy_is_as_it_was_written(cluster: Cluster, ask: Kubectl) -> None:
    know_policies(ask)
    made = deployment("stays", FORMS["sticky"])
    await asyncio.to_thread(ask, "apply", "-f", "-", body=made)
    owner = await cluster.read_own(ModelDeployment, "flights", "stays")
    wanted = policy(owner, "x-user-id", ("HTTPRoute", "GRPCRoute"))
    assert await cluster.apply(wanted)
    assert not await cluster.apply(wanted)
