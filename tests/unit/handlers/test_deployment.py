"""Gathering what a rollout is decided by."""

from typing import Any

import pytest
from builders import NOW, later, training, version
from builders import deployment as made
from stored import OPTIONS, SETTINGS, Stored, key

from perennial.api import ModelDeployment, ModelVersion
from perennial.handlers import deployment

TEXT = b'perennial_serving_requests_total{code="200"} 7\n'


def pod(name: str, revision: str, ready: bool = True) -> dict[str, Any]:
    status = {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": str(ready)}]}
    return {"metadata": {"name": name, "labels": {"perennial.dev/revision": revision}},
            "status": status}  # fmt: skip


async def test_answers_are_told_beside_who_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(pods: list[Any], path: str) -> dict[str, bytes]:
        assert path == "/metrics"
        said = {"s1": TEXT, "c1": TEXT, "c2": b"<html>{</html>"}
        return {n: said[n] for p in pods if (n := p["metadata"]["name"]) in said}

    monkeypatch.setattr(deployment, "read_pods", read)
    pods = [
        *(pod("s1", "old"), pod("c1", "new"), pod("c2", "new"), pod("c3", "new")),
        *(pod("c4", "new", ready=False), pod("p", "older")),
    ]
    found = await deployment._ask(pods, ["old", "new"])
    assert {r: set(names) for r, names in found.asked.items()} == {
        "old": {"s1"},
        "new": {"c1", "c2", "c3"},
    }
    assert [p.requests for p in found.of("new")] == [7]
    assert found.silent("old") == [] and set(found.silent("new")) == {"c2", "c3"}


OLD, NEW = "a" * 64, "b" * 64
FOLLOWS = {"trainingRef": {"name": "flights"}}
STABLE = {"role": "Stable", "revision": "r-1", "version": "flights-1"}
SERVES = {
    "promotedTime": NOW,
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
    decided = await deployment.observe_and_plan(
        cluster, key(cluster.objects[0]), SETTINGS, OPTIONS, NOW
    )
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


async def test_a_refuted_version_that_the_spec_names_is_served_and_told() -> None:
    cluster: Any = Stored(made({"model": {"versionRef": {"name": "flights-2"}}}), refuted(2, NEW))
    decided = await deployment.observe_and_plan(
        cluster, key(cluster.objects[0]), SETTINGS, OPTIONS, NOW
    )
    assert decided is not None and decided[1].status.stable.version == "flights-2"  # type: ignore[union-attr,attr-defined]
    assert [e.reason for e in decided[1].events] == ["VersionRefuted"]
