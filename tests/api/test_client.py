"""The operator's client against a real API server: what it writes, and what it leaves alone."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asking import Kubectl
from builders import deployment, run, run_children, served, training
from prometheus_client import REGISTRY
from test_kinds import body

from perennial.api import ModelDeployment, ModelVersion
from perennial.cluster.client import Cluster, Outdated, WriteRefused
from perennial.cluster.health import Readiness
from perennial.cluster.leader import lead
from perennial.plan.core import Deletion, Event
from perennial.plan.core.premise import Name
from perennial.plan.serving.service import service
from perennial.plan.training.run import RunRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def namespace(kubectl: Kubectl) -> Iterator[str]:
    assert kubectl("create", "namespace", "team").code == 0
    yield "team"


def writes() -> float:
    found = [
        s.value for f in REGISTRY.collect() for s in f.samples if s.name.endswith("writes_total")
    ]
    return sum(found)


def owned(kind: str) -> list[dict[str, Any]]:
    """Return the children of an object whose resources are written in every odd way."""
    odd = {"requests": {"cpu": 1, "memory": "1024Mi"}, "limits": {"memory": "2000000Ki"}}
    if kind == "ModelTraining":
        return list(run_children(training({"job": {"resources": odd}}), run(), None))
    pods = {"spec": {"tolerations": [{"key": "gpu"}], "priorityClassName": ""}}
    md = deployment({"serving": {"resources": odd}, "podOverrides": pods})
    live = served(md)
    return [live, service(md, "r1"), service(md, None)]


@pytest.mark.parametrize("kind", ["ModelTraining", "ModelDeployment"])
async def test_what_is_applied_twice_is_written_once(
    cluster: Cluster, namespace: str, kind: str
) -> None:
    for wanted in owned(kind):
        assert await cluster.apply(wanted), wanted["kind"]
        before = writes()
        assert not await cluster.apply(wanted), wanted["kind"]
        assert writes() == before


async def test_a_hand_is_put_back_and_what_others_own_is_left_alone(
    cluster: Cluster, namespace: str, kubectl: Kubectl
) -> None:
    live = owned("ModelDeployment")[0]
    await cluster.apply(live)
    name = f"deploy/{live['metadata']['name']}"
    kubectl("annotate", name, "-n", namespace, "somebody=else")
    assert not await cluster.apply(live)
    kubectl("scale", name, "-n", namespace, "--replicas=7")
    assert await cluster.apply(live)
    shown = await cluster.get("apps/v1", "Deployment", namespace, live["metadata"]["name"])
    assert shown is not None and shown["spec"]["replicas"] == 2
    assert shown["metadata"]["annotations"]["somebody"] == "else"
    live["spec"].pop("replicas")
    kubectl("scale", name, "-n", namespace, "--replicas=7")
    assert not await cluster.apply(live)


async def test_a_status_is_written_where_it_differs_and_only_then(
    cluster: Cluster, namespace: str, kubectl: Kubectl
) -> None:
    made = body("ModelDeployment", "told")
    made["metadata"]["namespace"] = namespace
    assert kubectl("apply", "-f", "-", body=made).code == 0
    read: ModelDeployment = await cluster.read(ModelDeployment, namespace, "told")
    assert read.status.observed_generation == -1
    status = read.status.model_copy(update={"observed_generation": 1, "replicas": 3})
    assert await cluster.write_status(read, status)
    again: ModelDeployment = await cluster.read(ModelDeployment, namespace, "told")
    assert again.status.replicas == 3 and not await cluster.write_status(again, status)
    shorter = status.model_copy(update={"replicas": 0})
    kubectl("annotate", "md", "told", "-n", namespace, "perennial.dev/request=abort/1")
    with pytest.raises(Outdated):
        await cluster.write_status(again, shorter)
    kubectl("delete", "md", "told", "-n", namespace)
    with pytest.raises(Outdated):
        await cluster.write_status(again, shorter)
    kubectl("apply", "-f", "-", body=made)
    with pytest.raises(Outdated):  # made anew: the status is another object's
        await cluster.write_status(again, shorter)


async def test_the_same_event_twice_is_one_that_counts(
    cluster: Cluster, namespace: str, kubectl: Kubectl
) -> None:
    made = body("ModelDeployment", "loud")
    made["metadata"]["namespace"] = namespace
    kubectl("apply", "-f", "-", body=made)
    read = await cluster.read(ModelDeployment, namespace, "loud")
    for minute in range(3):
        moment = NOW + timedelta(minutes=minute)
        await cluster.emit(read, Event("RolledBack", "too slow", "Warning"), moment)
    shown = kubectl("describe", "md", "loud", "-n", namespace).out
    assert shown.count("RolledBack") == 1 and "too slow" in shown and "Warning" in shown
    found = kubectl("get", "events.events.k8s.io", "-n", namespace, "-o", "json").out
    (event,) = [e for e in json.loads(found)["items"] if e["regarding"]["name"] == "loud"]
    assert event["series"] == {"count": 3, "lastObservedTime": "2026-01-01T00:02:00.000000Z"}


async def test_a_namesake_is_not_deleted(cluster: Cluster, namespace: str) -> None:
    config_map = owned("ModelTraining")[0]
    config_map["metadata"]["name"] = "namesake"
    await cluster.apply(config_map)
    key = ("v1", "ConfigMap", namespace, "namesake")
    with pytest.raises(Outdated):
        await cluster.delete(Deletion(*key, uid="another"))
    found = await cluster.get(*key)
    assert found is not None
    await cluster.delete(Deletion(*key, uid=found["metadata"]["uid"]))
    assert await cluster.get(*key) is None
    await cluster.delete(Deletion(*key, uid=found["metadata"]["uid"]))  # gone is as wanted


async def test_a_late_write_brings_nothing_back_and_deletes_nothing_that_has_changed(
    cluster: Cluster, namespace: str
) -> None:
    config_map = owned("ModelTraining")[0]
    config_map["metadata"]["name"] = "late"
    await cluster.apply(config_map)
    key = ("v1", "ConfigMap", namespace, "late")
    seen = await cluster.get(*key)
    assert seen is not None
    meta = seen["metadata"]
    late = {**config_map, "metadata": {**config_map["metadata"], "uid": meta["uid"]}}
    labelled = {**late, "metadata": {**late["metadata"], "labels": {"team": "a"}}}
    assert await cluster.apply(labelled)
    with pytest.raises(Outdated):
        await cluster.delete(Deletion(*key, uid=meta["uid"], version=meta["resourceVersion"]))
    now = await cluster.get(*key)
    assert now is not None
    version = now["metadata"]["resourceVersion"]
    await cluster.delete(Deletion(*key, uid=meta["uid"], version=version))
    with pytest.raises(Outdated):
        await cluster.apply(late)
    assert await cluster.get(*key) is None


async def test_what_was_seen_is_changed_as_that_version_or_not_at_all(
    cluster: Cluster, namespace: str, kubectl: Kubectl
) -> None:
    wanted = served(deployment())
    wanted["metadata"] |= {"namespace": namespace, "name": "versioned"}
    await cluster.apply(wanted)
    key = ("apps/v1", "Deployment", namespace, "versioned")
    first = await cluster.get(*key)
    assert first is not None

    def changed(seen: dict[str, Any], replicas: int) -> dict[str, Any]:
        as_it_was = {field: seen["metadata"][field] for field in ("uid", "resourceVersion")}
        metadata = {**wanted["metadata"], **as_it_was}
        return {**wanted, "metadata": metadata, "spec": {**wanted["spec"], "replicas": replicas}}

    assert await cluster.apply(changed(first, 3))
    second = await cluster.get(*key)
    assert second is not None and second["spec"]["replicas"] == 3
    with pytest.raises(Outdated):
        await cluster.apply(changed(first, 4))
    assert not await cluster.apply(changed(first, 3))  # as wanted, whatever it was
    kubectl("scale", "deploy/versioned", "-n", namespace, "--replicas=7")

    async def look(*_: str) -> dict[str, Any] | None:
        return second  # a cache that has not heard of it

    believing = Cluster(cluster.api)
    believing.look = look  # type: ignore[method-assign]
    with pytest.raises(Outdated):  # the API server knows better
        await believing.apply(changed(second, 4))
    live = await cluster.get(*key)
    assert live is not None and live["spec"]["replicas"] == 7
    await cluster.delete(Deletion(*key, uid=live["metadata"]["uid"]))
    with pytest.raises(Outdated):
        await believing.apply(changed(second, 4))
    assert await cluster.get(*key) is None


@dataclass
class Asked:
    """A premise that notes what it is asked, and says always the same."""

    names: tuple[Name, ...]
    answer: bool
    present: dict[Name, Any] = field(default_factory=dict)

    def allows(self, present: Any, lowered: Name, then: Any) -> bool:
        self.present = dict(present)
        return self.answer


async def test_capacity_is_taken_away_only_where_the_premise_allows_it(
    cluster: Cluster, namespace: str
) -> None:
    wanted = served(deployment(), replicas=2)
    wanted["metadata"] |= {"namespace": namespace, "name": "lowered"}
    await cluster.apply(wanted)
    name = ("apps/v1", "Deployment", namespace, "lowered")
    live = await cluster.get(*name)
    assert live is not None
    other = ("v1", "Service", namespace, "none")
    never, always = Asked((name, other), False), Asked((name, other), True)
    lower = {**wanted, "spec": {**wanted["spec"], "replicas": 1}}
    more = {**wanted, "spec": {**wanted["spec"], "replicas": 3}}
    with pytest.raises(Outdated):
        await cluster.apply(lower, never)
    assert never.present == {name: live, other: None}
    gone = Deletion(*name, uid=live["metadata"]["uid"])
    with pytest.raises(Outdated):
        await cluster.delete(gone, never)
    assert await cluster.apply(more, never) and await cluster.apply(lower, always)
    assert await cluster.delete(gone, Asked((other,), False))  # it is about something else


async def test_a_runs_config_map_never_changes_and_becomes_its_jobs(
    cluster: Cluster, namespace: str
) -> None:
    record, job = run_children(training(), run(7), None)
    assert await cluster.apply(record)
    with pytest.raises(WriteRefused, match="immutable"):
        await cluster.apply({**record, "data": {**record["data"], "run.json": "{}"}})
    assert await cluster.create(job) and not await cluster.create(job)
    name = record["metadata"]["name"]
    live = await cluster.get("batch/v1", "Job", namespace, name)
    found = await cluster.get("v1", "ConfigMap", namespace, name)
    assert live is not None and found is not None
    read = RunRecord.read(found)
    assert read is not None and read.job == job
    handed = read.owned_by_job(live)
    assert handed is not None and await cluster.apply(handed)
    again = await cluster.get("v1", "ConfigMap", namespace, name)
    assert again is not None and again["data"] == record["data"]
    (owner,) = again["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Job", live["metadata"]["uid"])
    kept = RunRecord.read(again)
    assert kept is not None and kept.owned_by_job(live) is None


async def test_a_selector_picks_and_a_refusal_is_raised(
    cluster: Cluster, namespace: str, kubectl: Kubectl
) -> None:
    for name, label in (("one", "a"), ("two", "b")):
        made = body("ModelVersion", name)
        made["metadata"] |= {"namespace": namespace, "labels": {"team": label}}
        kubectl("apply", "-f", "-", body=made)
    found = await cluster.read_all(ModelVersion, namespace, "team=b")
    assert [v.metadata.name for v in found] == ["two"]
    assert await cluster.read(ModelVersion, namespace, "three") is None
    bad = body("ModelVersion", "bad", source={"run": 0})
    bad["metadata"]["namespace"] = namespace
    with pytest.raises(WriteRefused) as refused:
        await cluster.apply(bad)
    told = refused.value.refusal
    assert (told.what, told.code) == (
        "ModelVersion bad",
        422,
    ) and "spec.source.run" in told.sentence


async def holder(cluster: Cluster) -> str:
    lease = await cluster.get("coordination.k8s.io/v1", "Lease", "team", "perennial")
    return str(lease["spec"].get("holderIdentity", "")) if lease else ""


async def test_one_replica_works_at_a_time_and_the_next_need_not_wait_for_the_lease_to_run_out(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    working: list[str] = []
    replicas = {"one": Readiness(), "two": Readiness()}
    most = 0

    async def replica(name: str, stopping: asyncio.Event) -> None:
        async def work(ended: asyncio.Event) -> None:
            nonlocal most
            working.append(name)
            most = max(most, len(working))
            await ended.wait()
            working.remove(name)

        monkeypatch.setenv("HOSTNAME", name)
        await lead(cluster, "perennial", namespace, work, stopping, replicas[name])

    async def until(name: str) -> None:
        for _ in range(200):
            if working == [name]:
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(f"{name} does not lead; {working} do")

    first, second = asyncio.Event(), asyncio.Event()
    one = asyncio.create_task(replica("one", first))
    await until("one")
    two = asyncio.create_task(replica("two", second))
    await asyncio.sleep(0.5)
    assert working == ["one"] and await holder(cluster) == "one"
    assert replicas["two"].is_ready()  # it waits, which is its part
    assert not replicas["one"].is_ready()  # it leads, and nobody has said that it watches
    first.set()
    await asyncio.wait_for(one, 5)
    await until("two")  # within 10 s; a Lease lasts 15 s
    assert await holder(cluster) == "two" and most == 1
    second.set()
    await asyncio.wait_for(two, 5)
    assert await holder(cluster) == ""


async def test_a_replica_that_loses_the_lease_ends(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LEASE", 4), ("RENEW", 2), ("RETRY", 1)):
        monkeypatch.setattr(f"perennial.cluster.leader.{name}_SECONDS", value)
    began = asyncio.Event()

    async def work(ended: asyncio.Event) -> None:
        began.set()
        await ended.wait()

    leading = asyncio.create_task(
        lead(cluster, "stolen", namespace, work, asyncio.Event(), Readiness())
    )
    await asyncio.wait_for(began.wait(), 10)
    path = cluster.path("coordination.k8s.io/v1", "Lease", namespace, "stolen")
    thief = {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 600}}
    await cluster.call("PATCH", path, body=thief, content_type="application/merge-patch+json")
    with pytest.raises(RuntimeError, match="the Lease team/stolen was lost"):
        await asyncio.wait_for(leading, 25)
