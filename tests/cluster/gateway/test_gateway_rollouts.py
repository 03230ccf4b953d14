"""Rollouts whose requests a real Gateway divides, under load: none is lost."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from trial import NAME, answered, apply, artifact_of, condition, pods

from cluster.gateway import client, routes
from flights import demo
from localcluster import gateway as envoy

PAUSED: list[dict[str, Any]] = [{"setWeight": 10}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
TESTERS = {"name": "x-tester", "value": "yes"}
TRAFFIC = {
    "gateway": {
        "parentRefs": [routes.parent()],
        "hostnames": [client.host(NAME)],
        "canaryHeader": TESTERS,
    }
}


def ask_for(version: str) -> None:
    """Ask for a version of the loop."""
    artifact = artifact_of(version)
    apply(artifact, "5s", replicas=2, steps=PAUSED, deadline="180s", traffic=TRAFFIC)


@pytest.fixture
def stable(gateway: None) -> Iterator[str]:
    """Serve a good version through the Gateway; return its revision."""
    ask_for("flights-1")
    demo.wait("trial serves", lambda: condition("Ready").get("status") == "True", 90)
    demo.wait("the Gateway answers", lambda: not client.ask(NAME, 5).failed, 60)
    yield str(demo.revision(name=NAME)["name"])
    demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)
    demo.wait("its pods are gone", lambda: not _all_pods(), 90)


def _all_pods() -> str:
    selector = f"perennial.dev/deployment={NAME}"
    return demo.kubectl("get", "pods", "-n", demo.NAMESPACE, "-o", "name", "-l", selector).strip()


def paused_at(percent: int) -> str:
    """Wait until a canary waits for a person with its share; return its revision."""

    def waits() -> bool:
        share = demo.revision("Canary", NAME).get("share", {})
        return share.get("actual") == percent and condition("Paused").get("status") == "True"

    demo.wait(f"the canary waits at {percent} %", waits, 120)
    return str(demo.revision("Canary", NAME)["name"])


def request(verb: str) -> None:
    """Ask for a verb, as a person does."""
    asked = f"perennial.dev/request={verb}/{time.time():.0f}"
    demo.kubectl("annotate", "md", NAME, "-n", demo.NAMESPACE, "--overwrite", asked)


def promoted(stable: str, seconds: float = 120) -> None:
    """Wait until another version serves and stable's pods are gone."""
    demo.wait("it was promoted", lambda: demo.revision(name=NAME)["name"] != stable, seconds)
    demo.wait("the old one has no pods", lambda: not pods(stable), 120)


def test_a_version_is_promoted_step_by_step(stable: str) -> None:
    with client.load(NAME, requests=20_000) as found:
        ask_for("flights-2")
        for percent in (10, 50):
            canary = paused_at(percent)
            measured = client.ask(NAME, 1000)
            assert measured.share(canary) == pytest.approx(percent, abs=1)
            testers = client.ask(NAME, 200, "--header", "x-tester=yes")
            assert set(testers.by_version) == {canary}
            request("promote")
        promoted(stable)
        time.sleep(2)
    assert not found.failed and len(found.by_version) == 2
    assert set(client.ask(NAME, 200).by_version) == {canary}


def test_a_version_is_taken_back(stable: str) -> None:
    with client.load(NAME, requests=20_000) as found:
        ask_for("flights-2")
        paused_at(10)
        request("promote")
        canary = paused_at(50)
        request("abort")
        demo.wait("it has no pods", lambda: not pods(canary), 120)
        time.sleep(2)
    assert not found.failed and found.by_version[canary]
    assert set(client.ask(NAME, 200).by_version) == {stable}


def test_a_shadow_answers_copies_that_nobody_sees_then_takes_over(stable: str) -> None:
    shadow = {"mirror": 50, "duration": "10s", "then": "Pause"}
    spec = {
        "model": {"artifact": artifact_of("flights-2")},
        "rollout": {"canary": None, "shadow": shadow},
    }
    with client.load(NAME, requests=5000) as found:
        patch = json.dumps({"spec": spec})
        demo.kubectl("patch", "md", NAME, "-n", demo.NAMESPACE, "--type=merge", "-p", patch)
        waits = "it waits for a person"
        demo.wait(waits, lambda: condition("Paused").get("status") == "True", 180)
        revision = demo.revision("Canary", NAME)["name"]
        copies = answered(revision)["200"]
        assert set(client.ask(NAME, 1000).by_version) == {stable}
        assert answered(revision)["200"] - copies >= 400
        request("promote")
        promoted(stable)
    assert not found.failed and set(found.by_version) == {stable, revision}


def test_the_gateway_is_restarted_in_mid_canary(stable: str) -> None:
    with client.load(NAME, requests=5000) as found:
        ask_for("flights-2")
        canary = paused_at(10)
        owned = "app.kubernetes.io/component=proxy"
        for what in ("deploy/envoy-gateway", f"deploy -l {owned}"):
            demo.kubectl("rollout", "restart", "-n", envoy.NAMESPACE, *what.split())
            status = ("-n", envoy.NAMESPACE, *what.split(), "--timeout=180s")
            demo.kubectl("rollout", "status", *status)
        time.sleep(5)
    assert not found.failed
    assert client.ask(NAME, 1000).share(canary) == pytest.approx(10, abs=1)
    with client.load(NAME, requests=2000) as found:
        # The controller is away while the weights are to change: they do once it is back.
        demo.kubectl("scale", "deploy/envoy-gateway", "-n", envoy.NAMESPACE, "--replicas=0")
        request("promote")
        time.sleep(10)
        assert demo.revision("Canary", NAME)["share"]["actual"] == 10
        demo.kubectl("scale", "deploy/envoy-gateway", "-n", envoy.NAMESPACE, "--replicas=1")
        paused_at(50)
        request("promote")
        promoted(stable)
    assert not found.failed and len(found.by_version) == 2


def test_a_gateway_that_refuses_the_route_is_told_and_nothing_moves(stable: str) -> None:
    ask_for("flights-2")
    canary = paused_at(10)
    try:
        _admit("Same")
        demo.wait("it is told", lambda: "NotAllowedByListeners" in _messages(), 60)
        request("promote")
        time.sleep(10)
        assert demo.revision(name=NAME)["name"] == stable
        # Envoy Gateway drops what it refuses, so that nobody is reached; nothing moves on that.
        share = demo.revision("Canary", NAME)["share"]
        assert share["actual"] <= 10, share
        assert len(pods(stable)) == 2 and pods(canary)
    finally:
        _admit("All")
    paused_at(50)
    request("promote")
    promoted(stable)


def _admit(namespaces: str) -> None:
    """Let the Gateway take routes of all namespaces, or of its own alone."""
    patch = [
        {
            "op": "replace",
            "path": "/spec/listeners/0/allowedRoutes/namespaces/from",
            "value": namespaces,
        }
    ]
    named = ("gateway", envoy.NAME, "-n", envoy.NAMESPACE)
    demo.kubectl("patch", *named, "--type=json", "-p", json.dumps(patch))


def _messages() -> str:
    found = demo.get("md", NAME)["status"]["conditions"]
    return " ".join(c.get("message", "") for c in found)


def test_a_canary_that_loses_its_pods_gives_its_share_back(stable: str) -> None:
    ask_for("flights-2")
    canary = paused_at(10)
    node = demo.kubectl("get", "nodes", "-o", "name").strip().removeprefix("node/")
    demo.kubectl("cordon", node)
    try:
        selector = f"perennial.dev/deployment={NAME},perennial.dev/revision={canary}"
        demo.kubectl("delete", "pod", "-n", demo.NAMESPACE, "-l", selector, "--wait=false")
        back = "stable has all requests"
        demo.wait(back, lambda: set(client.ask(NAME, 200).by_version) == {stable}, 60)
        found = client.ask(NAME, 2000)
        assert not found.failed and set(found.by_version) == {stable}
    finally:
        demo.kubectl("uncordon", node)
    has_share = "the canary has its share again"
    demo.wait(has_share, lambda: 9 <= client.ask(NAME, 1000).share(canary) <= 11, 120)
