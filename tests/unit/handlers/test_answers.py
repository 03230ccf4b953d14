"""Gathering what a rollout is decided by: what is asked of the pods, and what follows."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from builders import SETTINGS, later
from rollout_world import REVISION, World, signature

from perennial.cluster.queue import Key
from perennial.handlers.observe import deployment, observe_and_plan
from perennial.plan.core.questions import Answer, Question
from perennial.plan.core.signature import SignatureAnswer, SignatureQuestion
from perennial_artifact.windows import Bucket, Requests, Window

KEY = Key("ModelDeployment", "team", "flights")
NEW_SHA = "b" * 64


class Cluster:
    """The API server, as a world has it."""

    def __init__(self, world: World, pods: list[dict[str, Any]]) -> None:
        self._world, self._pods = world, pods

    async def read_own(self, *_: Any) -> Any:
        return self._world.deployment

    async def get(self, _: str, kind: str, *__: str) -> Any:
        return self._world.service if kind == "Service" else None

    async def select(self, _: str, kind: str, *__: str) -> Any:
        lists = {
            "Pod": self._pods,
            "Deployment": list(self._world.workloads.values()),
            "Service": list(self._world.services.values()),
        }
        owner = {"uid": self._world.deployment.metadata.uid, "controller": True}
        records = [
            {**r, "metadata": {**r["metadata"], "ownerReferences": [owner]}}
            for r in self._world.records.values()
        ]
        lists["ControllerRevision"] = records
        return lists.get(kind, [])


class Pods:
    """Pods of which the canary's fail each request, or do not answer."""

    def __init__(self, canary: str) -> None:
        self.canary, self.silent = canary, False
        self.asked: list[Question] = []
        self.described: list[SignatureQuestion] = []
        self.drained: list[str] = []

    async def signatures(
        self, questions: Sequence[SignatureQuestion]
    ) -> tuple[SignatureAnswer, ...]:
        self.described += questions
        return tuple(
            SignatureAnswer(q.pod, q.revision, signature("x" if q.revision == self.canary else "y"))
            for q in questions
        )

    async def drain(self, address: str) -> bool:
        self.drained.append(address)
        return len(self.drained) > 1  # not the first time

    async def ask(self, questions: Sequence[Question]) -> tuple[Answer, ...]:
        self.asked += questions
        return tuple(self._heard(q) for q in questions)

    def _heard(self, q: Question) -> Answer:
        if self.silent:
            return Answer(q.pod, q.revision, None, "did not answer its metrics port")
        good, bad = (0, 60) if q.revision == self.canary else (60, 0)
        buckets = [Bucket(q.end - 2, 1, good, 0, bad, [60])]
        window = Window(
            model="m", version="1", since=0, clock=q.end + 1, start=q.start, end=q.end,
            requests=Requests([], buckets),
        )  # fmt: skip
        return Answer(q.pod, q.revision, window)


def pod(revision: str, number: int, **meta: Any) -> dict[str, Any]:
    status = {"podIP": f"10.0.0.{number}", "conditions": [{"type": "Ready", "status": "True"}]}
    labels = {REVISION: revision, "pod-template-hash": "5f7"}
    owner = {"kind": "ReplicaSet", "name": f"flights-{revision}-5f7", "controller": True}
    told = {"name": f"{revision}-{number}", "labels": labels, "ownerReferences": [owner], **meta}
    return {"metadata": told, "status": status}


@pytest.fixture
def trial() -> tuple[World, Cluster, Pods]:
    """A canary that has half of the traffic, as long as a person likes."""
    world = World(
        analysis={}, replicas=2, rollout={"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}
    )
    world.settle()
    world.wish(NEW_SHA)
    for _ in range(8):
        world.step()
    deployment.MEASURED.forget("team", "flights")
    status = world.deployment.status
    assert status.stable is not None and status.canary is not None
    stable, canary = status.stable.revision, status.canary.revision
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    pods = [pod(stable, 1), pod(canary, 2), pod(stable, 3, **going), pod("older", 4)]
    return world, Cluster(world, pods), Pods(canary)


async def decide(cluster: Cluster, pods: Pods, seconds: float) -> Any:
    found = await observe_and_plan(
        cluster, pods, KEY, SETTINGS, later(seconds)  # type: ignore[arg-type]
    )  # fmt: skip
    assert found is not None
    return found[1]


async def test_both_revisions_are_asked_and_what_they_say_is_judged(trial: Any) -> None:
    world, cluster, pods = trial
    plan = await decide(cluster, pods, world.seconds + 4)
    assert {q.address for q in pods.asked} == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}
    assert {q.parts for q in pods.asked} == {("requests",)}
    assert [r.reason for r in plan.status.rejected] == ["AnalysisFailed"]
    assert not plan.may_wait and "RolledBack" in [e.reason for e in plan.events]


async def test_what_was_judged_and_not_written_is_not_asked_for_again(trial: Any) -> None:
    world, cluster, pods = trial
    pods.canary = "nobody"
    step = world.seconds // 2 * 2 + 5.0
    plan = await decide(cluster, pods, step)
    assert plan.may_wait and len(pods.asked) == 3
    began = pods.asked[0].start
    await decide(cluster, pods, step + 0.2)
    assert len(pods.asked) == 3  # within the same two seconds
    plan = await decide(cluster, pods, step + 2)
    assert pods.asked[-1].start == pods.asked[0].end and plan.may_wait
    found = plan.status.analysis.metrics[0].requests
    deployment.MEASURED.forget("team", "flights")  # killed: it begins where it was written
    pods.asked.clear()
    await decide(cluster, pods, step + 2)
    assert pods.asked[0].start == began and found >= 60


async def test_pods_that_do_not_answer_are_silent_not_well(trial: Any) -> None:
    world, cluster, pods = trial
    pods.silent = True
    plan = await decide(cluster, pods, world.seconds + 4)
    assert plan.status.analysis.silent_time is not None
    assert {m.verdict for m in plan.status.analysis.metrics} == {"Unreachable"}
    assert not plan.may_wait


async def test_before_a_canary_has_traffic_a_pod_of_each_tells_what_it_takes() -> None:
    world = World(replicas=2)
    world.settle()
    world.silent = {"canary"}
    world.wish(NEW_SHA)
    world.steps(4)
    deployment.MEASURED.forget("team", "flights")
    status = world.deployment.status
    assert status.stable is not None and status.canary is not None
    stable, canary = status.stable.revision, status.canary.revision
    pods = Pods(canary)
    of_stable = [pod(stable, n) for n in range(1, 8)]
    await decide(Cluster(world, of_stable), pods, world.seconds)
    assert not pods.described  # there is nothing to compare with yet
    plan = await decide(Cluster(world, [*of_stable, pod(canary, 9)]), pods, world.seconds)
    asked = [(q.revision, q.address, q.model) for q in pods.described]
    assert asked[0] == (canary, "10.0.0.9", "flights")
    assert {revision for revision, *_ in asked[1:]} == {stable} and len(asked) == 4
    assert plan.status.paused == "SignatureChanged"
    assert "input 'y' is gone" in plan.status.signature.message


async def test_pods_that_requests_were_turned_away_from_let_their_clients_go_once() -> None:
    world = World(replicas=1, rollout={"canary": {"steps": [{"setWeight": 50}]}})
    world.settle()
    old = world.deployment.status.stable
    world.wish(NEW_SHA)
    for _ in range(30):
        world.step()
    new = world.deployment.status.stable
    assert old is not None and new is not None and new.revision != old.revision
    kept, serving = pod(old.revision, 1), pod(new.revision, 2)
    going = pod(old.revision, 3, deletionTimestamp="2026-01-01T00:00:00Z")
    cluster, pods = Cluster(world, [kept, serving, going]), Pods("")
    deployment.DRAINED.forget("team", "flights")
    plan = await decide(cluster, pods, world.seconds)
    assert not pods.drained and plan.requeue_after <= 2
    for seconds in (2.5, 5, 7.5, 10):
        await decide(cluster, pods, world.seconds + seconds)
        await asyncio.gather(*deployment.DRAINED.tasks)
    assert pods.drained == ["10.0.0.1"] * 2  # what failed is tried again, what was done is not
