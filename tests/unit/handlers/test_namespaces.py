"""Named namespaces that go and come while the operator runs."""

import asyncio
from typing import Any

import pytest
from builders import SETTINGS
from kubernetes.aio.client.exceptions import ApiException
from virtual import run

from perennial.__main__ import everything
from perennial.cluster.client import Cluster
from perennial.cluster.queue import Key
from perennial.handlers import controller
from perennial.handlers.controller import Controller
from perennial.handlers.namespaces import listable, watch_those_there
from perennial.settings import read

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

    async def select(self, api: str, kind: str, namespace: str) -> Any:
        assert namespace in self.there  # never '', which would be the whole cluster
        meta = {"name": "flights", "namespace": namespace}
        return [{"metadata": meta}] if kind == "ModelTraining" else []


async def test_what_cannot_be_looked_at_is_not_taken_for_gone() -> None:
    api: Any = Api("a")
    assert await listable(api, BOTH) == ("a",)
    api.status = 404
    assert await listable(api, BOTH) == ("a",)
    api.status = 500
    with pytest.raises(ApiException):
        await listable(api, BOTH)


def test_watching_begins_anew_whenever_a_namespace_goes_or_comes() -> None:
    async def story() -> None:
        api: Any = Api("a", "b")
        watched = list[tuple[str, ...]]()

        async def watch(namespaces: tuple[str, ...]) -> None:
            watched.append(namespaces)
            await asyncio.Event().wait()

        watching = asyncio.create_task(watch_those_there(api, BOTH, watch))
        for there in ({"a", "b"}, {"a"}, {"a"}, set(), {"b"}, {"a", "b"}):
            api.there = there
            await asyncio.sleep(100)
        watching.cancel()
        # While there is none, none is watched: no name would mean all of the cluster.
        assert watched == [BOTH, ("a",), ("b",), BOTH]

    run(story())


def test_a_watch_that_fails_for_a_namespace_that_went_goes_on_without_it() -> None:
    async def story() -> None:
        api: Any = Api("a", "b")
        watched = list[tuple[str, ...]]()

        async def watch(namespaces: tuple[str, ...]) -> None:
            watched.append(namespaces)
            if namespaces == BOTH:
                api.there = {"a"}
                raise PermissionError("b cannot be listed")
            await asyncio.Event().wait()

        watching = asyncio.create_task(watch_those_there(api, BOTH, watch))
        await asyncio.sleep(1)
        watching.cancel()
        assert watched == [BOTH, ("a",)]

    run(story())


def test_a_watch_that_fails_of_itself_ends_the_operator() -> None:
    async def watch(_: tuple[str, ...]) -> None:
        raise PermissionError("a kind is not there")

    async def story() -> None:
        with pytest.raises(PermissionError, match="a kind is not there"):
            await watch_those_there(Api("a", "b"), BOTH, watch)  # type: ignore[arg-type]

    run(story())


async def test_only_what_is_in_named_namespaces_is_listed() -> None:
    options = read({"PERENNIAL_WATCH_NAMESPACES": "a,b"})[1]
    assert await everything(Api("b"), options) == [Key("ModelTraining", "b", "flights")]  # type: ignore[arg-type]
    with pytest.raises(PermissionError, match="none of the namespaces a, b is there"):
        await everything(Api(), options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("named", "there", "forgotten"),
    [("a", False, True), ("a", True, False), ("", False, False), ("b", False, False)],
)
async def test_an_object_of_a_namespace_that_went_is_not_tried_again(
    named: str, there: bool, forgotten: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gather(*_: Any) -> Any:
        raise ApiException(status=403)

    monkeypatch.setitem(controller.CONTROLLERS, "ModelDeployment", gather)
    options = read({"PERENNIAL_WATCH_NAMESPACES": named})[1]
    api: Any = Api(*(["a"] if there else []))
    reconcile = Controller(api, SETTINGS, options).reconcile(Key("ModelDeployment", "a", "x"))
    if forgotten:
        assert await reconcile is None
    else:
        with pytest.raises(ApiException):
            await reconcile
