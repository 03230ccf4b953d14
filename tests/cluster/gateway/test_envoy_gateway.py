"""What we build on: Envoy Gateway itself, by routes that are written by hand."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from trial import NAME, answered, apply, artifact_of, condition

from cluster.gateway import client, routes
from cluster.gateway.routes import backend
from flights import demo


@dataclass(frozen=True)
class Arm:
    """A revision, and the Service of it alone."""

    revision: str
    service: str


@pytest.fixture(scope="module")
def arms(gateway: None) -> Iterator[tuple[Arm, Arm]]:
    """Keep a canary waiting for a person; give stable and it."""
    steps = [{"setWeight": 50}, {"pause": {}}]
    apply(artifact_of("flights-1"), steps=steps)
    demo.wait("trial serves", lambda: condition("Ready").get("status") == "True", 90)
    apply(artifact_of("flights-2"), steps=steps)
    demo.wait("the canary waits", lambda: condition("Paused").get("status") == "True", 90)
    names = [demo.revision(role, NAME)["name"] for role in ("Stable", "Canary")]
    stable, canary = (Arm(name, routes.serve(NAME, name)) for name in names)
    yield stable, canary
    demo.kubectl("delete", "md", NAME, "-n", demo.NAMESPACE)


@pytest.fixture(autouse=True)
def _no_routes() -> Iterator[None]:
    """Leave no route to the next test."""
    yield
    routes.clear()


def split(stable: Arm, canary: Arm, percent: int) -> routes.Rules:
    """Return one rule that gives a canary so much."""
    shares = [backend(stable.service, 100 - percent), backend(canary.service, percent)]
    return [{"backendRefs": shares}]


def flows(model: str = NAME) -> None:
    """Wait until a route that was accepted has come to the proxy."""
    demo.wait("the route is in force", lambda: not client.ask(model, 5).failed, 30)


@pytest.mark.parametrize("percent", [10, 50])
def test_a_split_is_as_written(arms: tuple[Arm, Arm], percent: int) -> None:
    stable, canary = arms
    told = routes.apply(NAME, split(stable, canary, percent))
    assert routes.status(told, "Accepted") == ("True", "Accepted")
    assert routes.status(told, "ResolvedRefs") == ("True", "ResolvedRefs")
    flows()
    found = client.ask(NAME, 2000)
    assert not found.failed
    assert found.share(canary.revision) == pytest.approx(percent, abs=1)


def test_weights_change_under_load_and_no_request_is_lost(arms: tuple[Arm, Arm]) -> None:
    stable, canary = arms
    routes.apply(NAME, split(stable, canary, 0))
    flows()
    with client.load(NAME, requests=5000) as found:
        for percent in (10, 25, 50, 75, 100, 0):
            routes.apply(NAME, split(stable, canary, percent))
            time.sleep(1)
    assert not found.failed and len(found.by_version) == 2


TESTERS = {"headers": [{"name": "x-tester", "value": "yes"}]}


def test_a_rule_that_comes_and_goes_at_the_end_costs_no_request(arms: tuple[Arm, Arm]) -> None:
    # Before the one that divides, it would: what is behind a rule is named by the rule's number.
    stable, canary = arms
    rules = split(stable, canary, 10)
    chosen = {"matches": [TESTERS], "backendRefs": [backend(canary.service)]}
    routes.apply(NAME, rules)
    flows()
    with client.load(NAME, requests=5000) as found:
        for _ in range(8):
            routes.apply(NAME, [*rules, chosen])
            time.sleep(0.5)
            routes.apply(NAME, rules)
            time.sleep(0.5)
    assert not found.failed


def test_a_header_chooses_the_canary(arms: tuple[Arm, Arm]) -> None:
    stable, canary = arms
    rules = [
        {"backendRefs": [backend(stable.service)]},
        {"matches": [TESTERS], "backendRefs": [backend(canary.service)]},
    ]
    routes.apply(NAME, rules)
    flows()
    assert set(client.ask(NAME, 200, "--header", "x-tester=yes").by_version) == {canary.revision}
    assert set(client.ask(NAME, 200, "--header", "x-tester=no").by_version) == {stable.revision}
    assert set(client.ask(NAME, 200).by_version) == {stable.revision}


def test_users_stay_with_an_arm_while_its_share_grows(arms: tuple[Arm, Arm]) -> None:
    stable, canary = arms
    routes.hash_by(client.USER)
    met: list[set[str]] = []
    for percent in (10, 50):
        # With a filter on a backend each one is a cluster of its own, and the hash chooses it.
        marked = routes.marked(split(stable, canary, percent))
        routes.apply(NAME, marked)
        flows()
        demo.wait("each user meets one arm", lambda: _one_each(client.ask(NAME, 600, *USERS)), 60)
        found = client.ask(NAME, 4000, *USERS)
        assert not found.failed and _one_each(found)
        met.append({user for user, seen in found.users.items() if canary.revision in seen})
        assert len(met[-1]) == pytest.approx(2000 * percent / 100, rel=0.25)
    assert met[0] < met[1]


def test_a_second_arm_of_sticky_users_costs_a_few_requests(arms: tuple[Arm, Arm]) -> None:
    # Each backend with a filter is a cluster of its own, named by its place: stable is the first.
    # Routes may know the second before the clusters do: 1 of 14,344 was answered 500 as it came
    # or went. Without filters, which is without sticky users, none is.
    stable, canary = arms
    routes.hash_by(client.USER)
    alone = routes.marked([{"backendRefs": [backend(stable.service)]}])
    routes.apply(NAME, alone)
    flows()
    with client.load(NAME, *USERS, requests=5000) as found:
        for percent in (10, 50):
            routes.apply(NAME, routes.marked(split(stable, canary, percent)))
            time.sleep(1)
            routes.apply(NAME, alone)
            time.sleep(1)
    assert found.failed.total() < found.by_version.total() / 200
    assert found.by_version[canary.revision]


USERS = ("--users", "2000")


def _one_each(found: client.Answers) -> bool:
    return all(len(seen) == 1 for seen in found.users.values())


def test_a_mirror_gets_copies_and_nobody_its_answers(arms: tuple[Arm, Arm]) -> None:
    stable, canary = arms
    before = answered(canary.revision).total()
    copies = {"backendRef": {"name": canary.service, "port": 80}, "percent": 50}
    mirror = {"type": "RequestMirror", "requestMirror": copies}
    routes.apply(NAME, [{"filters": [mirror], "backendRefs": [backend(stable.service)]}])
    flows()
    found = client.ask(NAME, 1000)
    assert not found.failed and set(found.by_version) == {stable.revision}
    got = answered(canary.revision).total() - before
    assert got == pytest.approx(500, abs=100)


def test_a_mirror_without_endpoints_costs_nothing(arms: tuple[Arm, Arm]) -> None:
    stable, _ = arms
    nobody = routes.serve(NAME, "nobody")
    mirror = {
        "type": "RequestMirror",
        "requestMirror": {"backendRef": {"name": nobody, "port": 80}},
    }
    routes.apply(NAME, [{"filters": [mirror], "backendRefs": [backend(stable.service)]}])
    flows()
    found = client.ask(NAME, 1000)
    assert not found.failed and set(found.by_version) == {stable.revision}


def test_a_backend_without_endpoints_gets_its_share_as_errors(arms: tuple[Arm, Arm]) -> None:
    stable, _ = arms
    nobody = Arm("nobody", routes.serve(NAME, "nobody"))
    told = routes.apply(NAME, split(stable, nobody, 10))
    assert routes.status(told, "ResolvedRefs")[0] == "True"
    demo.wait("it answers", lambda: bool(client.ask(NAME, 5).by_version), 30)
    found = client.ask(NAME, 1000)
    assert found.failed.total() == pytest.approx(100, abs=10)
    assert all(told.startswith("503") for told in found.failed)


def test_a_route_of_a_listener_that_is_not_there_is_refused(arms: tuple[Arm, Arm]) -> None:
    stable, canary = arms
    told = routes.apply(NAME, split(stable, canary, 10), sectionName="nowhere")
    assert routes.status(told, "Accepted") == ("False", "NoMatchingParent")


def test_a_route_to_a_service_that_is_not_there_is_told(arms: tuple[Arm, Arm]) -> None:
    stable, _ = arms
    told = routes.apply(NAME, split(stable, Arm("absent", "absent"), 10))
    assert routes.status(told, "Accepted")[0] == "True"
    assert routes.status(told, "ResolvedRefs") == ("False", "BackendNotFound")
