"""NAME-canary: where what is on trial is tried, whatever traffic it has."""

import pytest
from rollout_world import REVISION, World
from test_collisions import paused
from test_rollout import NEW_SHA, advance, slow, stable_revision

OTHER_SHA = "c" * 64
ADDRESS = "flights-canary"
URL = "http://flights-canary.team.svc"


def reached(world: World) -> str:
    """Return the revision that the address reaches; empty where there is no such Service."""
    live = world.services.get(ADDRESS)
    return str(live["spec"]["selector"][REVISION]) if live is not None else ""


def told(world: World) -> str | None:
    address = world.deployment.status.address
    assert address is not None and address.url == "http://flights.team.svc"
    return address.canary_url


@pytest.mark.parametrize("weight", [0, 50, 100])
def test_a_canary_has_an_address_of_its_own_for_as_long_as_it_is_on_trial(weight: int) -> None:
    world = slow([{"setWeight": weight}, {"pause": {}}])
    assert not reached(world) and told(world) is None
    world.wish(NEW_SHA)
    world.settle()
    canary = world.deployment.status.canary
    assert canary is not None
    assert reached(world) == canary.revision and told(world) == URL
    world.ask("promote/1")
    world.settle()
    assert stable_revision(world) == canary.revision
    assert not reached(world) and told(world) is None


def test_it_is_there_before_the_canary_has_any_traffic() -> None:
    world = slow([{"setWeight": 50}, {"pause": {}}])
    world.wish(NEW_SHA)
    advance(world, lambda w: reached(w) != "")
    assert world.selected() == [stable_revision(world)]


def test_it_follows_to_the_next_canary() -> None:
    world = slow([{"setWeight": 0}, {"pause": {}}], onNewVersion="Restart")
    world.wish(NEW_SHA)
    world.settle()
    first = reached(world)
    world.wish(OTHER_SHA)
    world.settle()
    assert world.deployment.status.canary is not None
    assert reached(world) == world.deployment.status.canary.revision != first


def test_what_is_undone_has_none() -> None:
    world = slow([{"setWeight": 50}, {"pause": {"duration": "1s"}}])
    world.wish(NEW_SHA)
    world.settle()
    world.ask("undo/1")
    for _ in range(30):
        world.step()
        world.grow(1)
        assert not reached(world)


def test_a_name_that_is_taken_is_told_and_the_rollout_goes_on_without() -> None:
    world = slow([{"setWeight": 50}, {"pause": {}}])
    world.foreign = {ADDRESS}
    world.wish(NEW_SHA)
    world.settle()
    assert paused(world) and not reached(world) and told(world) is None
    (over,) = [c for c in world.deployment.status.conditions if c.type == "RolledOut"]
    assert "Service flights-canary is somebody else's" in over.message
    (ready,) = [c for c in world.deployment.status.conditions if c.type == "Ready"]
    assert ready.status == "True"
    world.foreign = set()
    world.settle()
    assert reached(world)


@pytest.mark.parametrize("cut", range(6))
def test_killed_at_any_write_it_is_there_and_goes(cut: int) -> None:
    world = slow([{"setWeight": 50}, {"pause": {}}])
    world.wish(NEW_SHA)
    for _ in range(4):
        world.step(cut)
        world.grow(1)
    advance(world, lambda w: bool(w.deployment.status.paused))
    assert reached(world)
    world.ask("abort/1")
    world.step(cut)
    world.settle()
    assert not world.services
