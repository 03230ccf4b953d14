"""A candidate beside the champion on recent rows and on older ones."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from workshop import Workshop

from perennial_artifact.manifest import MANIFEST, Manifest
from perennial_artifact.result import MESSAGE_LIMIT, ByAge, CandidateResult
from perennial_training.prove.answers import Answers
from perennial_training.prove.by_age import by_age

DAY = 86_400.0
BEGAN = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def scored(shares: NDArray[Any]) -> Answers:
    both = np.stack([1 - shares, shares], axis=1)
    return Answers((shares > 0.5).astype(np.int64), both, ("0", "1"), ("0", "1"))


def compared(
    rows: int = 4_000,
    positive: float = 0.5,
    since: float = 2_000.0,
    better_after: float | None = None,
    candidates: int = 1,
) -> ByAge:
    """Compare on rows at 0, 1, 2, ...; the candidate is better on those from ``better_after``."""
    rng = np.random.default_rng(3)
    times = np.arange(rows, dtype=np.float64)
    target = (rng.random(rows) < positive).astype(np.int64)
    noise = rng.normal(size=rows)
    its = 1 / (1 + np.exp(-(target - 0.5 + noise)))
    ours = its.copy()
    if better_after is not None:
        sure = 1 / (1 + np.exp(-(3 * (target - 0.5) + noise)))
        ours = np.where(times >= better_after, sure, its)
    return by_age(
        "roc_auc",
        scored(ours),
        scored(its),
        pd.Series(target, name="y"),
        times,
        since,
        candidates,
        "{:g}".format,
    )


def test_recent_is_what_is_newer_than_all_that_the_champion_learned_from() -> None:
    found = compared(better_after=2_500.0)
    assert (found.recent.rows, found.recent.start, found.recent.end) == (1_999, "2001", "3999")
    assert (found.older.rows, found.older.end) == (2_001, "2000")
    assert found.recent.compared is not None and found.older.compared is not None
    assert (found.recent.compared.low or 0) > 0.05
    assert found.older.compared.low == found.older.compared.high == 0.0
    assert found.confidence == 0.9


def test_recent_rows_go_back_as_far_as_it_takes() -> None:
    """Of many recent rows only the newest say how traffic is now, all of one moment together."""
    assert compared(rows=10_000).recent.start == "8000"
    rare = compared(rows=10_000, positive=0.02).recent
    assert float(rare.start) < 8_000 and rare.compared is not None
    few = compared(rows=5_000, since=3_000.0, positive=0.02).recent
    assert few.rows == 1_999 and few.unknown == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"since": 3_800.0}, "at least 200 are needed"),
        ({"positive": 0.003}, "of them are not 0, and at least 20 are needed"),
        ({"since": 9_999.0}, "there are none"),
    ],
)
def test_what_too_few_rows_say_is_not_known(changes: dict[str, Any], why: str) -> None:
    found = compared(**changes).recent
    assert found.compared is None and found.unknown.endswith(why)


def test_of_many_candidates_none_is_better_by_luck_alone() -> None:
    alone, one_of_many = compared(better_after=0.0), compared(better_after=0.0, candidates=5)
    assert one_of_many.confidence == pytest.approx(0.98)
    assert alone.recent.compared is not None and one_of_many.recent.compared is not None
    assert (one_of_many.recent.compared.low or 1) < (alone.recent.compared.low or 0)


def world(rows: int, turns: int, seed: int) -> pd.DataFrame:
    """Return rows a minute apart, in which what x means turns round at one of them."""
    rng = np.random.default_rng(seed)
    x, at = rng.normal(size=rows), BEGAN + 60.0 * np.arange(rows)
    sign = np.where(np.arange(rows) < turns, 1, -1)
    bought = (sign * x + rng.normal(size=rows) / 2 > 0).astype(int)
    return pd.DataFrame({"x": x, "at": pd.to_datetime(at, unit="s", utc=True), "bought": bought})


def champion(result: CandidateResult) -> dict[str, Any]:
    assert result.artifact is not None
    return {"version": "o-2", "uri": result.artifact.uri, "sha256": result.artifact.sha256}


@pytest.mark.parametrize("split", [{}, {"method": "Time", "testFraction": 0.3}])
def test_a_run_tells_how_the_candidate_does_on_what_came_since(
    bench: Workshop, split: dict[str, Any]
) -> None:
    frame = world(6_000, turns=2_000, seed=1)
    bench.put(frame[:2_000])
    first = bench.train(dataset={"split": split})
    assert first.by_age is None
    bench.put(frame)
    newest = frame["at"].iloc[2_000].to_pydatetime()
    again = bench.train(champion=champion(first), dataset={"split": split, "since": newest})
    found = again.by_age
    assert found is not None and found.recent.compared is not None
    assert found.recent.compared.champion < 0.3 < 0.9 < found.recent.compared.value
    assert found.recent.compared.low is not None and found.recent.compared.low > 0.5
    assert str(newest) <= found.recent.start < found.recent.end <= str(frame["at"].iloc[-1])
    assert len(again.to_message()) <= MESSAGE_LIMIT


def test_without_a_time_it_is_not_known_which_rows_are_recent(bench: Workshop) -> None:
    bench.put(world(1_000, turns=0, seed=4).drop(columns="at"))
    first = bench.train(dataset={"timeColumn": None})
    again = bench.train(champion=champion(first), dataset={"timeColumn": None})
    assert again.by_age is not None and again.comparisons
    assert again.by_age.recent.unknown == "no dataset.timeColumn says which rows are recent"


def test_too_few_rows_that_the_champion_has_not_seen_are_an_answer_that_is_not_known(
    bench: Workshop,
) -> None:
    """That is another thing than a champion that cannot be measured at all: its gates decide."""
    bench.put(world(200, turns=0, seed=4))
    by_time = {"method": "Time", "testFraction": 0.2}
    first = bench.train(dataset={"split": by_time})
    fewer = {**by_time, "testFraction": 0.1}
    again = bench.train(champion=champion(first), dataset={"split": fewer})
    why = "o-2 has learned from all but 20 of the 20 held-out rows"
    assert again.champion_failure == why and not again.comparisons
    assert again.by_age is not None and again.by_age.recent.unknown == why


def told_early(rows: int, until: int) -> pd.DataFrame:
    """Return rows of which one in ten is of a class that is known at once, the others up to one."""
    frame = world(rows, turns=rows, seed=5)
    frame["bought"] = (np.arange(rows) % 10 == 0).astype(int)
    frame["x"] += 2.0 * frame["bought"]
    return frame[(frame.index < until) | (frame["bought"] == 1)]


def without_frequent_end(place: dict[str, Any]) -> dict[str, Any]:
    """Return a champion as a trainer of before recorded it."""
    manifest = Path(place["uri"].removeprefix("file://")) / MANIFEST
    found = Manifest.from_json(manifest.read_bytes())
    assert found.lineage is not None
    dataset = found.lineage.dataset.replace(frequent_end=None)
    content = found.replace(lineage=found.lineage.replace(dataset=dataset)).to_json()
    manifest.write_bytes(content)
    return {**place, "sha256": hashlib.sha256(content).hexdigest()}


def test_recent_is_what_is_newer_than_the_rows_whose_labels_come_late(bench: Workshop) -> None:
    first_rows = told_early(5_000, until=3_000)
    bench.put(first_rows)
    first = bench.train()
    assert first.dataset is not None
    assert first.dataset.end == str(first_rows["at"].iloc[-1])
    assert first.dataset.frequent_end == str(first_rows["at"].loc[2_999])
    rows = told_early(8_000, until=6_000)
    bench.put(rows)
    found = bench.train(champion=champion(first)).by_age
    assert found is not None and found.recent.compared is not None
    assert str(rows["at"].loc[3_000]) <= found.recent.start < str(rows["at"].loc[3_200])
    before = bench.train(champion=without_frequent_end(champion(first))).by_age
    assert before is not None and before.recent.start > first.dataset.end


def test_numbers_have_no_most_frequent_class(bench: Workshop) -> None:
    bench.put(world(1_000, turns=0, seed=4).assign(bought=np.arange(1_000) / 7.0))
    found = bench.train(
        task="Regression",
        objective={"metric": "neg_mean_absolute_error"},
        candidates=[{"name": "linear", "algorithm": "LinearRegression"}],
    ).dataset
    assert found is not None and found.end is not None and found.frequent_end is None
