"""An object that cannot be read: it says so, keeps the rest of its status, and troubles nobody."""

import copy
from typing import Any

import pytest
from builders import NOW, SETTINGS, deployment, monitor, training, version

from perennial.api import DriftMonitor, ModelDeployment, ModelTraining
from perennial.cluster.client import Cluster, Unreadable
from perennial.cluster.queue import Key
from perennial.handlers.controller import Controller
from perennial.handlers.unreadable import stall
from perennial.settings import read
from perennial.sources.pods import Pods


def body(made: Any) -> dict[str, Any]:
    return {
        "kind": made.kind(),
        "metadata": made.metadata.to_json(),
        "spec": made.spec.to_json(),
        "status": made.status.to_json(),
    }


def newer() -> dict[str, Any]:
    """A deployment with a step that only a newer operator knows."""
    made = body(deployment())
    made["spec"]["rollout"]["canary"]["steps"].append({"setMirror": 10})
    return made


class Held(Cluster):
    """A client of an API server that holds these objects."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self.bodies = list(bodies)
        self.statuses: list[Any] = []
        self.events: list[Any] = []

    async def get(self, api: str, kind: str, namespace: str, name: str) -> Any:
        named = (b for b in self.bodies if (b["kind"], b["metadata"]["name"]) == (kind, name))
        return next(named, None)

    async def select(self, api: str, kind: str, *_: str) -> list[Any]:
        return [b for b in self.bodies if b["kind"] == kind]

    async def write_status(self, owner: Any, status: Any) -> bool:
        self.statuses.append(status)
        return True

    async def emit(self, owner: Any, event: Any, now: Any) -> None:
        self.events.append(event)


@pytest.mark.parametrize(
    ("where", "path"),
    [
        (("spec",), "spec.moon"),
        (("spec", "rollout"), "spec.rollout.moon"),
        (("spec", "rollout", "canary", "steps", 0), "spec.rollout.canary.steps[0].moon"),
        (("spec", "model"), "spec.model.moon"),
    ],
)
def test_what_only_a_newer_operator_knows_is_found_wherever_it_is(where: Any, path: str) -> None:
    made = body(deployment())
    assert ModelDeployment.unreadable(made) is None
    place: Any = made
    for part in where:
        place = place[part]
    place["moon"] = {}
    found = ModelDeployment.unreadable(made)
    assert found == (
        "UnknownField",
        f"this operator does not know {path}: upgrade the operator, or take it out",
    )


MONITORED = {
    "tests": [{"name": "shift", "features": ["hour"]}],
    "quality": {"missing": {"maximum": 0.1}},
}
JUDGED = {
    "rollout": {
        "analysis": {"metrics": [{"name": "errors", "errorRate": {"maximum": 0.1}}]},
        "canary": {"steps": [{"setWeight": 50}]},
    }
}
DATA = {"uri": "s3://data/x.parquet", "target": "y", "split": {"random": {"fraction": 0.2}}}


@pytest.mark.parametrize(
    ("made", "where"),
    [
        (training(), ("gates", 0)),
        (training(), ("candidates", 0)),
        (training(), ("objective",)),
        (training({"dataset": DATA}), ("dataset", "split")),
        (training({"schedule": {"cron": "0 3 * * *"}}), ("schedule",)),
        (version(), ("source",)),
        (deployment(), ("rollout", "analysis")),
        (deployment(JUDGED), ("rollout", "analysis", "metrics", 0)),
        (deployment(JUDGED), ("rollout", "analysis", "metrics", 0, "errorRate")),
        (deployment({"serving": {"batching": {"maxRows": 0}}}), ("serving", "batching")),
        (monitor(), ("actions",)),
        (monitor(), ("actions", "retrain")),
        (monitor(MONITORED), ("tests", 0)),
        (monitor(MONITORED), ("quality", "missing")),
    ],
)
def test_so_it_is_in_every_kind(made: Any, where: Any) -> None:
    """A gate, a metric, a test that is passed over would be one that passes."""
    found = body(made)
    kind = type(made)
    assert kind.unreadable(found) is None
    place: Any = found["spec"]
    for part in where:
        place = place[part]
    place["moon"] = {}
    reason, message = kind.unreadable(found)
    assert reason == "UnknownField" and ".moon: upgrade the operator" in message


async def test_it_stalls_with_a_sentence_and_keeps_what_its_status_knew() -> None:
    made = newer()
    artifact = {"uri": "s3://m/", "sha256": "a" * 64}
    made["status"] = {"revisions": [{"name": "r1", "role": "Stable", "artifact": artifact}]}
    cluster = Held(made)
    controller = Controller(cluster, Pods(), SETTINGS, read({})[1])
    assert await controller.reconcile(Key("ModelDeployment", "team", "flights")) is None
    (status,) = cluster.statuses
    found = {c.type: (c.status, c.reason) for c in status.conditions}
    assert found["Stalled"] == ("True", "UnknownField") and found["Ready"][0] == "False"
    assert status.stable.revision == "r1" and status.observed_generation == 1
    assert [e.reason for e in cluster.events] == ["UnknownField"]
    again = copy.deepcopy(made)
    again["status"] = status.to_json()
    await stall(
        cluster, Unreadable(ModelDeployment, again, *ModelDeployment.unreadable(again)), NOW
    )  # type: ignore[misc]
    assert len(cluster.events) == 1, "it is told once"


async def test_a_record_that_a_hand_has_spoilt_stalls_its_own_object() -> None:
    record = {
        "kind": "ControllerRevision",
        "metadata": {
            "name": "flights-x-1",
            "ownerReferences": [{"controller": True, "uid": "uid-flights"}],
        },
        "data": {"other": 1},
    }
    cluster = Held(body(deployment()), record)
    controller = Controller(cluster, Pods(), SETTINGS, read({})[1])
    assert await controller.reconcile(Key("ModelDeployment", "team", "flights")) is None
    (status,) = cluster.statuses
    found = {c.type: (c.status, c.message) for c in status.conditions}
    told = "ControllerRevision flights-x-1 cannot be read: delete it"
    assert found["Stalled"] == ("True", told)


async def test_a_neighbour_that_cannot_be_read_is_left_out() -> None:
    good, bad = body(training()), body(training({"schedule": {"cron": "0 3 * * *"}}))
    bad["metadata"]["name"] = "bad"
    bad["spec"]["schedule"]["cron"] = "0\u00a03 * * * *"
    cluster = Held(good, bad)
    found = await cluster.read_all(ModelTraining, "team")
    assert [t.metadata.name for t in found] == ["flights"]
    assert await cluster.read(ModelTraining, "team", "bad") is None
    with pytest.raises(Unreadable, match=r"spec\.schedule\.cron"):
        await cluster.read_own(ModelTraining, "team", "bad")
    assert await cluster.read_own(DriftMonitor, "team", "none") is None
