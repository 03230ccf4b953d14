"""A candidate beside the champion: what the interval of the difference decides."""

from typing import Any

import pytest

from perennial.api.training import Gate
from perennial.plan.training.gates import against_champion, failures
from perennial_artifact.manifest import Metric
from perennial_artifact.result import CandidateResult, Comparison


def result(**compared: Any) -> CandidateResult:
    found = [Comparison(name="roc_auc", **compared)] if compared else []
    metrics = [Metric(name="roc_auc", value=compared.get("value", 0.8))]
    return CandidateResult(candidate="a", metrics=metrics, comparisons=found)


def refusal(made: CandidateResult, allowed: float = 0.0) -> str:
    limit = {"maximumDecrease": allowed}
    against = {"name": "no-worse", "metric": "roc_auc", "againstChampion": limit}
    return "; ".join(failures([Gate.model_validate(against)], made, has_champion=True))


@pytest.mark.parametrize(
    ("low", "high", "allowed", "refused"),
    [
        (-0.03, 0.01, 0.0, False),  # worse on these rows, but not shown to be
        (-0.03, 0.0, 0.0, False),
        (-0.03, -0.001, 0.0, True),
        (-0.03, -0.001, 0.005, False),
        (-0.03, -0.006, 0.005, True),
    ],
)
def test_a_candidate_is_refused_where_it_is_worse_at_its_best(
    low: float, high: float, allowed: float, refused: bool
) -> None:
    told = refusal(result(value=0.79, champion=0.80, low=low, high=high), allowed)
    assert bool(told) == refused


def test_the_refusal_says_by_how_much_and_how_sure_it_is() -> None:
    told = refusal(result(value=0.75, champion=0.8, low=-0.07, high=-0.03), 0.005)
    assert told == (
        "no-worse: roc_auc 0.75 is worse than the champion's 0.8 on the same rows by 0.05 (0.03 to "
        "0.07 at 90 %); 0.005 is allowed"
    )


def test_without_an_interval_the_values_decide() -> None:
    assert refusal(result(value=0.79, champion=0.8)) != ""
    assert refusal(result(value=0.8, champion=0.8)) == ""


def test_a_champion_that_was_not_measured_does_not_pass() -> None:
    made = result().replace(champion_failure="orders-2 cannot be had")
    told = refusal(made)
    assert "orders-2 cannot be had; take the gate away for one run to begin anew" in told


def test_what_passes_says_whether_it_is_better() -> None:
    better = result(value=0.81, champion=0.8, low=0.002, high=0.02)
    assert against_champion(better, "roc_auc").endswith("on the same rows: better")
    equal = result(value=0.81, champion=0.8, low=-0.002, high=0.02)
    assert against_champion(equal, "roc_auc").endswith("not shown to be better")
    assert against_champion(result(), "roc_auc") == ""
