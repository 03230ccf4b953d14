"""Named namespaces that go and come while the operator runs."""

import asyncio
from typing import Any

import pytest
from builders import SETTINGS
from kubernetes.aio.client.exceptions import ApiException

from perennial.cluster.client import Cluster
from perennial.cluster.queue import Key
from perennial.handlers import controller
from perennial.handlers.controller import Controller
from perennial.handlers.namespaces import listable
from perennial.handlers.observe.deployment import OUTSIDE
from perennial.plan.rollout.analysis.sources.web import WebQuestion
from perennial.settings import read
from perennial.sources.pods import Pods

BOTH = ("a", "b")


class Api:
    """An API server with some namespaces; nobody has rights in one that is gone."""

    path = staticmethod(Cluster.path)

    def __init__(self, *there: str) -> None:
        self.there = set(there)
        self.status = 403

    async def call(self, verb: str, path: str, query: Any) -> Any:
        assert (verb, query) == ("GET", {"limit": "1"})
        if path.split("/")[5] not in self.there:
            raise ApiException(status=self.status)
        return {"items": []}


async def test_what_cannot_be_looked_at_is_not_taken_for_gone() -> None:
    api: Any = Api("a")
    assert await listable(api, BOTH) == ("a",)
    api.status = 404
    assert await listable(api, BOTH) == ("a",)
    api.status = 500
    with pytest.raises(ApiException):
        await listable(api, BOTH)


@pytest.mark.parametrize(
    ("named", "there", "forgotten"),
    [("a", False, True), ("a", True, False), ("", False, False), ("b", False, False)],
)
async def test_an_object_of_a_namespace_that_went_is_not_tried_again(
    named: str, there: bool, forgotten: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gather(*_: Any) -> Any:
        raise ApiException(status=403)

    monkeypatch.setattr(controller, "observe_and_plan", gather)
    options = read({"PERENNIAL_WATCH_NAMESPACES": named})[1]
    api: Any = Api(*(["a"] if there else []))
    reconcile = Controller(api, Pods(), SETTINGS, options).reconcile(
        Key("ModelDeployment", "a", "x")
    )
    asked = asyncio.Event()

    async def ask(question: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            asked.set()

    OUTSIDE.look(("a", "x"), [WebQuestion("id", "http://a.example/")], ask)
    await asyncio.sleep(0)
    if forgotten:
        assert await reconcile is None
    else:
        with pytest.raises(ApiException):
            await reconcile
    await asyncio.sleep(0)
    assert asked.is_set() == forgotten  # nothing more is asked in its name
    OUTSIDE.forget("a", "x")
