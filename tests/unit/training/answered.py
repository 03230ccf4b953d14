"""Answers that a test makes up."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_training.prove.answers import Answers, positive_last
from perennial_training.prove.labels import in_order

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> list[dict[str, Any]]:
    """Return the cases of a table of right values."""
    cases: list[dict[str, Any]] = json.loads((GOLDEN / name).read_text())["cases"]
    return cases


def numbers(predicted: Any) -> Answers:
    """Return answers of a regressor."""
    return Answers(np.asarray(predicted, dtype=np.float32), None, (), ())


def two(high: Any, classes: tuple[Any, Any] = (0, 1), positive: str | None = None) -> Answers:
    """Return answers with these probabilities of the second class, which is said above a half."""
    share = np.asarray(high, dtype=np.float64)
    return several(np.stack([1 - share, share], axis=1), classes, positive)


def several(shares: Any, classes: tuple[Any, ...], positive: str | None = None) -> Answers:
    """Return answers with these probabilities, shape [n, classes]; the largest is said."""
    given = np.asarray(shares, dtype=np.float32)
    said = np.array(classes, dtype=object)[given.argmax(axis=1)]
    named = tuple(str(c) for c in classes)
    return Answers(said, given, named, positive_last(in_order(classes), positive))


def labels(said: Any, classes: tuple[Any, ...]) -> Answers:
    """Return answers without probabilities."""
    named = tuple(str(c) for c in classes)
    return Answers(np.asarray(said, dtype=object), None, named, named)


def scored(rng: np.random.Generator, truth: NDArray[Any], apart: float) -> NDArray[np.float64]:
    """Return probabilities whose normal scores are ``apart`` spreads apart for the two classes."""
    score = rng.normal(size=len(truth)) + apart * truth
    return np.asarray(1 / (1 + np.exp(apart / 2 - score)), dtype=np.float64)
