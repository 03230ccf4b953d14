"""How the suite runs: what takes long begins first."""

import gc

import pytest

# The suite imports a million objects that stay: look for garbage among them seldom.
gc.set_threshold(100_000, 20, 100)

# Where tests wait for processes that they start; the short ones after them fill the gaps.
LONG = ("tests/unit/training/", "tests/unit/serving/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
