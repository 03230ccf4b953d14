"""The PodDisruptionBudget: over which pods, for how long, and what is said of one in the way."""

from typing import Any

import pytest
from builders import conditions
from rollout_world import World
from test_rollout import NEW_SHA, advance, slow, stable_revision

from perennial.api.deployment import DisruptionBudget

ONE = {"maxUnavailable": 1}


def covered(world: World) -> list[str]:
    """Return the revisions whose pods the budget is over."""
    assert world.budget is not None
    (one_of,) = world.budget["spec"]["selector"]["matchExpressions"]
    found: list[str] = one_of["values"]
    return found


def budgeted(steps: list[Any], budget: dict[str, Any], **more: Any) -> World:
    world = slow(steps, **more)
    world.change(disruptionBudget=budget)
    world.settle()
    return world


def test_without_one_there_is_none_and_it_goes_with_its_field() -> None:
    world = slow([{"setWeight": 50}])
    assert world.budget is None
    world.change(disruptionBudget={"minAvailable": "50%"})
    world.settle()
    assert world.budget is not None
    spec = world.budget["spec"]
    assert spec["minAvailable"] == "50%" and "maxUnavailable" not in spec
    owner = world.budget["metadata"]["ownerReferences"][0]
    assert owner["uid"] == world.deployment.metadata.uid
    world.change(disruptionBudget=ONE)
    world.settle()
    assert (
        world.budget["spec"]["maxUnavailable"] == 1 and "minAvailable" not in world.budget["spec"]
    )
    world.change(disruptionBudget=None)
    world.settle()
    assert world.budget is None


@pytest.mark.parametrize("weight", [0, 50, 100])
def test_it_is_over_the_pods_that_requests_reach(weight: int) -> None:
    """A canary without traffic neither holds a drain up nor makes good for what serves."""
    world = budgeted([{"setWeight": weight}, {"pause": {}}], ONE)
    stable = stable_revision(world)
    assert covered(world) == [stable]
    world.wish(NEW_SHA)
    world.settle()
    canary = world.deployment.status.canary
    assert canary is not None
    wanted = {0: [stable], 50: sorted([stable, canary.revision]), 100: [canary.revision]}
    assert covered(world) == wanted[weight]
    world.ask("abort/1")
    world.settle()
    assert covered(world) == [stable]


def test_an_edit_by_hand_is_put_back() -> None:
    world = budgeted([{"setWeight": 50}], ONE)
    assert world.budget is not None
    world.budget["spec"]["maxUnavailable"] = 3
    world.settle()
    assert world.budget["spec"]["maxUnavailable"] == 1
    world.budget = None
    world.settle()
    assert world.budget is not None


def test_killed_at_any_write_it_is_there_in_the_end() -> None:
    for cut in range(4):
        world = slow([{"setWeight": 50}, {"pause": {}}])
        world.change(disruptionBudget=ONE)
        world.wish(NEW_SHA)
        world.step(cut)
        advance(world, lambda w: bool(w.deployment.status.paused))
        assert len(covered(world)) == 2


@pytest.mark.parametrize(
    ("budget", "pods", "evictable"),
    [
        ({"minAvailable": 1}, 4, 3),
        ({"minAvailable": 4}, 4, 0),
        ({"minAvailable": 9}, 4, 0),
        ({"minAvailable": "50%"}, 1, 0),
        ({"minAvailable": "50%"}, 3, 1),
        ({"minAvailable": "0%"}, 3, 3),
        ({"minAvailable": "100%"}, 3, 0),
        ({"maxUnavailable": 0}, 4, 0),
        ({"maxUnavailable": 9}, 4, 4),
        ({"maxUnavailable": "25%"}, 1, 1),
        ({"maxUnavailable": "0%"}, 4, 0),
    ],
)
def test_how_many_may_be_evicted(budget: dict[str, Any], pods: int, evictable: int) -> None:
    """As Kubernetes reckons: both percentages are rounded up."""
    assert DisruptionBudget.model_validate(budget).evictable(pods) == evictable


def test_a_budget_that_lets_no_pod_go_is_told_until_it_lets_one() -> None:
    world = budgeted([{"setWeight": 50}], {"minAvailable": 2}, replicas=2)
    found = world.step()
    assert conditions(found)["Ready"] == ("True", "NoEvictionAllowed")
    (ready,) = [c for c in world.deployment.status.conditions if c.type == "Ready"]
    assert "(minAvailable: 2) lets none of 2 pods be evicted" in ready.message
    world.change(replicas=3)
    world.settle()
    assert conditions(world.step())["Ready"] == ("True", "Serving")
    world.change(disruptionBudget={"maxUnavailable": "0%"})
    world.settle()
    assert conditions(world.step())["Ready"] == ("True", "NoEvictionAllowed")
    world.change(replicas=0)
    world.settle()
    assert conditions(world.step())["Ready"] == ("True", "ScaledToZero")
