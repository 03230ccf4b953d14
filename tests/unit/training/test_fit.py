"""Estimators by their own names, their parameters, and the search."""

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mixed import accuracy, candidate, classes, fitted, mixed, prices

from perennial_artifact.manifest import Column
from perennial_artifact.result import CandidateSpec, SearchSpaceSpec, SearchSpec
from perennial_training import candidate as fitting
from perennial_training.candidate import fit
from perennial_training.failure import TrainingFailure
from perennial_training.fit.algorithms import ALGORITHMS, algorithm, usable
from perennial_training.fit.search import draw, search, set_aside
from perennial_training.limits import check_inputs
from perennial_training.seed import SEED

INPUTS, COLUMNS = mixed()
ANSWER = classes(INPUTS, [0, 1])


def tried(made: CandidateSpec, judge: Any = accuracy, **more: Any) -> Any:
    return fit("Classification", made, judge, INPUTS, COLUMNS, ANSWER, **more)


def certainty(model: Any, inputs: pd.DataFrame, target: "pd.Series[Any]") -> float:
    return -float(np.abs(model.predict_proba(inputs)[:, 1] - target).mean())


BAD = [
    (candidate("Telepathy"), "UnknownAlgorithm", "Telepathy is no algorithm of scikit-learn"),
    (candidate("Ridge"), "UnknownAlgorithm", "Ridge is for task Regression, not Classification"),
    (candidate("RandomForest"), "UnknownAlgorithm", "is unknown, RandomForestClassifier is near"),
    (candidate("LabelSpreading"), "UnknownAlgorithm", "use one of AdaBoostClassifier, Bagging"),
    (
        candidate("StackingClassifier"),
        "UnknownAlgorithm",
        "cannot be used as it stands; use one of",
    ),
    (
        candidate("LogisticRegression", parameters={"speed": 1}),
        "ParametersInvalid",
        "LogisticRegression has no parameter speed: it has C, ",
    ),
    (
        candidate("RandomForestClassifier", parameters={"n_estimator": 1}),
        "ParametersInvalid",
        "did you mean n_estimators?",
    ),
    (
        candidate("LogisticRegression", parameters={"max_iter": "x"}),
        "ParametersInvalid",
        "'max_iter' parameter of LogisticRegression must be an int",
    ),
    (
        candidate("LogisticRegression", parameters={"class_weight": {"2": 5}}),
        "ParametersInvalid",
        "class_weight names '2', which is no class; the classes are 0, 1",
    ),
]


@pytest.mark.parametrize(("made", "reason", "told"), BAD)
def test_what_cannot_be_fitted_says_why(made: CandidateSpec, reason: str, told: str) -> None:
    with pytest.raises(TrainingFailure) as refused:
        tried(made)
    assert refused.value.reason == reason and told in str(refused.value)
    assert len(str(refused.value)) <= 1024  # of a termination message


@pytest.mark.parametrize("task", ["Classification", "Regression"])
def test_the_list_of_algorithms_is_what_can_be_used(task: str) -> None:
    names = usable(task)
    assert names == sorted(names) and "StackingClassifier" not in names
    for name in names:
        assert ALGORITHMS[task, name].make().get_params()


def test_the_estimators_own_faults_are_told() -> None:
    made = candidate("KNeighborsRegressor", parameters={"n_neighbors": 10_000})
    judge: Any = accuracy
    model, _ = fit("Regression", made, judge, INPUTS, COLUMNS, prices(INPUTS))  # until it is asked
    assert model.estimator.n_neighbors == 10_000
    negative = candidate("GammaRegressor")
    with pytest.raises(TrainingFailure, match="out of the valid range") as refused:
        fit("Regression", negative, judge, INPUTS, COLUMNS, -prices(INPUTS))
    assert refused.value.reason == "FitFailed"


def test_estimators_are_seeded_unless_they_are_told_otherwise() -> None:
    few: dict[str, Any] = {"n_estimators": 2}
    made = fitted("RandomForestClassifier", INPUTS, COLUMNS, ANSWER, **few).estimator
    assert made.random_state == SEED and made.n_jobs is None
    few["random_state"] = 3
    made = fitted("RandomForestClassifier", INPUTS, COLUMNS, ANSWER, **few).estimator
    assert made.random_state == 3


KEYED = [
    ([0, 1], {"0": 1, "1": 5}, {0: 1, 1: 5}),
    (["no", "yes"], {"no": 1, "yes": 5}, {"no": 1, "yes": 5}),
    ([-1, 1], {"-1": 2, "1": 1}, {-1: 2, 1: 1}),
    ([0, 1], "balanced", "balanced"),
]


@pytest.mark.parametrize(("labels", "given", "wanted"), KEYED)
def test_classes_are_found_by_their_text(labels: list[Any], given: Any, wanted: Any) -> None:
    target = classes(INPUTS, labels)
    model = fitted("LogisticRegression", INPUTS, COLUMNS, target, class_weight=given)
    assert model.estimator.class_weight == wanted


def test_shares_by_class_become_a_list() -> None:
    given = {"1": 0.3, "0": 0.7}
    model = fitted("GaussianNB", INPUTS, COLUMNS, ANSWER, priors=given)
    assert model.estimator.priors == [0.7, 0.3]
    with pytest.raises(TrainingFailure, match="class_prior lacks 0"):
        fitted("MultinomialNB", INPUTS, COLUMNS, ANSWER, class_prior={"1": 0.3})


def test_lists_become_tuples_where_scikit_learn_has_tuples() -> None:
    shape: dict[str, Any] = {"hidden_layer_sizes": [4, 3], "max_iter": 5}
    made = fitted("MLPClassifier", INPUTS, COLUMNS, ANSWER, **shape).estimator
    assert made.hidden_layer_sizes == (4, 3)
    assert [len(layer) for layer in made.coefs_][1:] == [4, 3]


def test_a_monotonic_constraint_names_columns() -> None:
    model = fitted(
        "HistGradientBoostingRegressor",
        INPUTS,
        COLUMNS,
        prices(INPUTS),
        "Regression",
        monotonic_cst={"amount": 1, "one decimal": -1},
    )
    steps = INPUTS[:50].assign(amount=np.linspace(20_000, 80_000, 50), **{"one decimal": 0.0})
    steps = steps.assign(member=1.0, at=0.0, **{"word 0": "red"})
    assert (np.diff(model.predict(steps)) >= 0).all()
    with pytest.raises(TrainingFailure, match="no column of numbers; those are amount"):
        fitted(
            "HistGradientBoostingClassifier",
            INPUTS,
            COLUMNS,
            ANSWER,
            monotonic_cst={"word 0": 1},
        )


def test_a_fit_that_did_not_converge_is_told() -> None:
    notes: list[str] = []
    tried(candidate("MLPClassifier", parameters={"max_iter": 2}), note=notes.append)
    assert len(notes) == 1 and "MLPClassifier: Stochastic Optimizer: Maximum iterations" in notes[0]
    tried(candidate("PassiveAggressiveClassifier"), note=notes.append)  # deprecated, which is ours
    assert len(notes) == 1


def test_a_support_vector_machine_by_nu_fits_rare_classes() -> None:
    """Its own default, a half, is infeasible where classes are not of like size."""
    rng = np.random.default_rng(2)
    inputs = pd.DataFrame({"x": rng.normal(size=400)})
    target = pd.Series((np.arange(400) % 20 == 0).astype(int))
    chosen = CandidateSpec(name="a", algorithm="NuSVC")
    columns = [Column(name="x", kind="Number")]
    _, parameters = fit("Classification", chosen, accuracy, inputs, columns, target)
    assert parameters == {"nu": pytest.approx(0.09)}
    assert algorithm("Classification", "NuSVC").defaults_for(pd.Series([0, 1])) == {"nu": 0.5}


def test_a_search_keeps_the_given_parameters_and_finds_the_better_one() -> None:
    searched = {"trials": 6, "parameters": {"C": {"choice": [1e-9, 1.0]}}}
    made = candidate("LogisticRegression", parameters={"max_iter": 321}, search=searched)
    model, parameters = tried(made, judge=certainty)
    assert parameters == {"max_iter": 321, "C": 1.0}
    assert model.estimator.get_params()["max_iter"] == 321
    assert tried(made, judge=certainty)[1] == parameters


def test_a_trial_that_fails_counts_as_worst_and_is_told() -> None:
    # B6: one invalid draw ended the search.
    searched = {"trials": 8, "parameters": {"solver": {"choice": ["lbfgs", "nonsense"]}}}
    notes: list[str] = []
    _, parameters = tried(candidate("LogisticRegression", search=searched), note=notes.append)
    assert parameters == {"solver": "lbfgs"}
    (told,) = notes
    assert "of 8 trials failed and count as worst; the first: LogisticRegression: " in told


def test_a_search_fails_where_all_trials_do_with_the_commonest_reason() -> None:
    searched = {"trials": 5, "parameters": {"C": {"choice": ["a", -1.0]}}}
    with pytest.raises(TrainingFailure) as refused:
        tried(candidate("LogisticRegression", search=searched))
    assert refused.value.reason == "ParametersInvalid"
    assert "no trial of the search worked; in" in str(refused.value)


def test_a_score_that_is_not_a_number_counts_as_worst() -> None:
    scores = iter([float("nan"), 0.3, 0.2])
    spec = SearchSpec.from_plain(
        {"trials": 3, "parameters": {"C": {"float": [0.1, 10], "log": True}}}
    )
    drawn = random.Random(SEED)
    wanted = [draw(spec.parameters["C"], drawn) for _ in "abc"]
    found = search(spec, lambda _: next(scores))
    assert found.parameters == {"C": wanted[1]} and len(found.failed) == 1


def test_draws_stay_within_their_bounds() -> None:
    rng = random.Random(1)

    def drawn(space: dict[str, Any]) -> list[Any]:
        parsed = SearchSpaceSpec.from_plain(space)
        return [draw(parsed, rng) for _ in range(400)]

    assert set(drawn({"int": [2, 4]})) == {2, 3, 4}
    assert set(drawn({"choice": ["l1", 7, None, True]})) == {"l1", 7, None, True}
    assert drawn({"choice": [[4, 3]]})[0] == [4, 3]
    even, log = drawn({"float": [1e-4, 1]}), drawn({"float": [1e-4, 1], "log": True})
    assert min(even + log) >= 1e-4 and max(even + log) <= 1
    # Half of the draws are below the middle of the scale: 0.5, or 0.01 on the logarithmic one.
    assert np.mean(np.array(even) < 0.5) == pytest.approx(0.5, abs=0.08)
    assert np.mean(np.array(log) < 0.01) == pytest.approx(0.5, abs=0.08)


def test_rows_that_judge_trials_are_a_fifth_of_each_class() -> None:
    target = pd.Series(["rare"] * 10 + ["common"] * 90)
    learned, judged = set_aside("Classification", target)
    assert len(judged) == 20 and (target[judged] == "rare").sum() == 2
    assert sorted([*learned, *judged]) == list(range(100))
    assert set_aside("Classification", target)[1].tolist() == judged.tolist()
    alone = pd.Series(["once"] + ["often"] * 99)
    assert len(set_aside("Classification", alone)[1]) == 20


def test_rows_that_judge_trials_are_the_newest_or_whole_groups() -> None:
    target = pd.Series(np.arange(100.0))
    assert set_aside("Regression", target, time_ordered=True)[1].tolist() == list(range(80, 100))
    groups = pd.Series(np.arange(100) // 4)
    learned, judged = set_aside("Regression", target, groups)
    assert not set(groups[learned]) & set(groups[judged]) and len(judged) == 20


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("Classification", "CalibratedClassifierCV", {"method": "isotonic"}, "before the fit"),
    ("Classification", "DummyClassifier", {"strategy": "uniform"}, "answers by chance"),
    ("Regression", "KNeighborsRegressor", {"metric": "canberra"}, ""),
    ("Classification", "HistGradientBoostingClassifier", {"categorical_features": [5]}, ""),
]


@pytest.mark.parametrize(("task", "algorithm", "parameters", "told"), REFUSED)
def test_what_cannot_be_exported_is_refused_before_the_fit(
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    algorithm: str,
    parameters: dict[str, Any],
    told: str,
) -> None:
    # B12: after an hour of fitting.
    def never(*_: Any) -> Any:
        raise AssertionError("the real fit was begun")

    monkeypatch.setattr(fitting, "fit_one", never)
    made = candidate(algorithm, parameters=parameters)
    target = ANSWER if task == "Classification" else prices(INPUTS)
    columns = [c for c in COLUMNS if c.kind != "Time"]
    judge: Any = accuracy
    with pytest.raises(TrainingFailure) as refused:
        fit(task, made, judge, INPUTS, columns, target)
    assert refused.value.reason in ("ExportFailed", "ParityFailed") and told in str(refused.value)


def test_limits_are_checked_before_the_fit() -> None:
    # B8: 513 features were a traceback after the fit.
    def columns(*names: str) -> list[Column]:
        return [Column(name=n, kind="Number") for n in names]

    check_inputs(columns(*(f"c{i}" for i in range(512))), "Regression")
    for names, told in [
        ([f"c{i}" for i in range(513)], "at most 512 inputs, and the dataset has 513"),
        ([], "no column"),
        (["a", "prediction"], "the model's output is called prediction: rename the column"),
        (["a", "a"], "two columns are called a"),
        ([""], "1 to 253 characters"),
        (["x" * 254], "1 to 253 characters"),
    ]:
        with pytest.raises(TrainingFailure, match=told) as refused:
            check_inputs(columns(*names), "Regression")
        assert refused.value.reason == "DatasetInvalid"
    check_inputs(columns("label"), "Regression")
    wide = pd.DataFrame({"label": [1.0] * 60})
    with pytest.raises(TrainingFailure, match="output is called label"):
        fitted("Perceptron", wide, columns("label"), ANSWER[:60])


@pytest.mark.parametrize("algorithm", ["LogisticRegression", "HistGradientBoostingClassifier"])
def test_gaps_and_unseen_categories_are_predicted(algorithm: str) -> None:
    model = fitted(algorithm, INPUTS, COLUMNS, ANSWER, max_iter=20)
    strange = INPUTS[:1].assign(amount=np.nan, at=np.nan, **{"word 0": "mauve"})
    assert model.predict_proba(strange).sum() == pytest.approx(1.0)
