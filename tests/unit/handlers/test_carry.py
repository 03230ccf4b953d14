"""What is done about a plan whose writes are refused, one after the other."""

from datetime import datetime
from typing import Any

import pytest
from builders import NOW, deployment

from perennial.cluster.client import Outdated, WriteRefused
from perennial.cluster.queue import Later
from perennial.handlers.carry import carry_out
from perennial.plan.core import Deletion, Event, Plan, condition
from perennial.plan.core.refusal import NOT_OURS, Refusal, finding

OWNER = deployment()
TYPES = ("Ready", "Available", "Reconciling", "Stalled")
STATUS = OWNER.status.model_copy(
    update={"conditions": [condition(t, t in ("Ready", "Available"), "So") for t in TYPES]}
)
PLAN = Plan(
    apply=({"kind": "Deployment"}, {"kind": "Service"}),
    delete=(Deletion("apps/v1", "Deployment", "team", "old", "uid"),),
    status=STATUS,
    events=(Event("CanaryPromoted", "it is stable now"),),
)
ALL = ["Deployment", "Service", "old", "status", "CanaryPromoted"]


class Refusing:
    """Does everything but for some."""

    def __init__(self, code: int, after: float, *refused: str, outdated: str = "") -> None:
        self.code, self.after, self.refused, self.outdated = code, after, refused, outdated
        self.done: list[str] = []
        self.status: Any = None

    def _do(self, what: str) -> None:
        if what == self.outdated:
            raise Outdated(what)
        if what in self.refused:
            raise WriteRefused(Refusal(what, self.code, f"no {what}"), self.after)
        self.done.append(what)

    async def apply(self, wanted: dict[str, Any], premise: Any = None) -> bool:
        self._do(wanted["kind"])
        return True

    async def delete(self, deletion: Deletion, premise: Any = None) -> None:
        self._do(deletion.name)

    async def write_status(self, _: Any, status: Any) -> bool:
        self._do("status")
        self.status = status
        return True

    async def emit(self, _: Any, event: Event, now: datetime) -> None:
        self._do(event.reason)


async def carried(*refused: str, code: int = 422, after: float = 0.0) -> tuple[Refusing, Later]:
    cluster = Refusing(code, after, *refused)
    with pytest.raises(Later) as later:
        await carry_out(cluster, OWNER, PLAN, NOW)
    return cluster, later.value


@pytest.mark.parametrize("refused", ["Deployment", "Service", "old"])
async def test_what_is_refused_is_told_and_the_rest_is_done(refused: str) -> None:
    cluster, _ = await carried(refused)
    assert cluster.done == [w for w in ALL if w != refused] + ["WriteRefused"]
    found = {c.type: (c.status, c.message) for c in cluster.status.conditions}
    told = f"{refused} could not be written: no {refused}; correct what it names"
    assert found["Stalled"][0] == "True" and found["Stalled"][1].startswith(told)
    assert found["Ready"][0] == "False" and found["Available"][0] == "True"


async def test_what_passes_by_itself_stalls_nothing_and_waits_as_long_as_it_was_asked_to() -> None:
    cluster, later = await carried("Deployment", "Service", code=429, after=17.0)
    found = {c.type: (c.status, c.message) for c in cluster.status.conditions}
    assert (found["Ready"][0], found["Reconciling"][0], found["Stalled"][0]) == (
        "True",
        "True",
        "False",
    )
    assert "(1 more writes were refused)" in found["Reconciling"][1] and later.after == 17.0


@pytest.mark.parametrize("outdated", ["Deployment", "Service", "old"])
async def test_what_leans_on_what_has_changed_is_left_out_and_decided_anew(outdated: str) -> None:
    cluster = Refusing(0, 0.0, outdated=outdated)
    with pytest.raises(Outdated):
        await carry_out(cluster, OWNER, PLAN, NOW)
    assert cluster.done == [w for w in ALL if w != outdated]


async def test_a_decision_that_is_not_recorded_is_not_told() -> None:
    cluster, _ = await carried("status")
    assert cluster.done == ["Deployment", "Service", "old", "WriteRefused"]


async def test_events_that_are_refused_change_nothing() -> None:
    cluster = Refusing(403, 0.0, "CanaryPromoted")
    await carry_out(cluster, OWNER, PLAN, NOW)
    assert cluster.done == ALL[:-1]


async def test_what_is_wrong_in_the_spec_is_not_hidden_by_what_is_refused() -> None:
    stalled = [condition("Stalled", True, "InvalidSpec", "the URI"), condition("Ready", False, "X")]
    plan = Plan(apply=PLAN.apply, status=STATUS.model_copy(update={"conditions": stalled}))
    cluster = Refusing(403, 0.0, "Service")
    with pytest.raises(Later):
        await carry_out(cluster, OWNER, plan, NOW)
    assert [c.reason for c in cluster.status.conditions] == ["InvalidSpec", "X"]
    assert cluster.done == ["Deployment", "status", "WriteRefused"]


@pytest.mark.parametrize(
    ("code", "sentence", "reason", "advice"),
    [
        (403, "exceeded quota: team", "QuotaExceeded", "raise the quota"),
        (403, "cannot create resource jobs", "WriteRefused", "allow it"),
        (422, "Invalid value", "WriteRefused", "correct what it names"),
        (500, "failed calling webhook", "WriteFailed", "tried again by itself"),
        (403, NOT_OURS, "NameConflict", "delete it, or rename"),
    ],
)
async def test_every_refusal_says_what_to_do(
    code: int, sentence: str, reason: str, advice: str
) -> None:
    found = finding([Refusal("Job a-1", code, sentence)])
    assert found.reason == reason and sentence in found.message and advice in found.message
