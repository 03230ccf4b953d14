"""The default store's Secret in the namespaces of the models."""

from typing import Any

import pytest

from perennial.handlers.store import provide_secret
from perennial.plan.core import MANAGED_BY
from perennial.settings import read

OPTIONS = read({"PERENNIAL_STORE_SECRET": "store", "PERENNIAL_NAMESPACE": "system"})[1]


class Secrets:
    """An API server that holds Secrets by namespace."""

    def __init__(self, **held: dict[str, Any]) -> None:
        self.held = held
        self.applied: list[Any] = []

    async def get(self, api: str, kind: str, namespace: str, name: str) -> Any:
        return self.held.get(namespace)

    async def apply(self, wanted: Any) -> None:
        self.applied.append(wanted)


@pytest.mark.parametrize(
    ("present", "copied"),
    [
        ({}, True),
        ({"team": {"metadata": {"labels": dict(MANAGED_BY)}, "data": {"k": "old"}}}, True),
        ({"team": {"metadata": {"labels": {"owner": "team"}}}}, False),
        ({"team": {"metadata": {}}}, False),
    ],
)
async def test_a_secret_that_is_not_ours_is_never_written(present: Any, copied: bool) -> None:
    cluster: Any = Secrets(system={"metadata": {}, "data": {"k": "v"}}, **present)
    await provide_secret(cluster, "team", OPTIONS)
    assert [s["data"] for s in cluster.applied] == ([{"k": "v"}] if copied else [])
