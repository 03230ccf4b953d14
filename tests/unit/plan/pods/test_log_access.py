"""By the chart's Secret nobody comes to another namespace's request log."""

from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, SETTINGS, conditions, deployment, training

from perennial.plan.pods.log_access import unreadable_log, unwritable_log
from perennial.plan.rollout import DeploymentSnapshot, plan_deployment
from perennial.plan.training import TrainingSnapshot, plan_training

CHART = "perennial-store"
FOREIGN = [
    "s3://models/logs/other/flights/requests/2026-01-01/a.parquet",
    "s3://models/logs/other/flights/requests/",
    "s3://models/logs/other/*.parquet",
    "s3://models/logs/*/flights/requests/*.parquet",
    "s3://models/logs/te*.parquet",
    "s3://models/logs/team*",
    "s3://models/logs/team-b/x.parquet",
    "s3://models/logs/",
    "s3://models/logs*",
    "s3://models/l?gs/other/*.parquet",
    "s3://models/[l]ogs/other/*.parquet",
    "s3://models/*",
    "s3://models/*.parquet",
    "s3://models/",
    "s3://models/logs/team/../other/*.parquet",
    "s3://models/./logs/other/*.parquet",
    "s3://models//logs/other/*.parquet",
    "s3://models//",
    "s3://models/l%6fgs/other/*.parquet",
    "s3://models/logs/team/%2e%2e/other/*.parquet",
    "s3://models/logs #/team/*.parquet",
    "s3://models/logs /*.parquet",
    "s3://models/lo\tgs/other/*.parquet",
    "s3://x@models/logs/other/*.parquet",
    "s3://models@x/logs/other/*.parquet",
    "s3://models:443/logs/other/*.parquet",
    "s3://MODELS/logs/other/*.parquet",
]
HARMLESS = [
    "s3://data/*.parquet",
    "s3://data/logs/other/*.parquet",
    "s3://models/datasets/*.parquet",
    "s3://models/2013.parquet",
    "s3://models/logs/team/flights/requests/*.parquet",
    "s3://models/logs/team/",
    "s3://models/logs/team/*",
    "gs://models/logs/other/*.parquet",
    "pvc://models/logs/other/*.parquet",
]


@pytest.mark.parametrize("uri", FOREIGN)
def test_a_training_that_reads_another_tenants_log_is_refused(uri: str) -> None:
    assert uri in unreadable_log("spec.dataset.uri", uri, CHART, "team", SETTINGS)
    found = told({"dataset": {"uri": uri, "target": "y"}})
    assert "spec.dataset.uri is" in found
    assert told({"dataset": {"uri": uri, "target": "y", "secretRef": {"name": CHART}}}) == found
    # By rights of its own it may.
    assert not told({"dataset": {"uri": uri, "target": "y", "secretRef": {"name": "mine"}}})


@pytest.mark.parametrize("uri", HARMLESS)
def test_one_that_reads_its_own_log_or_other_files_is_not(uri: str) -> None:
    assert not told({"dataset": {"uri": uri, "target": "y"}})


def test_a_store_below_a_prefix_has_its_logs_there() -> None:
    below = replace(SETTINGS, store_uri="s3://all/models/")
    for uri, refused in (
        ("s3://all/models/logs/other/*.parquet", True),
        ("s3://all/*", True),
        ("s3://all/mod*", True),
        ("s3://all/models/logs/team/*.parquet", False),
        ("s3://all/logs/other/*.parquet", False),
        ("s3://all/data/*.parquet", False),
    ):
        assert bool(unreadable_log("f", uri, CHART, "team", below)) == refused, uri


def test_a_container_of_azure_is_the_same_however_its_account_is_written() -> None:
    azure = replace(SETTINGS, store_uri="az://models@account.blob.core.windows.net")
    for place in ("models", "models@account.blob.core.windows.net"):
        assert unreadable_log("f", f"az://{place}/logs/other/*", CHART, "team", azure)
        assert not unreadable_log("f", f"az://{place}/logs/team/*", CHART, "team", azure)


WRITES = [
    ("s3://models", False),
    ("s3://models/team", False),
    ("s3://models/logs/team", False),
    ("s3://models/logs/other", True),
    ("s3://models/logs/other/flights/requests", True),
    ("s3://models/logs/team/../other", True),
]


@pytest.mark.parametrize(("uri", "refused"), WRITES)
def test_nobody_writes_into_another_tenants_log(uri: str, refused: bool) -> None:
    assert bool(unwritable_log("f", uri, CHART, "team", SETTINGS)) == refused
    for name, mine in ((CHART, False), ("mine", True)):
        store = {"uri": uri, "secretRef": {"name": name}}
        assert bool(told({"store": store})) == (refused and not mine)
        owner = deployment({"serving": {"requestLog": {"store": store}}})
        found = conditions(plan_deployment(DeploymentSnapshot(owner, NOW, SETTINGS)))["Stalled"]
        assert (found == ("True", "InvalidSpec")) == (refused and not mine)


def told(spec: dict[str, Any]) -> str:
    """Return why a training in namespace team is refused, '' where it is not."""
    plan = plan_training(TrainingSnapshot(training(spec), NOW, SETTINGS))
    assert plan.status is not None
    stalled = next(c for c in plan.status.conditions if c.type == "Stalled")  # type: ignore[attr-defined]
    if stalled.status == "False":
        assert plan.status.run is not None  # type: ignore[attr-defined]
        return ""
    assert stalled.reason == "InvalidSpec" and plan.status.run is None  # type: ignore[attr-defined]
    return str(stalled.message)
