"""What is told about a dataset before anybody waits for a fit."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from perennial_artifact.manifest import Column
from perennial_training.failure import TrainingFailure
from perennial_training.prepare.checks import CHECKS, Rows, check

RNG = np.random.default_rng(3)


def rows(classes: bool = True, **more: Any) -> Rows:
    """Return 1,000 sound rows, and more columns."""
    frame = pd.DataFrame({"amount": RNG.normal(size=1_000), **more})
    answer = frame["amount"] + RNG.normal(size=1_000)
    target = (answer > 0).astype(int) if classes else answer
    held_out = np.arange(1_000) % 5 == 0
    kinds: dict[bool, Any] = {True: "Category", False: "Number"}
    columns = [Column(name=c, kind=kinds[frame[c].dtype.kind != "f"]) for c in frame]
    return Rows(frame, columns, target.rename("bought"), held_out, classes)


def found(made: Rows) -> dict[str, str]:
    return {note.check: note.message for note in check(made, {})}


def test_a_sound_table_has_nothing_to_tell() -> None:
    assert found(rows()) == {} == found(rows(classes=False))


@pytest.mark.parametrize("loader", [load_iris, load_wine, load_breast_cancer, load_diabetes])
def test_real_tables_have_nothing_that_leaks(loader: Any) -> None:
    data = loader(as_frame=True)
    columns = [Column(name=c, kind="Number") for c in data.data]
    held_out = np.arange(len(data.target)) % 5 == 0
    made = Rows(data.data, columns, data.target, held_out, loader is not load_diabetes)
    assert "leaking" not in found(made) and "identifierLike" not in found(made)


WORDS = np.array([f"id-{n}" for n in range(1_000)], dtype=object)
FLAG = np.where(np.arange(1_000) < 995, "no", "yes").astype(object)
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("constant", {"one": 7.0}, "one has one value in all rows, so nothing is learned from it"),
    ("constant", {"one": np.full(1_000, "a", object), "two": 0.0}, "one, two have one value"),
    ("nearConstant", {"flag": FLAG}, "flag has one value in 99% of the rows or more"),
    ("missing", {"gaps": np.where(np.arange(1_000) < 510, np.nan, 1.5)}, "(gaps: 51.0%)"),
    ("identifierLike", {"order": WORDS}, "order has another value in nearly every row"),
    ("identifierLike", {"order": np.arange(1_000.0)}, "leave it out of dataset.features"),
    ("identifierLike", {"order": 7e6 + RNG.permutation(1_000) * 3.0}, "order has another value"),
]


@pytest.mark.parametrize(("name", "more", "told"), CASES)
def test_odd_columns_are_told(name: str, more: dict[str, Any], told: str) -> None:
    notes = found(rows(**more))
    assert set(notes) == {name} and told in notes[name]


def test_a_column_that_tells_the_answer() -> None:
    for classes in (True, False):
        made = rows(classes)
        late = made.target * 2.0 + 1.0
        leaked = Rows(
            made.features.assign(refund=late, note=np.where(late > 2, "y", "n").astype(object)),
            [*made.columns, Column(name="refund", kind="Number"), Column("note", "Category")],
            made.target,
            made.held_out,
            classes,
        )
        told = found(leaked)["leaking"]
        assert told.startswith("refund, note alone each tell" if classes else "refund alone tells")
        assert "if it is known only after the answer, leave it out" in told


@pytest.mark.parametrize(("times", "classes"), [(1, 300), (20, 4_000)])
def test_classes_of_few_rows_each_can_be_looked_at(times: int, classes: int) -> None:
    """Of many rows a sample is looked at, which may have fewer of each class than folds."""
    made = rows()
    target = pd.Series([f"c{n % classes}" for n in range(times * 1_000)], name="kind")
    features = pd.concat([made.features] * times, ignore_index=True)
    held_out = np.tile(made.held_out, times)
    notes = found(Rows(features, made.columns, target, held_out, True))
    assert "leaking" not in notes and f"and {classes - 8} more" in notes["imbalance"]


def test_rows_that_repeat_and_are_in_both_parts() -> None:
    made = rows()
    twice = Rows(
        pd.concat([made.features] * 2, ignore_index=True),
        made.columns,
        pd.concat([made.target] * 2, ignore_index=True),
        np.repeat([True, False], 1_000),
        True,
    )
    notes = found(twice)
    assert notes["duplicateRows"].startswith("1000 of 2000 rows repeat another one")
    assert notes["shared"].startswith("1000 of 1000 held-out rows are equal to one that is learned")


def test_a_rare_class() -> None:
    made = rows()
    target = pd.Series(np.where(np.arange(1_000) < 6, "fraud", "genuine"), name="kind")
    told = found(Rows(made.features, made.columns, target, made.held_out, True))["imbalance"]
    assert told.startswith("class fraud of kind is rare (fraud: 6 of 1000 rows)")


def test_what_is_refused_is_refused_and_what_is_ignored_is_not_told() -> None:
    made = rows(one=7.0)
    with pytest.raises(TrainingFailure, match=r"dataset\.checks\.constant is Refuse") as refused:
        check(made, {"constant": "Refuse"})
    assert refused.value.reason == "CheckFailed"
    assert check(made, {"constant": "Ignore"}) == []
    assert check(rows(), {name: "Refuse" for name in CHECKS}) == []
