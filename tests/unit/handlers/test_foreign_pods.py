"""Pods that only have our labels are not asked, not counted, and stand behind no decision."""

from collections.abc import Sequence
from typing import Any

import pytest
from builders import NOW, SETTINGS, deployment, monitor

from perennial.cluster.queue import Key
from perennial.handlers.observe import deployment as deployments
from perennial.handlers.observe import monitor as monitors
from perennial.handlers.observe import observe_and_plan
from perennial.plan.core import Plan
from perennial.plan.core.questions import Answer, Question
from perennial.plan.serving.pods import serving_pods

STABLE = {"revision": "old-1", "role": "Stable", "artifact": {"uri": "s3://a", "sha256": "a" * 64}}
CANARY = {**STABLE, "revision": "new-1", "role": "Canary"}
SERVING = {"revisions": [STABLE, CANARY]}


def pod(name: str, owner: Any, revision: str = "old-1") -> dict[str, Any]:
    labels = {
        "perennial.dev/deployment": "flights",
        "perennial.dev/revision": revision,
        "pod-template-hash": "5f7",
    }
    meta = {"name": name, "labels": labels, "ownerReferences": [owner] if owner else []}
    status = {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": meta, "status": status}


def owner(kind: str, name: str, controller: bool = True) -> dict[str, Any]:
    return {"kind": kind, "name": name, "controller": controller, "uid": "u"}


OURS = pod("ours", owner("ReplicaSet", "flights-old-1-5f7"))
FOREIGN = [
    pod("bare", None),
    pod("anothers", owner("ReplicaSet", "attacker-5f7")),
    pod("of-a-namesake", owner("ReplicaSet", "flights-old-1-5f7-5f7")),
    pod("of-another-revision", owner("ReplicaSet", "flights-old-1-5f7"), revision="new-1"),
    pod("of-another-model", owner("ReplicaSet", "fligh-old-1-5f7")),
    pod("of-another-kind", owner("StatefulSet", "flights-old-1-5f7")),
    pod("not-controlled", owner("ReplicaSet", "flights-old-1-5f7", controller=False)),
    {"metadata": {"name": "nothing"}},
]


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda p: str(p["metadata"]["name"]))
def test_who_only_has_our_labels_serves_nothing(foreign: Any) -> None:
    assert serving_pods("flights", [foreign, OURS]) == [OURS]


class Cluster:
    """Reads that find two revisions on trial, and pods of ours beside foreign ones."""

    def __init__(self) -> None:
        self.deployment = deployment({"rollout": {"analysis": {}}}, status=SERVING)

    async def read_own(self, kind: Any, *_: str) -> Any:
        return monitor() if kind.kind() == "DriftMonitor" else self.deployment

    async def read(self, *_: Any) -> Any:
        return self.deployment

    async def get(self, *_: Any) -> None:
        return None

    async def select(self, api: str, kind: str, *_: str) -> Any:
        return [*FOREIGN, OURS] if kind == "Pod" else []


async def decided(
    handlers: Any, kind: str, wants: str, plan: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[set[str], Any]:
    """Return which pods were asked, and what was decided on."""
    asked, found = set[str](), list[Any]()

    class Pods:
        async def ask(self, questions: Sequence[Question]) -> tuple[Answer, ...]:
            asked.update(q.pod for q in questions)
            return tuple(Answer(q.pod, q.revision) for q in questions)

        async def drain(self, address: str) -> bool:
            raise AssertionError("no request was turned away from any")

    def planned(snapshot: Any) -> Plan:
        found.append(snapshot)
        return Plan()

    monkeypatch.setattr(wants, lambda *_: True)
    monkeypatch.setattr(handlers, plan, planned)
    key, cluster = Key(kind, "team", "flights"), Cluster()
    await observe_and_plan(cluster, Pods(), key, SETTINGS, NOW)
    (snapshot,) = found
    return asked, snapshot


async def test_a_rollout_is_decided_by_our_own_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = (
        "ModelDeployment",
        "perennial.plan.rollout.analysis.verdict.wants_metrics",
        "plan_deployment",
    )
    asked, snapshot = await decided(deployments, *calls, monkeypatch)
    assert asked == {"ours"} and snapshot.pods == (OURS,)
    assert snapshot.answers.asked == {"old-1": ("ours",), "new-1": ()}


async def test_drift_is_found_by_our_own_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = ("DriftMonitor", "perennial.handlers.observe.monitor.wants_windows", "plan_monitor")
    asked, snapshot = await decided(monitors, *calls, monkeypatch)
    assert asked == {"ours"} and snapshot.asked == 1
