"""What happens to clusters, in the middle of a canary under load: stable loses no request."""

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from trial import NAME, apply, artifact_of, condition, pods

from cluster.disruptions import node
from flights import demo

LOAD = ("--per-second", "50", "--rows", "1")
TRIED = [{"setWeight": 25}, {"pause": {"duration": "10s"}}]
TRIED += [{"setWeight": 50}, {"pause": {"duration": "20s"}}]


def needs_our_node() -> None:
    if not node.is_ours():
        pytest.skip("reaches into the node of the local cluster")


@pytest.fixture
def stable(answers: Counter[str]) -> Iterator[str]:
    """Serve a good version under load; return its revision."""
    apply(artifact_of("flights-1"), replicas=2, steps=TRIED, deadline="180s")
    demo.wait("trial serves", lambda: condition("Ready").get("status") == "True", 90)
    demo.send_traffic("load", ["01"], *LOAD, model=NAME)
    demo.wait("load flows", lambda: demo.answers("load").total() > 0, 60)
    yield str(demo.revision(name=NAME)["name"])
    demo.kubectl("delete", "pod", "load", "-n", demo.NAMESPACE, "--now", "--ignore-not-found")
    demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)
    demo.wait("its pods are gone", lambda: not demo.kubectl(*SERVING).strip(), 90)


SERVING = (
    "get",
    "pods",
    "-n",
    demo.NAMESPACE,
    "-o",
    "name",
    "-l",
    f"perennial.dev/deployment={NAME}",
)


def begin() -> None:
    """Begin the canary of a good version, and wait until it has traffic."""
    apply(artifact_of("flights-2"), replicas=2, steps=TRIED, deadline="180s")
    demo.wait("the canary has traffic", lambda: "share" in demo.revision("Canary", NAME), 90)


def promoted(stable: str) -> Callable[[], bool]:
    def found() -> bool:
        return bool(demo.revision(name=NAME)["name"] != stable)

    return found


def ends_well(stable: str, seconds: float = 180) -> None:
    """The canary is promoted, and not one request was lost."""
    demo.wait("it was promoted", promoted(stable), seconds)
    demo.wait("it is whole", lambda: condition("Ready").get("status") == "True", 90)
    found = demo.end_traffic("load")
    assert found["failed"] == 0 and len(found) == 2, found


def test_the_operator_is_killed_ten_times(stable: str) -> None:
    begin()
    operator = ("-n", demo.SYSTEM, "-l", "app.kubernetes.io/component=operator")
    for _ in range(10):
        demo.kubectl("delete", "pod", *operator, "--force", "--grace-period=0")
        time.sleep(4)
    ends_well(stable)


def test_the_api_server_hangs_for_two_minutes(stable: str) -> None:
    needs_our_node()
    begin()
    with node.no_api_server():
        time.sleep(120)
    demo.wait("the API server is back", lambda: _is_up(), 120)
    ends_well(stable)


def _is_up() -> bool:
    try:
        return demo.kubectl("get", "--raw", "/readyz").strip() == "ok"
    except RuntimeError:
        return False


def test_the_node_is_drained_and_a_disruption_budget_keeps_stable(stable: str) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "stable", "namespace": demo.NAMESPACE},
        "spec": {
            "maxUnavailable": 0,
            "selector": {"matchLabels": {"perennial.dev/revision": stable}},
        },
    }
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(budget))
    name = demo.kubectl("get", "nodes", "-o", "name").strip().removeprefix("node/")
    begin()
    canary = demo.revision("Canary", NAME)["name"]
    try:
        selected = f"perennial.dev/deployment={NAME}"
        options = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=20s")
        with pytest.raises(RuntimeError, match="disruption budget"):
            demo.kubectl("drain", name, f"--pod-selector={selected}", *options)
        demo.wait("the canary's pods wait for a node", lambda: _none_runs(canary), 60)
        demo.wait("it is told", lambda: "unschedulable" in _told(), 60)
        assert demo.revision(name=NAME)["name"] == stable
    finally:
        demo.kubectl("uncordon", name)
        demo.kubectl("delete", "pdb", "stable", "-n", demo.NAMESPACE)
    ends_well(stable)


def _none_runs(revision: str) -> bool:
    return all(p["status"]["phase"] == "Pending" for p in pods(revision))


def _told() -> str:
    found = demo.get("md", NAME)["status"]["conditions"]
    return " ".join(c.get("message", "") for c in found)


def test_a_quota_is_in_the_way(stable: str) -> None:
    found = json.loads(demo.kubectl("get", "pods", "-n", demo.NAMESPACE, "-o", "json"))["items"]
    there = sum(p["status"]["phase"] in ("Running", "Pending") for p in found)
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full", "namespace": demo.NAMESPACE},
        "spec": {"hard": {"pods": str(there)}},
    }
    demo.kubectl("apply", "-f", "-", stdin=json.dumps(quota))
    try:
        apply(artifact_of("flights-2"), replicas=2, steps=TRIED, deadline="180s")
        demo.wait("the quota is told", lambda: "exceeded quota: full" in _told(), 60)
        time.sleep(10)
        assert demo.revision(name=NAME)["name"] == stable
        assert condition("Available")["status"] == "True"
    finally:
        demo.kubectl("delete", "quota", "full", "-n", demo.NAMESPACE)
    ends_well(stable, 300)


def test_replicas_go_to_nought_and_back(stable: str) -> None:
    begin()
    scale = ("scale", "md", NAME, "-n", demo.NAMESPACE)
    demo.kubectl(*scale, "--replicas=0")
    demo.wait("it has no pods", lambda: not demo.kubectl(*SERVING).strip(), 90)
    assert demo.revision(name=NAME)["name"] == stable
    demo.kubectl(*scale, "--replicas=2")
    demo.wait("it serves again", lambda: condition("Available").get("status") == "True", 90)
    demo.wait("connections reach it", lambda: _counts_on("load"), 30)
    lost = demo.answers("load")["failed"]
    assert demo.revision(name=NAME)["name"] == stable
    demo.wait("it was promoted", promoted(stable), 180)
    assert demo.end_traffic("load")["failed"] == lost


def _counts_on(load: str) -> bool:
    """Tell whether a load is answered now, and loses nothing."""
    before = demo.answers(load)
    time.sleep(3)
    after = demo.answers(load)
    return after["failed"] == before["failed"] and after.total() > before.total()


def test_readiness_flaps(stable: str) -> None:
    needs_our_node()
    begin()
    canary = demo.revision("Canary", NAME)["name"]
    both = [pods(stable)[0], pods(canary)[0]]
    flapping = [threading.Thread(target=node.flap, args=(pod, 8, 4)) for pod in both]
    for thread in flapping:
        thread.start()
    demo.wait("a pod is not ready", lambda: not all(_ready(p) for p in pods(stable)), 30)
    for thread in flapping:
        thread.join()
    ends_well(stable)


def _ready(pod: dict[str, Any]) -> bool:
    found = {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}
    return found.get("Ready") == "True"


def test_the_canary_cannot_be_asked(stable: str) -> None:
    needs_our_node()
    begin()
    canary = demo.revision("Canary", NAME)["name"]
    selector = "app.kubernetes.io/component=operator"
    found = demo.kubectl("get", "pods", "-n", demo.SYSTEM, "-l", selector, "-o", "json")
    operator = json.loads(found)["items"][0]["status"]["podIP"]
    with contextlib.ExitStack() as blocked:
        for pod in pods(canary):
            blocked.enter_context(node.deaf(pod, 9090, operator))
        back = "it was rolled back"
        demo.wait(back, lambda: condition("RolledOut")["reason"] == "Unreachable", 90)
    assert demo.revision(name=NAME)["name"] == stable
    assert "do not answer their metrics port" in condition("RolledOut")["message"]
    assert demo.end_traffic("load")["failed"] == 0
