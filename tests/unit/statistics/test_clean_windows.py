"""How benchmarks/drift counts false alarms: what it leaves out may not be an alarm."""

import numpy as np
import pytest
from benchmarks.drift import clean
from benchmarks.drift.clean import Column, alarms, drawn, may_alarm

from perennial_statistics.drift import judge_drift

KINDS = ("number", "number missing", "zeros", "flag", "5 kinds", "60 kinds")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("session", [1, 5])
def test_where_a_column_may_not_alarm_the_rule_does_not(kind: str, session: int) -> None:
    """Also where half of the windows have cells that went into their neighbour."""
    rng = np.random.default_rng(7)
    found = drawn(kind, 1_000, 1_000 // session, 200, rng)
    strange = found.newest[:, :-3].copy()
    strange[:, 1] += strange[:, 2:5].sum(1) + strange[:, 0]
    strange[:, 2:5], strange[:, 0] = 0, 0
    mixed = np.where(rng.random((200, 1)) < 0.5, strange, found.newest[:, :-3])
    column = Column(
        found.ordered, found.reference, found.older, np.hstack([mixed, found.newest[:, -3:]])
    )
    marked, rule = may_alarm(column, session), []
    for window in range(200):
        feature = clean._feature(column, 0, window, session)
        rule.append(bool(judge_drift([feature], clean.SETTINGS, {}).alarming))
    assert not (np.array(rule) & ~marked).any()
    assert any(rule)


def test_what_shifted_alarms_and_what_did_not_does_not() -> None:
    rng = np.random.default_rng(8)
    column = drawn("number", 20_000, 2_000, 50, rng)
    moved = column.newest.copy()
    moved[:, 0] += 100
    assert alarms([column], 1, rng) == 0
    assert alarms([Column(True, column.reference, column.older + moved, moved)], 1, rng) == 50


def test_rare_flags_in_sessions_of_five_rows_raise_no_alarm() -> None:
    """A hundred sessions a window: once slices of equal rows counted as independent, 5 % did."""
    rng = np.random.default_rng(9)
    columns = [drawn("flag", 20_000, 100, 300, rng) for _ in range(3)]
    assert alarms(columns, 5, rng) == 0


def test_slices_are_the_window_divided() -> None:
    rng = np.random.default_rng(10)
    column = drawn("number missing", 20_000, 500, 1, rng)
    slices = clean._slices(column, 0, 5, rng)
    whole = clean._feature(column, 0, 0, 5).window
    assert len(slices) == 24
    assert [sum(c) for c in zip(*(s.values for s in slices), strict=True)] == list(whole.values)
    assert sum(s.missing for s in slices) == whole.missing
