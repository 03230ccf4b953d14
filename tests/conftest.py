"""How the suite runs in several processes: what takes long begins first, and none starts twice."""

import gc
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# The suite imports a million objects that stay: look for garbage among them seldom.
gc.set_threshold(100_000, 20, 100)

# Where tests wait for processes that they start; the short ones after them fill the gaps.
LONG = ("tests/api/", "tests/unit/training/", "tests/unit/serving/")


class OneServer(LoadFileScheduling):  # type: ignore[misc]
    """Give pytest-xdist's workers a file at a time, but one of them all that ask the API server."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "tests/api" if file.startswith("tests/api/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneServer:
    config.option.loadscopereorder = False  # it goes by how many tests a file has
    return OneServer(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = [*LONG, ""]
    items.sort(key=lambda i: next(n for n, at in enumerate(places) if i.nodeid.startswith(at)))
