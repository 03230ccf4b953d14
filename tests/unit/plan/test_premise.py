"""What a write that takes capacity away leans on."""

from typing import Any

import pytest

from perennial.plan.premise import Premise, lowers

NAME = ("apps/v1", "Deployment", "team", "flights-1", "u")


def live(pods: int = 3, ready: int = 3, **metadata: str) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"uid": "u", "resourceVersion": "7", **metadata},
        "spec": {"replicas": pods},
        "status": {"readyReplicas": ready},
    }


@pytest.mark.parametrize(
    ("present", "holds"),
    [
        (live(), True),
        (live(pods=9, ready=9), True),
        (live(ready=2), False),
        (live(pods=2), False),  # ready still, but about to end
        (live(uid="another"), False),
        ({**live(), "status": {}}, False),
        (None, False),
    ],
)
def test_pods_that_are_leaned_on_must_still_be_there(present: Any, holds: bool) -> None:
    assert Premise(*NAME, pods=3).holds(present) == holds


def test_what_must_not_have_changed_at_all_has_its_version() -> None:
    assert Premise(*NAME, version="7").holds(live())
    assert not Premise(*NAME, version="7").holds(live(resourceVersion="8"))


def test_a_service_must_send_requests_where_it_was_seen_to() -> None:
    both = {"app": "flights"}
    premise = Premise("v1", "Service", "team", "flights", "u", selector=both)
    service = {"metadata": {"uid": "u"}, "spec": {"selector": both}}
    assert premise.holds(service)
    assert not premise.holds({**service, "spec": {"selector": {**both, "revision": "1"}}})


def test_which_writes_take_capacity_away() -> None:
    assert lowers(live(pods=3), live(pods=2)) and not lowers(live(pods=3), live(pods=3))
    assert not lowers(live(pods=3), live(pods=4))
    all_of, one = {"kind": "Service", "spec": {"selector": {}}}, {"selector": {"revision": "1"}}
    assert lowers(all_of, {**all_of, "spec": one}) and lowers({"spec": one}, all_of)
    assert not lowers(all_of, all_of) and not lowers({}, {"kind": "ConfigMap", "data": {}})
