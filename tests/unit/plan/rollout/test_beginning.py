"""With what a ModelDeployment begins: not with what live traffic refuted."""

import pytest
from builders import conditions, later, version
from rollout_world import World

from perennial.api import ModelVersion
from perennial.plan.rollout import plan_deployment

OLD, NEW, NEWEST = "a" * 64, "b" * 64, "c" * 64
FOLLOWS = {"trainingRef": {"name": "flights"}}


def refuted(number: int, sha: str) -> ModelVersion:
    told = "shop: flights-3 was rolled back: too slow"
    outcome = {"reason": "RolledBack", "deployment": "shop", "message": told, "time": later(0)}
    return version(number, sha, outcome=outcome)


def offered(*others: ModelVersion, **spec: object) -> World:
    """A training whose newest version was rolled back, and a deployment that follows it."""
    world = World(model=FOLLOWS, **spec)
    world.train(3, NEW)
    world.version = refuted(3, NEW)
    world.versions = [*others, world.version]
    return world


def stable_version(world: World) -> str:
    stable = world.deployment.status.stable
    return stable.version if stable is not None else ""


def test_it_begins_with_the_newest_version_that_was_not_refuted() -> None:
    world = offered(version(2, OLD), version(1, "d" * 64))
    world.settle()
    world.steps(30)
    status = world.deployment.status
    assert stable_version(world) == "flights-2" and status.canary is None
    assert [r.version for r in status.rejected] == ["flights-3"]
    found = {c.type: c for c in status.conditions}
    assert (found["Ready"].status, found["Ready"].reason) == ("True", "RolledBack")
    assert "flights-3 was rolled back: too slow" in found["RolledOut"].message


def test_without_another_it_waits_for_one_and_says_so() -> None:
    world = offered()
    world.settle()
    assert not world.workloads
    found = {c.type: c for c in world.deployment.status.conditions}
    assert (found["Ready"].status, found["Ready"].reason) == ("False", "VersionRefuted")
    assert "too slow" in found["Ready"].message and "ask for retry" in found["Ready"].message
    world.train(4, NEWEST)
    world.version = version(4, NEWEST)
    world.settle()
    assert stable_version(world) == "flights-4"


@pytest.mark.parametrize("others", [[], [version(1, OLD)]])
def test_retry_gives_it_another_chance(others: list[ModelVersion]) -> None:
    world = offered(*others)
    world.settle()
    world.ask("retry/1")
    world.settle()
    assert stable_version(world) == "flights-3"
    assert not world.deployment.status.rejected


def test_one_that_has_never_served_does_not_take_it_either() -> None:
    world = World(model=FOLLOWS)
    world.train(1, OLD)
    world.broken[OLD] = "silent"
    world.steps(3)
    world.train(3, NEW)
    world.version = refuted(3, NEW)
    world.steps(3)
    assert stable_version(world) == "flights-1"


def test_one_without_pods_does_not_take_it_unseen() -> None:
    world = World(model=FOLLOWS)
    world.train(1, OLD)
    world.settle()
    world.change(replicas=0)
    world.settle()
    world.train(3, NEW)
    world.version = refuted(3, NEW)
    world.settle()
    assert stable_version(world) == "flights-1"
    world.ask("retry/1")
    world.settle()
    assert stable_version(world) == "flights-3"


def test_one_that_serves_tries_by_a_canary_what_another_refuted() -> None:
    world = World(model=FOLLOWS)
    world.train(1, OLD)
    world.settle()
    world.train(3, NEW)
    world.version = refuted(3, NEW)
    assert "CanaryPromoted" in world.steps(60)


def test_a_version_that_a_person_names_serves_and_is_told() -> None:
    world = World(model={"versionRef": {"name": "flights-3"}})
    world.version = refuted(3, NEW)
    (told,) = [e for e in world.step().events if e.reason == "VersionRefuted"]
    assert told.type == "Warning" and "the spec names flights-3" in told.message
    assert "VersionRefuted" not in world.steps(10)
    assert conditions(plan_deployment(world.snapshot()))["Ready"] == ("True", "Serving")
