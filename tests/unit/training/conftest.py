from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits
from workshop import Workshop, orders


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread, as a training pod does: threads that spin make small fits slow."""
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals have tests of their own, and most of a small run is spent on them."""
    monkeypatch.setattr("perennial_training.prove.resamples.RESAMPLES", 20)


@pytest.fixture
def all_resamples(few_resamples: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many resamples as in earnest."""
    monkeypatch.setattr("perennial_training.prove.resamples.RESAMPLES", 1_000)


@pytest.fixture
def bench(tmp_path: Path) -> Workshop:
    """An empty workshop."""
    return Workshop(tmp_path)


@pytest.fixture
def shop(bench: Workshop) -> Workshop:
    """A workshop whose dataset is the orders."""
    bench.put(orders())
    return bench
