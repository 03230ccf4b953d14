"""Where a version is deployed, and what became of it."""

from typing import Any

import builders
from builders import NOW, SHA, conditions, deployment, later

from perennial.api import ModelDeployment, ModelVersion
from perennial.api.version import Metric
from perennial.plan.version import VersionSnapshot, plan_version

REFERENCE = {"artifact": {"uri": "s3://m/", "sha256": SHA}, "revision": "r"}


def version(**status: Any) -> ModelVersion:
    made = builders.version(2, **status)
    metrics = [Metric(name="roc_auc", value=0.78149), Metric(name="accuracy", value=0.9)]
    return made.model_copy(update={"spec": made.spec.model_copy(update={"metrics": metrics})})


def serving(name: str, **roles: str) -> ModelDeployment:
    served = [{**REFERENCE, "role": r.capitalize(), "version": v} for r, v in roles.items()]
    made = deployment(status={"revisions": served})
    return made.model_copy(update={"metadata": made.metadata.model_copy(update={"name": name})})


def rejecting(
    name: str, at: float, which: str = "flights-2", reason: str = "AnalysisFailed"
) -> ModelDeployment:
    told = {"revision": "r", "version": which, "reason": reason, "message": "too slow"}
    made = deployment(status={"rollout": {"rejected": [{**told, "time": later(at)}]}})
    return made.model_copy(update={"metadata": made.metadata.model_copy(update={"name": name})})


def look(v: ModelVersion, *deployments: ModelDeployment, at: float = 0) -> ModelVersion:
    plan = plan_version(VersionSnapshot(v, deployments, later(at)))
    assert not plan.apply and not plan.delete and not plan.events
    return v.model_copy(update={"status": plan.status})


def test_a_version_that_nobody_serves() -> None:
    seen = look(version(), serving("other", stable="flights-1"))
    plan = plan_version(VersionSnapshot(seen, (), NOW))
    assert conditions(plan)["Deployed"] == ("False", "NotServed")
    assert seen.status.outcome is None and seen.status.printed.metric == "roc_auc=0.781"


def test_everybody_who_serves_it_is_listed_with_the_role() -> None:
    seen = look(
        version(),
        serving("shop", stable="flights-1", canary="flights-2"),
        serving("bank", stable="flights-2"),
    )
    assert [(d.name, d.role) for d in seen.status.deployments] == [
        ("bank", "Stable"),
        ("shop", "Canary"),
    ]
    deployed = seen.status.conditions[0]
    assert deployed.message == "by bank (Stable), shop (Canary)"


def test_promotion_and_rollback_are_told_and_the_newest_counts() -> None:
    seen = look(version(), rejecting("shop", 10), at=10)
    assert seen.status.outcome is not None
    told = seen.status.outcome
    assert (told.reason, told.deployment, told.message) == ("RolledBack", "shop", "shop: too slow")
    seen = look(seen, serving("shop", stable="flights-2"), at=60)
    assert seen.status.outcome is not None and seen.status.outcome.reason == "Promoted"
    assert look(seen, serving("shop", stable="flights-2"), at=99).status == seen.status
    assert look(seen, rejecting("shop", 10), at=99).status.outcome == seen.status.outcome
    later_on = look(seen, rejecting("shop", 80), at=99)
    assert later_on.status.outcome is not None and later_on.status.outcome.reason == "RolledBack"


def test_one_that_is_undone_is_rolled_back_though_it_serves_until_the_other_can() -> None:
    """However often it is looked at meanwhile: it took seconds, or waited for a node."""
    told = {"name": "r", "version": "flights-2", "reason": "AnalysisFailed", "message": "too slow"}
    rejected = {"rejected": [{**told, "time": later(10)}]}
    served = [{**REFERENCE, "role": "Stable", "version": "flights-2"}]
    seen = look(version(), serving("flights", stable="flights-2"), at=0)
    undone = deployment(status={"revisions": served, "rollout": rejected})
    for at in (11, 20, 30):
        seen = look(seen, undone, at=at)
        assert seen.status.outcome is not None and seen.status.outcome.reason == "RolledBack"


def test_the_rejection_of_another_version_is_none_of_its_business() -> None:
    assert look(version(), rejecting("shop", 10, "flights-1")).status.outcome is None


def test_one_that_serves_it_while_another_rolled_it_back_changes_nothing_at_rest() -> None:
    both = (serving("bank", stable="flights-2"), rejecting("shop", 80))
    seen = look(version(), *both, at=90)
    assert look(seen, *both, at=95).status == seen.status


def test_a_version_that_nobody_had_time_for_is_not_refuted() -> None:
    seen = look(version(), rejecting("shop", 5, reason="DeadlineExceeded"))
    assert seen.status.outcome is None
