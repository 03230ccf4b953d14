"""Labels and times of a log in the terms of the dataset's columns."""

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from perennial_training.columns import classes_like, moments_like, number, numbers_like
from perennial_training.failure import TrainingFailure

NOON = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("classes", "text", "found"),
    [
        ([0, 1], "1", 1),
        ([0, 1], "1.0", 1),
        ([0, 1], "true", 1),
        ([0, 1], "2", None),
        ([0, 1], "one", None),
        ([0.0, 1.5], "1.5", 1.5),
        ([0.0, 1.0], "0", 0.0),
        ([True, False], "true", True),
        ([True, False], "false", False),
        ([True, False], "1", True),
        (["cat", "dog"], "cat", "cat"),
        (["cat", "dog"], "Cat", None),
        (["1", "2"], "1", "1"),
        (["true", "no"], "true", "true"),
        ([-1, 1], "-1", -1),
        ([0, 1], "", None),
        ([0, 1], "NaN", None),
    ],
)
def test_a_label_becomes_the_class_that_it_names(classes: list[Any], text: str, found: Any) -> None:
    target: pd.Series[Any] = pd.Series(classes)
    labels = classes_like(pd.Series([text], index=[7]), target)
    assert labels.dtype == target.dtype
    assert labels.to_dict() == ({} if found is None else {7: found})


def test_categories_stay_categories() -> None:
    target: pd.Series[Any] = pd.Series(["cat", "dog", "cat"], dtype="category")
    labels = classes_like(pd.Series(["dog", "bird"]), target)
    assert labels.dtype == target.dtype and labels.to_list() == ["dog"]
    assert pd.concat([target, labels]).dtype == target.dtype


@pytest.mark.parametrize(
    ("target", "texts", "dtype", "values"),
    [
        ([1.5], ["2", "true", "x"], "float64", [2.0, 1.0]),
        ([1, 2], ["3", "4.0"], "int64", [3, 4]),
        ([1, 2], ["3", "4.5"], "float64", [3.0, 4.5]),
        ([1, 2], [], "int64", []),
    ],
)
def test_numbers(target: list[Any], texts: list[str], dtype: str, values: list[Any]) -> None:
    found = numbers_like(pd.Series(texts, dtype="str"), pd.Series(target))
    assert str(found.dtype) == dtype and found.to_list() == values


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400", "9" * 400, "[1]", "{}", '"1"', "1_0"])
def test_what_is_no_finite_number(text: str) -> None:
    assert number(text) is None


EAST = "2025-06-01T12:00:00+02:00"
COLUMNS: list[tuple[Any, Any]] = [
    (pd.to_datetime(["2025-06-01"]), pd.Timestamp("2026-01-01 12:00:00.25")),
    (
        pd.to_datetime(["2025-06-01"]).tz_localize("America/New_York"),
        pd.Timestamp("2026-01-01 07:00:00.25", tz="America/New_York"),
    ),
    ([date(2025, 6, 1)], date(2026, 1, 1)),
    ([1_748_779_200], 1_767_268_800),
    ([1_748_779_200.5], 1_767_268_800.0),
    ([1_748_779_200_000], 1_767_268_800_250),
    ([1_748_779_200_000_000], 1_767_268_800_250_000),
    ([1_748_779_200_000_000_000], 1_767_268_800_250_000_000),
    (["2025-06-01 12:00:00"], "2026-01-01 12:00:00"),
    (["2025-06-01T12:00:00Z"], "2026-01-01T12:00:00Z"),
    (["2025-06-01T12:00:00.123Z"], "2026-01-01T12:00:00.250000Z"),
    ([EAST], "2026-01-01T14:00:00+0200"),
    (["2025-06-01"], "2026-01-01"),
    ([None, "2025-06-01"], "2026-01-01"),
]


@pytest.mark.parametrize(("column", "moment"), COLUMNS)
def test_a_time_as_the_column_has_it(column: Any, moment: Any) -> None:
    present: pd.Series[Any] = pd.Series(column)
    times: pd.Series[Any] = pd.Series([NOON]).astype("datetime64[us, UTC]")
    found = moments_like(times, present, "when")
    assert found.to_list() == [moment]
    assert pd.concat([present, found], ignore_index=True).dtype == present.dtype
    if present.notna().all():
        assert pd.concat([found, present], ignore_index=True).sort_values().index.to_list() == [
            1,
            0,
        ]
    assert moments_like(times.iloc[:0], present, "when").empty


@pytest.mark.parametrize("column", [[1, 2, 3], ["spring"], [None], [True, False]])
def test_a_column_that_is_no_time_is_named(column: list[Any]) -> None:
    times: pd.Series[Any] = pd.Series([NOON]).astype("datetime64[us, UTC]")
    with pytest.raises(TrainingFailure, match=r"dataset\.timeColumn season"):
        moments_like(times, pd.Series(column), "season")
