"""What Prometheus is told of objects, for as long as there are any: conditions and pods."""

from typing import Any

import pytest
from builders import NOW, deployment, later, monitor
from prometheus_client import REGISTRY
from test_carry import OWNER, PLAN, Refusing

from perennial.api import ModelDeployment
from perennial.cluster import metrics
from perennial.cluster.client import Unreadable
from perennial.cluster.queue import Later
from perennial.handlers.carry import carry_out
from perennial.handlers.observe.deployment import export
from perennial.handlers.observe.monitor import export as export_monitor
from perennial.handlers.unreadable import stall
from perennial.plan.core import Plan, condition

SINCE = "perennial_condition_since_timestamp_seconds"


@pytest.fixture(autouse=True)
def nothing_known() -> Any:
    yield
    for kind in ("ModelDeployment", "DriftMonitor"):
        metrics.forget(kind, "team", "flights")


def conditions(kind: str = "ModelDeployment") -> dict[str, tuple[str, str, float]]:
    """Return the status, the reason and the time that are exported of each condition."""
    samples = [s for f in REGISTRY.collect() if f.name == SINCE for s in f.samples]
    about = [s for s in samples if (s.labels["kind"], s.labels["name"]) == (kind, "flights")]
    found = {s.labels["type"]: (s.labels["status"], s.labels["reason"], s.value) for s in about}
    assert len(found) == len(about), "one series a condition"
    return found


def told(status: bool, reason: str, since: Any = NOW) -> Any:
    made = condition("Paused", status, reason).model_copy(update={"last_transition_time": since})
    return Plan(status=OWNER.status.model_copy(update={"conditions": [made]}))


async def test_a_condition_is_exported_with_the_time_since_which_it_is_so() -> None:
    await carry_out(Refusing(0, 0), OWNER, told(False, "NotPaused", later(-60)), NOW)
    assert conditions() == {"Paused": ("False", "NotPaused", NOW.timestamp() - 60)}
    await carry_out(Refusing(0, 0), OWNER, told(True, "Requested"), NOW)
    assert conditions() == {"Paused": ("True", "Requested", NOW.timestamp())}


async def test_what_is_not_decided_anew_is_exported_as_it_is_known() -> None:
    owner = OWNER.model_copy(update={"status": told(True, "Requested").status})
    await carry_out(Refusing(0, 0), owner, Plan(), NOW)
    assert conditions()["Paused"][:2] == ("True", "Requested")


async def test_a_refused_write_is_exported_too() -> None:
    with pytest.raises(Later):
        await carry_out(Refusing(422, 0, "Deployment"), OWNER, PLAN, NOW)
    assert conditions()["Stalled"] == ("True", "WriteRefused", NOW.timestamp())
    with pytest.raises(Later):
        await carry_out(Refusing(403, 0, "status"), OWNER, told(True, "Requested"), NOW)
    assert conditions()["Paused"][:2] == ("True", "Requested"), "though the status was refused"


async def test_objects_of_two_kinds_with_one_name_do_not_mix_and_go_by_themselves() -> None:
    await carry_out(Refusing(0, 0), OWNER, told(True, "Requested"), NOW)
    await carry_out(Refusing(0, 0), monitor(), told(False, "NotPaused"), NOW)
    assert conditions()["Paused"][0] == "True"
    assert conditions("DriftMonitor")["Paused"][0] == "False"
    metrics.forget("ModelDeployment", "team", "flights")
    assert not conditions() and conditions("DriftMonitor")


async def test_an_object_whose_very_status_cannot_be_read_is_stalled_since_ever() -> None:
    body = {"metadata": OWNER.metadata.to_json(), "status": {"conditions": "none"}}
    await stall(Refusing(0, 0), Unreadable(ModelDeployment, body, "Unreadable", "?"), NOW)
    assert conditions() == {"Stalled": ("True", "Unreadable", 0.0)}


def test_pods_are_told_by_role() -> None:
    artifact = {"uri": "s3://m/", "sha256": "a" * 64}
    revisions = [
        {"name": "r1", "role": "Stable", "artifact": artifact, "replicas": 2, "readyReplicas": 2},
        {"name": "r2", "role": "Canary", "artifact": artifact, "replicas": 1},
        {"name": "r0", "role": "Previous", "artifact": artifact},
    ]

    def pods() -> dict[tuple[str, str], float]:
        families = [f for f in REGISTRY.collect() if f.name.startswith("perennial_model_r")]
        return {(f.name, s.labels["role"]): s.value for f in families for s in f.samples}

    export(deployment(status={"revisions": revisions}))
    wanted, ready = "perennial_model_replicas", "perennial_model_ready_replicas"
    assert pods() == {
        (wanted, "stable"): 2, (wanted, "canary"): 1, (ready, "stable"): 2, (ready, "canary"): 0,
    }  # fmt: skip
    export(deployment(status={"revisions": revisions[:1]}))
    assert set(pods()) == {(wanted, "stable"), (ready, "stable")}


def watched(name: str, **labels: str) -> float | None:
    """Return the value of a series about the monitor."""
    found: float | None = REGISTRY.get_sample_value(
        name, {"namespace": "team", "name": "flights", **labels}
    )
    return found


PATIENCE = "perennial_performance_patience_seconds"
HOUR = 3600.0
RATE = {"metrics": [{"name": "late", "alertRate": {"class": "late", "maximum": 0.1}}]}


@pytest.mark.parametrize(
    ("spec", "hours"),
    [
        ({}, 24 + 24),
        ({"window": "1h", "maturity": "10m"}, 24),
        ({"window": "72h", "maturity": "12h"}, 84),
    ],
)
def test_how_long_a_version_is_learned_goes_by_its_window_and_how_late_labels_come(
    spec: dict[str, Any], hours: float
) -> None:
    export_monitor(monitor({"performance": {**RATE, **spec}}))
    assert watched(PATIENCE) == hours * HOUR


@pytest.mark.parametrize(("late", "hours"), [({"maturity": "720h"}, 720), ({}, 70 * 24 / 24)])
def test_a_report_has_its_time_and_labels_that_come_after_weeks(
    late: dict[str, Any], hours: float
) -> None:
    asked = {**RATE, "from": "Log", "window": "24h", **late}
    spec = {"performance": asked, "report": {"every": "12h", "deadline": "1h"}}
    export_monitor(monitor(spec))
    assert watched(PATIENCE) == (24 + hours + 13) * HOUR


def test_performance_that_nobody_asked_for_has_no_patience() -> None:
    export_monitor(monitor())
    assert watched(PATIENCE) is None


def test_what_is_estimated_is_exported_while_it_is_known() -> None:
    value, reference = (f"perennial_estimated_performance_{e}" for e in ("value", "reference"))
    known = {"metric": "Accuracy", "value": 0.81, "standardError": 0.01, "reference": 0.9}
    export_monitor(monitor(status={"estimated": {**known, "rows": 900}}))
    assert (watched(value, metric="Accuracy"), watched(reference, metric="Accuracy")) == (0.81, 0.9)
    export_monitor(monitor(status={"estimated": {}}))
    assert watched(value, metric="Accuracy") is None
    assert watched(reference, metric="Accuracy") is None


def test_notifications_are_counted_and_one_that_is_given_up_is_told_by_its_time() -> None:
    failed = "perennial_notification_failed_timestamp_seconds"

    def told(**changes: Any) -> float | None:
        found = {"id": "1", "time": NOW, "message": "x drifted", "lastTime": NOW, **changes}
        export_monitor(monitor(status={"notification": found, "notifications": 3}))
        return watched(failed)

    assert told(tries=9) is None  # it is tried once more
    assert watched("perennial_drift_actions_total", action="Notify") == 3
    assert told(tries=10) == NOW.timestamp()
    assert told(tries=9, delivered=True) is None
