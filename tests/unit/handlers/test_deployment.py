"""Gathering what a rollout is decided by."""

from typing import Any

import pytest
from builders import NOW, later, training, version
from builders import deployment as made
from stored import SETTINGS, Stored, key

from perennial.api import ModelDeployment, ModelVersion
from perennial.handlers.observe import deployment as observed
from perennial.handlers.observe import observe_and_plan
from perennial.plan.core import Plan
from perennial.plan.rollout import DeploymentSnapshot
from perennial.plan.serving.service import service
from perennial.sources.pods import Pods

OLD, NEW = "a" * 64, "b" * 64
FOLLOWS = {"trainingRef": {"name": "flights"}}
STABLE = {"role": "Stable", "revision": "r-1", "version": "flights-1"}
SERVES = {
    "rollout": {"promotedTime": NOW},
    "revisions": [{**STABLE, "artifact": {"uri": "s3://models/t/", "sha256": OLD}}],
}


def refuted(number: int, sha: str) -> ModelVersion:
    outcome = {"reason": "RolledBack", "deployment": "shop", "message": "too slow"}
    return version(number, sha, outcome={**outcome, "time": later(0)})


def asked_for(owner: ModelDeployment, *versions: ModelVersion) -> Stored:
    """Return a cluster whose training has the last of the versions for its champion."""
    metric = {"name": "roc_auc", "value": 0.9}
    newest = versions[-1]
    champion = {"version": newest.metadata.name, "uri": "s3://models/t/", "metric": metric}
    champion["sha256"] = newest.spec.artifact.sha256
    return Stored(owner, training(status={"champion": champion}), *versions)


async def told(cluster: Any) -> Any:
    """Return the status that is decided on."""
    decided = await observe_and_plan(cluster, Pods(), key(cluster.objects[0]), SETTINGS, NOW)
    assert decided is not None
    return decided[1].status


async def test_where_nothing_serves_a_refuted_champion_gives_way_to_the_newest_other() -> None:
    cluster = asked_for(made({"model": FOLLOWS}), version(1, OLD), refuted(2, NEW))
    status = await told(cluster)
    assert status.stable.version == "flights-1"
    assert [r.version for r in status.rejected] == ["flights-2"]
    assert "ModelVersions perennial.dev/training=flights" in cluster.asked


async def test_without_another_version_it_waits_and_says_what_was_refuted() -> None:
    status = await told(asked_for(made({"model": FOLLOWS}), refuted(2, NEW)))
    (ready,) = [c for c in status.conditions if c.type == "Ready"]
    assert status.stable is None and ready.reason == "VersionRefuted"
    assert "flights-2" in ready.message and "too slow" in ready.message


async def test_a_champion_that_is_not_refuted_needs_no_other_version_to_be_read() -> None:
    cluster = asked_for(made({"model": FOLLOWS}), version(2, NEW))
    assert (await told(cluster)).stable.version == "flights-2"
    assert not any(asked.startswith("ModelVersions") for asked in cluster.asked)


async def test_what_is_tried_by_a_canary_anyway_is_not_looked_up() -> None:
    cluster = asked_for(made({"model": FOLLOWS}, status=SERVES), refuted(2, NEW))
    await told(cluster)
    assert not any(asked.startswith("ModelVersion") for asked in cluster.asked)


async def test_scaled_to_zero_nothing_is_tried_so_a_refuted_champion_is_looked_up() -> None:
    cluster = asked_for(made({"model": FOLLOWS, "replicas": 0}, status=SERVES), refuted(2, NEW))
    status = await told(cluster)
    assert status.stable.version == "flights-1"
    assert [r.version for r in status.rejected] == ["flights-2"]


def recorded(number: int, sha: str, *inputs: str) -> ModelVersion:
    """Return a version whose signature is recorded."""
    made = version(number, sha)
    told = [{"name": name, "datatype": "FP32", "shape": [-1, 1]} for name in inputs]
    body = {**made.spec.to_json(), "signature": {"inputs": told, "outputs": []}}
    return ModelVersion.read({"metadata": made.metadata, "spec": body})


@pytest.mark.parametrize(
    ("inputs", "serves"), [(("hour",), "flights-1"), (("hour", "carrier", "x"), "flights-2")]
)
async def test_scaled_to_zero_what_is_recorded_to_take_less_waits_for_pods_to_ask(
    inputs: tuple[str, ...], serves: str
) -> None:
    versions = (recorded(1, OLD, "hour", "carrier"), recorded(2, NEW, *inputs))
    cluster = asked_for(made({"model": FOLLOWS, "replicas": 0}, status=SERVES), *versions)
    live = service(cluster.objects[0], "r-1")  # type: ignore[arg-type]
    live["metadata"] |= {"uid": "uid-service", "resourceVersion": "1"}
    cluster.objects += (live,)
    status = await told(cluster)
    assert status.stable.version == serves
    assert (status.canary is not None) == (serves == "flights-1")


async def test_what_is_about_to_go_is_not_decided_about_and_nothing_of_it_is_made_again() -> None:
    """Its children go by their owner reference, whatever was on trial."""
    canary = {"role": "Canary", "revision": "r-2", "name": "r-2"}
    trial = [
        {**STABLE, "artifact": {"uri": "s3://models/t/", "sha256": OLD}},
        {**canary, "artifact": {"uri": "s3://models/t/", "sha256": NEW}},
    ]
    going = made({"model": FOLLOWS}, status={**SERVES, "revisions": trial})
    told = {"deletion_timestamp": NOW}
    going = going.model_copy(update={"metadata": going.metadata.model_copy(update=told)})
    cluster: Any = asked_for(going, version(1, OLD), version(2, NEW))
    decided = await observe_and_plan(cluster, Pods(), key(going), SETTINGS, NOW)
    assert decided is None


@pytest.mark.parametrize("taken", [True, False])
async def test_a_service_of_the_canarys_name_that_is_not_ours_is_seen(
    taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has not our labels, so that no list tells of it."""
    canary = {"role": "Canary", "revision": "r-2", "artifact": {"uri": "s3://b/", "sha256": NEW}}
    trial = {**SERVES, "revisions": [*SERVES["revisions"], canary]}
    owner = made({"model": FOLLOWS}, status=trial)
    live = service(owner, None)
    found: list[DeploymentSnapshot] = []

    async def get(api_version: str, kind: str, namespace: str, name: str) -> Any:
        named: dict[str, Any] = {
            "flights": live,
            "flights-canary": {"metadata": {}} if taken else None,
        }
        return named.get(name) if kind == "Service" else None

    def planned(snapshot: DeploymentSnapshot) -> Plan:
        found.append(snapshot)
        return Plan()

    cluster: Any = asked_for(owner, version(1, OLD), version(2, NEW))
    monkeypatch.setattr(cluster, "get", get)
    monkeypatch.setattr(observed, "plan_deployment", planned)
    await observe_and_plan(cluster, Pods(), key(owner), SETTINGS, NOW)
    assert found[0].taken == ({"flights-canary"} if taken else set())


async def test_a_refuted_version_that_the_spec_names_is_served_and_told() -> None:
    cluster: Any = Stored(made({"model": {"versionRef": {"name": "flights-2"}}}), refuted(2, NEW))
    decided = await observe_and_plan(cluster, Pods(), key(cluster.objects[0]), SETTINGS, NOW)
    assert decided is not None and decided[1].status.stable.version == "flights-2"  # type: ignore[union-attr,attr-defined]
    assert [e.reason for e in decided[1].events] == ["VersionRefuted"]


@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_copy_of_a_child_by_another_name_is_left_alone(is_ours: bool) -> None:
    """As made by kubectl get -o yaml, edit, apply: with all labels, and our owner reference."""
    owner = made({"model": FOLLOWS}, status=SERVES)
    copy = service(owner, "r-1")
    copy["metadata"] |= {"name": "flights-outside", "uid": "uid-copy", "resourceVersion": "1"}
    if not is_ours:
        copy["metadata"]["ownerReferences"] = []
    cluster: Any = asked_for(owner, version(1, OLD))
    cluster.objects += (copy,)
    decided = await observe_and_plan(cluster, Pods(), key(owner), SETTINGS, NOW)
    assert decided is not None
    (stalled,) = [c for c in decided[1].status.conditions if c.type == "Stalled"]  # type: ignore[union-attr,attr-defined]
    assert stalled.reason != "NameConflict", stalled.message
    assert "flights-outside" not in {deletion.name for deletion in decided[1].delete}
