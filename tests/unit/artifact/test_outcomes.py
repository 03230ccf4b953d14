"""Outcomes add up; a window without them says nothing of what it did not count."""

import json

import pytest

from perennial_artifact.outcomes import Errors, Known, Outcomes, Rewards, add_outcomes
from perennial_artifact.windows import Window, merge

ONE = Outcomes(
    version="0123456789ab",
    score="Probability",
    given={1: 5, 42: 2},
    known=[
        Known(age=60, labels={"late": {42: 2}, "early": {1: 1}}, rewards=Rewards(2, 1.5, 1.25)),
        Known(age=600, labels={"late": {41: 1}}),
    ],
)
OTHER = Outcomes(
    version="0123456789ab",
    score="Probability",
    given={1: 1},
    known=[Known(age=600, labels={"late": {41: 2, 1: 1}}, rewards=Rewards(1, 1.0, 1.0))],
)
NUMBERS = Outcomes(
    version="ba9876543210",
    score="Number",
    known=[Known(age=60, errors=Errors(2, -1.0, 3.0, 5.0, 17.0))],
)


def window(outcomes: list[Outcomes] | None) -> Window:
    return Window(model="m", version="1", since=0, clock=60, start=0, end=60, outcomes=outcomes)


def test_they_add_up_by_version_age_and_label() -> None:
    (first, second) = add_outcomes([[ONE, NUMBERS], [OTHER], [NUMBERS]])
    assert first.given == {1: 6, 42: 2}
    minute, ten = first.known
    assert minute == ONE.known[0]
    assert ten.labels == {"late": {1: 1, 41: 3}} and ten.rewards == Rewards(1, 1.0, 1.0)
    assert second.known[0].errors == Errors(4, -2.0, 6.0, 10.0, 34.0)
    assert add_outcomes([[OTHER, NUMBERS], [ONE, NUMBERS]]) == [first, second]


def test_a_window_that_counted_none_is_no_zero() -> None:
    assert merge([window([ONE]), window([OTHER])]).outcomes == add_outcomes([[ONE], [OTHER]])
    assert merge([window([ONE]), window(None)]).outcomes is None
    assert merge([window([]), window([])]).outcomes == []


def test_what_a_newer_server_tells_besides_is_skipped() -> None:
    told = json.loads(window([ONE]).to_json())
    told["outcomes"][0] |= {"novel": 1, "score": "Vector"}
    told["outcomes"][0]["known"][0] |= {"novel": [1]}
    (found,) = Window.from_json(json.dumps(told)).outcomes or ()
    assert found.replace(score="Probability") == ONE


@pytest.mark.parametrize(
    "wrong",
    [
        {"given": {"256": 1}},
        {"given": {"1": -1}},
        {"version": "0123456789abc"},
        {"known": [{"age": 60, "rewards": [1]}]},
    ],
)
def test_nonsense_is_no_window(wrong: dict[str, object]) -> None:
    told = json.loads(window([ONE]).to_json())
    told["outcomes"][0] |= wrong
    with pytest.raises(ValueError):
        Window.from_json(json.dumps(told))
