"""One reconcile: the order of its effects, and what it leaves where one of them fails."""

import time
from datetime import datetime
from typing import Any

import pytest
from builders import SETTINGS, deployment, monitor
from prometheus_client import REGISTRY

from perennial.cluster import metrics
from perennial.cluster.client import Outdated
from perennial.cluster.queue import Key
from perennial.handlers import controller
from perennial.handlers.controller import ANEW_SECONDS, Controller
from perennial.handlers.observe.monitor import export
from perennial.plan.core import Deletion, Event, Plan
from perennial.settings import read
from perennial.sources.pods import Pods

KEY = Key("ModelDeployment", "team", "flights")
OWNER = deployment()
PLAN = Plan(
    apply=({"kind": "Deployment"}, {"kind": "Service"}),
    delete=(Deletion("apps/v1", "Deployment", "team", "old", "uid"),),
    status=OWNER.status,
    events=(Event("CanaryPromoted", "it is stable now"), Event("Serving", "it serves")),
    requeue_after=7.0,
)
ORDER = ["apply Deployment", "apply Service", "delete old", "status", "CanaryPromoted", "Serving"]


class Recorder:
    """Notes what is done, and fails at a step."""

    def __init__(self, fail_at: str = "", error: Exception | None = None) -> None:
        self.done: list[str] = []
        self._fail_at, self._error = fail_at, error or RuntimeError("the API server is away")

    def _note(self, what: str) -> None:
        if what == self._fail_at:
            raise self._error
        self.done.append(what)

    async def apply(self, wanted: dict[str, Any], premise: Any = None) -> None:
        self._note(f"apply {wanted['kind']}")

    async def delete(self, deletion: Deletion, premise: Any = None) -> None:
        self._note(f"delete {deletion.name}")

    async def write_status(self, *_: Any) -> None:
        self._note("status")

    async def emit(self, _: Any, event: Event, now: datetime) -> None:
        self._note(event.reason)


def made(recorder: Recorder) -> Controller:
    return Controller(recorder, Pods(), SETTINGS, read({})[1])  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def decided(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gather(*_: Any) -> Any:
        return OWNER, PLAN

    monkeypatch.setattr(controller, "observe_and_plan", gather)


def counted(result: str) -> float:
    labels = {"controller": "ModelDeployment", "result": result}
    return REGISTRY.get_sample_value("perennial_controller_reconcile_total", labels) or 0.0


def last_success() -> float:
    return REGISTRY.get_sample_value("perennial_controller_last_success_timestamp_seconds") or 0.0


async def test_children_then_status_then_events() -> None:
    recorder, before, began = Recorder(), counted("requeue_after"), time.time()
    assert await made(recorder).reconcile(KEY) == 7.0
    assert recorder.done == ORDER and counted("requeue_after") == before + 1
    assert last_success() >= began


@pytest.mark.parametrize("step", ORDER)
async def test_a_step_that_fails_ends_the_pass_and_is_counted(step: str) -> None:
    recorder, before, success = Recorder(step), counted("error"), last_success()
    with pytest.raises(RuntimeError):
        await made(recorder).reconcile(KEY)
    assert last_success() == success
    assert recorder.done == ORDER[: ORDER.index(step)] and counted("error") == before + 1


async def test_what_was_decided_about_an_old_object_is_decided_anew_and_not_told() -> None:
    recorder, before = Recorder("status", Outdated()), counted("conflict")
    assert await made(recorder).reconcile(KEY) == ANEW_SECONDS
    assert "CanaryPromoted" not in recorder.done and counted("conflict") == before + 1


async def test_an_object_that_is_gone_takes_its_series_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def gather(*_: Any) -> None:
        return None

    monkeypatch.setattr(controller, "observe_and_plan", gather)
    labels = {"namespace": "team", "name": "flights", "version": "v1", "sha256": "a"}
    labels["role"] = "stable"

    def series() -> float | None:
        return REGISTRY.get_sample_value("perennial_model_info", labels)

    metrics.MODEL_INFO.set(("team", "flights"), [(("v1", "a", "stable"), 1.0)])
    assert series() == 1
    assert await made(Recorder()).reconcile(KEY) is None
    assert series() is None


async def test_an_object_that_is_gone_may_take_its_namespace_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def gone(*_: Any) -> None:
        return None

    monkeypatch.setattr(controller, "observe_and_plan", gone)
    found, forgotten = made(Recorder()), list[str]()
    monkeypatch.setattr(found.store, "forget", forgotten.append)
    await found.reconcile(KEY)
    assert forgotten == ["team"]


def test_an_action_is_counted_once_however_often_it_is_looked_at() -> None:
    labels = {"namespace": "team", "name": "flights", "action": "Retrain"}

    def counted() -> float | None:
        return REGISTRY.get_sample_value("perennial_drift_actions_total", labels)

    export(monitor())
    assert counted() == 0
    for _ in range(3):
        export(monitor(status={"retrainings": 2}))
        assert counted() == 2
    family = next(f for f in REGISTRY.collect() if f.name == "perennial_drift_actions")
    assert family.type == "counter"
    metrics.forget("DriftMonitor", "team", "flights")
    assert counted() is None


def test_what_the_operator_must_count_is_there() -> None:
    families = {f.name: f for f in REGISTRY.collect()}
    for name in (
        "perennial_controller_reconcile",
        "perennial_controller_reconcile_time_seconds",
        "perennial_api_writes",
        "workqueue_depth",
        "perennial_model_info",
        "leader_election_master_status",
        "perennial_condition_since_timestamp_seconds",
    ):
        assert name in families
