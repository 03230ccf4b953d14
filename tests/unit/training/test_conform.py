"""Labels and times of a log in the terms of the dataset's columns."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from perennial_training.failure import TrainingFailure
from perennial_training.prepare.conform import classes_like, moments_like, number, numbers_like

NOON = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("classes", "text", "found"),
    [
        ([0, 1], "1", 1),
        ([0, 1], "1.0", 1),
        ([0, 1], "true", 1),
        ([0, 1], "false", 0),
        ([0, 1], "2", None),
        ([0, 1], "0.5", None),
        ([0, 1], "one", None),
        ([0, 1], "", None),
        ([0, 1], "NaN", None),
        ([-1, 1], "-1", -1),
        (["cat", "dog"], "cat", "cat"),
        (["cat", "dog"], "Cat", None),
        (["1", "2"], "1", "1"),
        (["1", "2"], "1.0", None),
        (["true", "no"], "true", "true"),
    ],
)
def test_a_label_becomes_the_class_that_it_names(classes: list[Any], text: str, found: Any) -> None:
    target: pd.Series[Any] = pd.Series(classes)
    labels = classes_like(pd.Series([text], index=[7], dtype="str"), target)
    assert labels.dtype == target.dtype
    assert labels.to_dict() == ({} if found is None else {7: found})


@pytest.mark.parametrize(
    ("texts", "values"), [(["2", "true", "x", "-1.5e3"], {0: 2.0, 1: 1.0, 3: -1500.0}), ([], {})]
)
def test_numbers(texts: list[str], values: dict[int, float]) -> None:
    found = numbers_like(pd.Series(texts, dtype="str"))
    assert found.dtype == "float64" and found.to_dict() == values


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400", "9" * 400, "[1]", "{}", '"1"', "1_0"])
def test_what_is_no_finite_number(text: str) -> None:
    assert number(text) is None


def test_a_time_as_the_dataset_has_it() -> None:
    moments: pd.Series[Any] = pd.Series([1_748_779_200.0])
    times: pd.Series[Any] = pd.Series([NOON]).astype("datetime64[us, UTC]")
    assert moments_like(times, moments).to_list() == [1_767_268_800.25]
    assert moments_like(times.iloc[:0], moments).empty


@pytest.mark.parametrize("values", [[1, 2, 3], [2025.5], [20_250_601]])
def test_numbers_that_are_no_time_are_named(values: list[Any]) -> None:
    times: pd.Series[Any] = pd.Series([NOON]).astype("datetime64[us, UTC]")
    with pytest.raises(TrainingFailure, match=r"dataset\.timeColumn season .* no Unix time"):
        moments_like(times, pd.Series(values, name="season"))
