"""Whom an event wakes."""

from typing import Any

import pytest
from builders import SHA, deployment, monitor, training

from perennial.api import DriftMonitor, ModelDeployment, ModelTraining, ModelVersion
from perennial.api.base import Kind
from perennial.cluster.queue import Key
from perennial.handlers.wake import everything, owners, related

FOLLOWS = {"model": {"trainingRef": {"name": "fraud"}}}


def named(made: Any, name: str) -> Any:
    return made.model_copy(update={"metadata": made.metadata.model_copy(update={"name": name})})


def version(name: str, served_by: str = "") -> ModelVersion:
    spec = {
        "source": {"trainingRef": {"name": "fraud"}, "run": 1, "candidate": "a"},
        "artifact": {"uri": "s3://m/", "sha256": SHA},
        "dataset": {"uri": "s3://d/", "sha256": SHA, "rows": 1},
        "algorithm": "X",
    }
    status = {"deployments": [{"name": served_by, "role": "Stable"}] if served_by else []}
    meta = {"name": name, "namespace": "team"}
    return ModelVersion.read({"metadata": meta, "spec": spec, "status": status})


def learns_from(name: str) -> Any:
    dataset = {"uri": "s3://data/x.parquet", "target": "y", "timeColumn": "at"}
    return training({"dataset": {**dataset, "feedback": {"deploymentRef": {"name": name}}}})


class Objects:
    """What the API server would answer."""

    def __init__(self) -> None:
        versioned = deployment({"model": {"versionRef": {"name": "fraud-2"}}})
        self.held: dict[type[Kind], list[Any]] = {
            ModelDeployment: [
                named(deployment(FOLLOWS), "shop"),
                named(deployment(FOLLOWS), "bank"),
                named(versioned, "pinned"),
                named(deployment(), "bare"),
            ],
            ModelVersion: [version("fraud-1", "shop"), version("fraud-2"), version("fraud-3")],
            DriftMonitor: [
                named(monitor({"deploymentRef": {"name": "shop"}}), "watch"),
                named(monitor({"deploymentRef": {"name": "bare"}}), "other"),
            ],
            ModelTraining: [named(training(), "fraud"), named(learns_from("shop"), "pupil")],
        }

    async def read_all(self, kind: type[Kind], namespace: str) -> list[Any]:
        assert namespace == "team"
        return self.held[kind]

    async def read(self, kind: type[Kind], namespace: str, name: str) -> Any:
        return next((o for o in self.held[kind] if o.metadata.name == name), None)


async def woken(kind: str, name: str, **body: Any) -> set[tuple[str, str]]:
    key = Key(kind, "team", name)
    found = await related(Objects(), key, body)  # type: ignore[arg-type]
    assert found[0] == key and {k.namespace for k in found} == {"team"}
    return {(k.kind, k.name) for k in found[1:]}


async def test_a_training_wakes_the_deployments_that_follow_it_and_their_monitors() -> None:
    assert await woken("ModelTraining", "fraud") == {
        ("ModelDeployment", "shop"),
        ("ModelDeployment", "bank"),
        ("DriftMonitor", "watch"),  # it tells which run came of its action
    }


async def test_a_deployment_wakes_its_training_its_versions_and_its_monitors() -> None:
    status = {
        "revisions": [{"version": "fraud-2"}],
        "rollout": {"rejected": [{"version": "fraud-3"}]},
    }
    assert await woken("ModelDeployment", "shop", spec=FOLLOWS, status=status) == {
        ("ModelTraining", "fraud"),
        ("ModelTraining", "pupil"),  # it learns from the deployment's feedback
        ("ModelVersion", "fraud-1"),  # no longer named, but its status says that it is served
        ("ModelVersion", "fraud-2"),
        ("ModelVersion", "fraud-3"),
        ("DriftMonitor", "watch"),
    }


async def test_a_version_wakes_its_training_and_the_deployments_that_name_it() -> None:
    labels = {"perennial.dev/training": "fraud"}
    assert await woken("ModelVersion", "fraud-2", metadata={"labels": labels}) == {
        ("ModelTraining", "fraud"),
        ("ModelDeployment", "pinned"),
    }


@pytest.mark.parametrize(
    ("watched", "status", "wakes"),
    [
        ("shop", {"lastAction": {"type": "Retrain"}}, {("ModelTraining", "fraud")}),
        ("shop", {}, set()),
        ("bare", {"lastAction": {"type": "Retrain"}}, set()),
        ("gone", {"lastAction": {"type": "Retrain"}}, set()),
    ],
)
async def test_a_monitor_wakes_the_training_once_it_has_asked_for_something(
    watched: str, status: dict[str, Any], wakes: set[tuple[str, str]]
) -> None:
    spec = {"deploymentRef": {"name": watched}}
    assert await woken("DriftMonitor", "watch", spec=spec, status=status) == wakes


def test_children_wake_whom_their_labels_name() -> None:
    labels = {"perennial.dev/training": "a", "perennial.dev/deployment": "b", "x": "c"}
    assert owners("team", labels) == [
        Key("ModelTraining", "team", "a"),
        Key("ModelDeployment", "team", "b"),
    ]
    assert owners("team", {}) == []


class Served:
    """What lists of the API server answer, by namespace ('' for all)."""

    def __init__(self, **held: list[str]) -> None:
        self.held = held

    async def select(self, api: str, kind: str, namespace: str) -> list[dict[str, Any]]:
        assert api == "perennial.dev/v1alpha1"
        spaces = [namespace] if namespace else list(self.held)
        metas = [{"namespace": s, "name": name} for s in spaces for name in self.held[s]]
        return [{"kind": kind, "metadata": meta} for meta in metas]


async def test_a_resync_finds_all_kinds_in_the_namespaces_that_are_watched_only() -> None:
    cluster: Any = Served(a=["x", "y"], b=["z"])
    kinds = ("ModelTraining", "ModelVersion", "ModelDeployment", "DriftMonitor")
    some = {Key(k, "a", name) for k in kinds for name in ("x", "y")}
    assert set(await everything(cluster, ["a"])) == some
    whole = await everything(cluster, ())
    assert set(whole) == some | {Key(k, "b", "z") for k in kinds} and len(whole) == 12
