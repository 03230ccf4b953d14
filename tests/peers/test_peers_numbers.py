"""Our distances and estimates beside scipy's, Evidently's and NannyML's, on real tables."""

from collections.abc import Sequence

import pytest
from benchmarks.drift.agreement import Compared, distances, estimates
from benchmarks.drift.tables import real


@pytest.fixture(scope="module")
def found() -> list[Compared]:
    tables = [t for t in real() if t.name in ("diamonds", "adult")]
    return [*distances(tables), *estimates()]


@pytest.mark.parametrize(
    ("other", "whats", "fewest"),
    [
        ("scipy", ("Jensen", "Pearson", "Kolmogorov", "Wasserstein"), 100),
        ("Evidently", ("Jensen", "PSI", "Wasserstein"), 80),
        ("NannyML", ("Jensen", "Pearson", "Kolmogorov", "Wasserstein", "accuracy", "roc_auc"), 100),
    ],
)
def test_numbers_are_theirs_within_what_bins_hide(
    found: Sequence[Compared], other: str, whats: Sequence[str], fewest: int
) -> None:
    beside = [c for c in found if c.other == other]
    assert all(any(c.what.startswith(what) for c in beside) for what in whats)
    assert len(beside) >= fewest
    assert [c for c in beside if not c.agrees] == []


def test_what_is_compared_differs(found: Sequence[Compared]) -> None:
    """Else all would agree on nothing at all."""
    assert sum(c.ours > 0.05 for c in found if c.what.startswith("Jensen")) > 10
