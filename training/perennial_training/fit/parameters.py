"""Parameters in JSON, as scikit-learn wants them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from sklearn.utils._param_validation import InvalidParameterError

from perennial_training.failure import TrainingFailure
from perennial_training.fit.algorithms import Algorithm
from perennial_training.fit.preprocessing import Feature
from perennial_training.seed import SEED

# An object that is keyed by classes where scikit-learn wants a list in the order of the classes.
_BY_CLASS = frozenset({"priors", "class_prior"})
# Estimators that JSON cannot write; scikit-learn's own default stands for them.
_ESTIMATORS = frozenset({"estimator", "base_estimator", "init"})


def settled(
    algorithm: Algorithm,
    parameters: dict[str, Any],
    classes: Sequence[Any] = (),
    features: Sequence[Feature] = (),
) -> dict[str, Any]:
    """Return parameters as the estimator takes them.

    ``classes`` are the target's, in order; a key that has a class's text stands for it. An object
    for ``monotonic_cst`` is keyed by columns; ``features`` are those of ``Preprocessing``.

    Raises:
        TrainingFailure: there is no such parameter, class or column.
    """
    defaults = algorithm.make().get_params(deep=False)
    made = {}
    for name, value in parameters.items():
        if name not in defaults:
            raise TrainingFailure("ParametersInvalid", _unknown(algorithm.name, name, defaults))
        if name == "class_weight" and isinstance(value, dict):
            value = _by_class(name, value, classes)
        elif name in _BY_CLASS and isinstance(value, dict):
            weights = _by_class(name, value, classes)
            if absent := [str(c) for c in classes if c not in weights]:
                raise TrainingFailure("ParametersInvalid", f"{name} lacks {', '.join(absent)}")
            value = [weights[c] for c in classes]
        elif name == "constant" and algorithm.task == "Classification":
            value = next((c for c in classes if str(c) == str(value)), value)
        elif name == "monotonic_cst" and isinstance(value, dict):
            value = _by_column(name, value, features)
        elif isinstance(defaults[name], tuple) and isinstance(value, list):
            value = tuple(value)  # JSON has no other way to write one
        made[name] = value
    return made


def estimator(algorithm: Algorithm, parameters: dict[str, Any]) -> Any:
    """Return an estimator with settled parameters, seeded where it can be.

    Raises:
        TrainingFailure: a parameter has a value that it cannot have.
    """
    made = algorithm.make(**parameters)
    if "random_state" in made.get_params(deep=False) and "random_state" not in parameters:
        made.set_params(random_state=SEED)
    try:
        made._validate_params()
    except InvalidParameterError as error:
        raise TrainingFailure("ParametersInvalid", f"{algorithm.name}: {error}") from error
    return made


def _unknown(algorithm: str, name: str, defaults: dict[str, Any]) -> str:
    known = sorted(set(defaults) - _ESTIMATORS)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    guess = f"; did you mean {near[0]}?" if near else ":"
    return f"{algorithm} has no parameter {name}{guess} it has {', '.join(known) or 'none'}"


def _by_class(name: str, values: dict[str, Any], classes: Sequence[Any]) -> dict[Any, Any]:
    """Return values by class instead of by a class's text."""
    texts = {str(c): c for c in classes}
    if strange := [key for key in values if str(key) not in texts]:
        raise TrainingFailure(
            "ParametersInvalid",
            f"{name} names {strange[0]!r}, which is no class; the classes are {_few(texts)}",
        )
    return {texts[str(key)]: value for key, value in values.items()}


def _by_column(name: str, values: dict[str, Any], features: Sequence[Feature]) -> list[Any]:
    numbers = [column for column, part in features if part is None]
    if strange := [key for key in values if key not in numbers]:
        raise TrainingFailure(
            "ParametersInvalid",
            f"{name} names {strange[0]!r}, which is no column of numbers; those are "
            f"{_few(numbers)}",
        )
    return [values.get(column, 0) if part is None else 0 for column, part in features]


def _few(names: Any) -> str:
    first = [str(n)[:64] for n in names]
    return ", ".join(first[:16]) + (" and others" if len(first) > 16 else "")
