"""The chart's store is handed to namespaces that are trusted with it, and taken back."""

from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.aio.client.exceptions import ApiException

from perennial.cluster.client import Outdated
from perennial.handlers import store
from perennial.handlers.store import COPY_LABEL, StoreAccess
from perennial.plan.core import MANAGED_BY, Deletion
from perennial.plan.pods.stores import ALLOWED_LABEL
from perennial.settings import read

CHART = {"PERENNIAL_STORE_SECRET": "store", "PERENNIAL_NAMESPACE": "system"}
OURS = {**MANAGED_BY, COPY_LABEL: "system"}
LABELLED = {"metadata": {"labels": {ALLOWED_LABEL: "allowed"}}}


def secret(namespace: str, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    meta = {"name": "store", "namespace": namespace, "uid": f"uid-{namespace}", "labels": labels}
    return {"kind": "Secret", "metadata": {**meta, "resourceVersion": "7"}, "data": data}


class Api:
    """An API server with namespaces, Secrets of one name, and workloads."""

    def __init__(self, *secrets: dict[str, Any], **namespaces: dict[str, Any]) -> None:
        self.secrets = {s["metadata"]["namespace"]: s for s in (secret("system", k="v"), *secrets)}
        self.namespaces, self.workloads = namespaces, dict[str, Any]()
        self.written: list[tuple[str, dict[str, Any]]] = []
        self.deleted: list[str] = []
        self.asked = 0
        self.refuses: ApiException | None = None

    async def get(self, api: str, kind: str, namespace: str, name: str) -> Any:
        self.asked += 1
        return self.namespaces.get(name) if kind == "Namespace" else self.secrets.get(namespace)

    async def call(self, verb: str, path: str, query: Any = None, body: Any = None) -> Any:
        if self.refuses is not None:
            raise self.refuses
        if verb == "GET" and path.endswith("/secrets"):
            assert query == {"fieldSelector": "metadata.name=store"}
            return {"items": list(self.secrets.values())}
        if verb == "GET":
            assert query is None  # foreign pods count, too
            return {"items": [{"spec": s} for s in self.workloads.get(path.split("/")[-1], [])]}
        self.written.append((verb, body))
        self.secrets[body["metadata"]["namespace"]] = body
        return body

    async def delete(self, deletion: Deletion) -> None:
        assert deletion.uid == self.secrets.pop(deletion.namespace)["metadata"]["uid"]
        self.deleted.append(deletion.namespace)


def access(api: Api, **environment: str) -> StoreAccess:
    return StoreAccess(api, read({**CHART, **environment})[1])  # type: ignore[arg-type]


SCOPED = {"PERENNIAL_WATCH_NAMESPACES": "team"}


@pytest.mark.parametrize(
    ("namespaces", "environment", "words"),
    [
        ({"team": LABELLED}, {}, None),
        ({}, {**SCOPED, "PERENNIAL_STORE_NAMESPACES": "team"}, None),
        ({}, {"PERENNIAL_STORE_NAMESPACES": "team"}, None),
        ({"team": {"metadata": {}}}, {}, f"kubectl label namespace team {ALLOWED_LABEL}=allowed"),
        ({"team": {"metadata": {"labels": {ALLOWED_LABEL: "no"}}}}, {}, "secretRef of your own"),
        ({}, {}, "kubectl label namespace team"),
        ({"team": LABELLED}, SCOPED, "add team to the chart's value store.namespaces"),
    ],
)
async def test_only_a_namespace_that_is_trusted_is_handed_the_store(
    namespaces: Any, environment: Any, words: str | None
) -> None:
    api = Api(**namespaces)
    found = await access(api, **environment).denied("team")
    if words is None:
        assert found is None
        assert [(v, b["data"], b["metadata"]["labels"]) for v, b in api.written] == [
            ("POST", {"k": "v"}, OURS)
        ]
    else:
        assert found is not None and found.reason == "StoreNotAllowed" and words in found.message
        assert not api.written


FOREIGN = [None, {}, {"owner": "team"}, MANAGED_BY, {**MANAGED_BY, COPY_LABEL: "another"}]


@pytest.mark.parametrize("labels", FOREIGN)
async def test_a_secret_that_is_not_ours_is_never_written(labels: Any) -> None:
    api = Api(secret("team", labels, k="theirs"), team=LABELLED)
    found = await access(api).denied("team")
    assert found is not None and found.reason == "NameConflict"
    assert "Secret store exists in namespace team and is not ours" in found.message
    assert not api.written


async def test_a_rotated_secret_replaces_the_copy_that_was_seen() -> None:
    api = Api(secret("team", OURS, k="old", gone="x"), team=LABELLED)
    assert await access(api).denied("team") is None
    ((verb, body),) = api.written
    assert (verb, body["data"]) == ("PUT", {"k": "v"})
    assert (body["metadata"]["uid"], body["metadata"]["resourceVersion"]) == ("uid-team", "7")
    assert await access(api).denied("team") is None and len(api.written) == 1


async def test_one_that_came_in_between_is_looked_at_anew() -> None:
    api = Api(team=LABELLED)
    api.refuses = ApiException(status=409, reason="Conflict")
    with pytest.raises(Outdated):
        await access(api).denied("team")


@pytest.mark.parametrize("status", [403, 422, 500])
async def test_a_refused_copy_is_told(status: int) -> None:
    api = Api(team=LABELLED)
    api.refuses = ApiException(status=status, reason="the webhook says no")
    found = await access(api).denied("team")
    assert found is not None and "the webhook says no" in found.message


async def test_a_missing_right_is_told_and_another_failure_is_not_taken_for_one() -> None:
    class Refusing(Api):
        async def get(self, *_: str) -> Any:
            raise ApiException(status=self.status, reason="namespaces is forbidden")

        status = 403

    api = Refusing()
    found = await access(api).denied("team")
    assert found is not None and "namespaces is forbidden" in found.message
    api.status = 500
    with pytest.raises(ApiException):
        await access(api).denied("team")


async def test_a_store_whose_secret_is_not_there_is_told() -> None:
    api = Api(team=LABELLED)
    del api.secrets["system"]
    found = await access(api).denied("team")
    assert found is not None and found.reason == "StoreSecretNotFound"


async def test_what_is_known_of_a_namespace_is_not_asked_again_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(store, "time", SimpleNamespace(monotonic=lambda: now))
    api = Api(team=LABELLED)
    asked = access(api)
    assert await asked.denied("team") is None
    first = api.asked
    assert await asked.denied("team") is None and api.asked == first
    assert await asked.denied("other") is not None and api.asked > first
    api.namespaces["other"] = LABELLED
    now += store.DENIED_SECONDS
    assert await asked.denied("other") is None
    del api.namespaces["team"]
    now += store.REMEMBERED_SECONDS
    assert await asked.denied("team") is not None


async def test_a_namespace_that_is_made_anew_by_its_name_has_no_copy_yet() -> None:
    api = Api(team=LABELLED)
    given = access(api)
    assert await given.denied("team") is None
    del api.secrets["team"]  # with the namespace, and all objects in it
    given.forget("team")
    assert await given.denied("team") is None
    assert "team" in api.secrets


async def test_no_secret_is_nothing_to_hand_over_and_the_releases_namespace_has_its_own() -> None:
    api = Api()
    assert await access(api, PERENNIAL_STORE_SECRET="").denied("team") is None
    assert await access(api).denied("system") is None
    assert not api.asked and not api.written


USES: list[tuple[str, Any]] = [
    ("pods", {"volumes": [{"secret": {"secretName": "store"}}]}),
    ("pods", {"containers": [{"envFrom": [{"secretRef": {"name": "store"}}]}]}),
    ("deployments", {"template": {"spec": {"volumes": [{"secret": {"secretName": "store"}}]}}}),
    ("jobs", {"template": {"spec": {"volumes": [{"secret": {"secretName": "store"}}]}}}),
]


@pytest.mark.parametrize(("kind", "spec"), USES)
async def test_a_copy_that_something_mounts_is_never_removed(kind: str, spec: Any) -> None:
    api = Api(secret("team", OURS, k="v"), team={"metadata": {}})
    api.workloads[kind] = [spec]
    asked = access(api)
    for _ in range(4):
        await asked.take_back("")
    assert not api.deleted


async def test_a_copy_goes_when_the_label_has_gone_and_nothing_used_it_twice() -> None:
    api = Api(secret("team", OURS, k="v"), team=LABELLED)
    asked = access(api)
    for _ in range(3):
        await asked.take_back("")
    assert not api.deleted  # an administrator trusts it
    api.namespaces["team"] = {"metadata": {}}
    await asked.take_back("")
    api.workloads["pods"] = [USES[0][1]]
    await asked.take_back("")
    api.workloads.clear()
    await asked.take_back("")
    assert not api.deleted  # it was used between two looks
    await asked.take_back("")
    assert api.deleted == ["team"]


@pytest.mark.parametrize("labels", FOREIGN)
async def test_neither_a_foreign_secret_nor_the_original_is_removed(labels: Any) -> None:
    api = Api(secret("team", labels, k="v"), team={"metadata": {}})
    asked = access(api)
    for _ in range(3):
        await asked.take_back("")
    assert not api.deleted and set(api.secrets) == {"system", "team"}
