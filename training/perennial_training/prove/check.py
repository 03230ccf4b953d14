"""Metrics that cannot be measured are refused before anything is fitted, with advice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from perennial_training.failure import TrainingFailure
from perennial_training.prove import names
from perennial_training.prove.answers import Answers, positive_last
from perennial_training.prove.labels import in_order, texts
from perennial_training.prove.scoring import invalid, score_of_all, scorer, without_probabilities


def check(
    wanted: Sequence[str],
    task: str,
    classes: Sequence[Any],
    positive: str | None,
    held_out: pd.Series[Any],
    has_probabilities: bool | None = None,
) -> None:
    """Refuse metrics that cannot be measured on the held-out rows, before anything is fitted.

    Args:
        wanted: scikit-learn's scorers.
        task: Classification or Regression.
        classes: the classes that the target has in any row; empty for a regression.
        positive: the class that metrics of two classes are about, by its text; None for the last.
        held_out: the target of the held-out rows.
        has_probabilities: whether the algorithm gives them; None where that is not known yet.

    Raises:
        TrainingFailure: one of them cannot be measured, and what to write instead.
    """
    named = in_order(classes) if task == "Classification" else []
    if task == "Regression" and positive is not None:
        raise invalid("positiveClass is for a Classification: leave it out of the dataset")
    if positive is not None and positive not in named:
        raise invalid(
            f"positiveClass {positive} is none of the classes of {held_out.name}: write one of "
            f"{_some(named)}"
        )
    ordered = list(positive_last(named, positive))
    for name in dict.fromkeys(wanted):
        scorer(name)
        problem = _misfit(name, task, ordered, held_out, has_probabilities)
        if problem or (problem := _dry_run(name, ordered, held_out, has_probabilities)):
            raise invalid(problem)


def _misfit(
    name: str,
    task: str,
    classes: list[str],
    held_out: pd.Series[Any],
    has_probabilities: bool | None,
) -> str:
    """Return why a metric does not fit and what to write instead; empty where it may."""
    if name.endswith("_samples"):
        family = name.removesuffix("_samples")
        return f"{name} is for rows with many labels: write {family}_macro or {family}_weighted"
    if names.task_of(name) != task:
        kind = "classes" if task == "Classification" else "numbers"
        return f"{name} is no metric of {kind}: for a {task} write {names.USUAL[task]}"
    if task == "Regression":
        return _out_of_reach(name, held_out)
    if name in names.PROBABILITIES and has_probabilities is False:
        return without_probabilities(name)
    if len(classes) > 2 and name in names.FOR_MANY:
        return (
            f"{name} is for two classes and {held_out.name} has {len(classes)}: write "
            f"{names.FOR_MANY[name]}"
        )
    if name == "top_k_accuracy" and len(classes) == 2:
        return f"{name} is 1 for any model of two classes: write accuracy"
    present = set(texts(held_out.to_numpy()).tolist())
    absent = [c for c in classes if c not in present]
    needed = classes if name in names.EVERY_CLASS else []
    if name in names.ONE_POSITIVE and len(classes) == 2:
        needed = classes[-1:]
    if lacking := [c for c in absent if c in needed]:
        return (
            f"{name} cannot be measured: none of the {len(held_out)} held-out rows has "
            f"{held_out.name} {_some(lacking)}; hold out more rows or other ones (dataset.split), "
            "or write a metric such as accuracy"
        )
    return ""


def _out_of_reach(name: str, held_out: pd.Series[Any]) -> str:
    smallest = float(held_out.min())
    if name in names.LOWEST:
        limit, words = names.LOWEST[name]
        wrong = smallest <= limit
    else:
        words = "of 0 or more"
        wrong = name in names.NOT_NEGATIVE and smallest < 0
    if not wrong:
        return ""
    return (
        f"{name} needs numbers {words}, and {held_out.name} is {smallest:g} in a held-out row: "
        "write neg_mean_absolute_error or neg_root_mean_squared_error"
    )


def _dry_run(
    name: str, classes: list[str], held_out: pd.Series[Any], has_probabilities: bool | None
) -> str:
    """Return why a metric has no value whatever a model answers: it is tried on made-up answers."""
    message = ""
    for mixed in (True, False):
        made = _made_up(classes, held_out, has_probabilities is not False, mixed)
        try:
            score_of_all(made.beside(held_out), name)
        except TrainingFailure as failure:
            message = str(failure)
        else:
            return ""
    return message


def _made_up(
    classes: list[str], held_out: pd.Series[Any], with_probabilities: bool, mixed: bool
) -> Answers:
    """Return answers that are right, or mixed so that each class is answered for each class."""
    if not classes:
        # Above zero, as deviances and logarithms want them; not all the same.
        numbers = np.abs(held_out.to_numpy(dtype=np.float64)) + 1 + np.arange(len(held_out)) % 2
        return Answers(numbers, None, (), ())
    named = texts(held_out.to_numpy())
    if mixed:
        turn = pd.Series(named).groupby(named).cumcount().to_numpy() % len(classes)
        named = np.array(classes, dtype=object)[turn]
    shares = None
    if with_probabilities:
        hits = named[:, None] == np.array(classes, dtype=object)
        shares = (hits + 1.0) / (hits + 1.0).sum(axis=1, keepdims=True)
    return Answers(named, shares, tuple(classes), tuple(classes))


def _some(named: Sequence[str]) -> str:
    return ", ".join(named[:10]) + (f" and {len(named) - 10} more" if len(named) > 10 else "")
