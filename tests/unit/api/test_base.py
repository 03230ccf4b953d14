"""Durations and times, as they stand in YAML."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.api.common import Condition
from perennial.api.values import seconds


@pytest.mark.parametrize(
    ("text", "length"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("1m500ms", 60.5), ("0s", 0)],
)
def test_durations(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["", "10", "s", "1d", "5 m", "-3s", "1h 30m", "1.5h", "3sec"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write it as 30s, 5m or 1h30m"):
        seconds(text)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_the_parts_add_up(hours: int, minutes: int, left: int) -> None:
    assert seconds(f"{hours}h{minutes}m{left}s") == hours * 3600 + minutes * 60 + left


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1970, 1, 2)))
def test_a_time_keeps_its_second_through_the_api_server(moment: datetime) -> None:
    made = Condition(type="Ready", status="True", reason="X", last_transition_time=moment)
    again = Condition.model_validate(made.to_json())
    assert again == made and again.last_transition_time is not None
    assert again.last_transition_time == moment.astimezone(UTC).replace(microsecond=0)


def test_a_long_message_is_cut_not_refused() -> None:
    assert len(Condition(type="R", status="True", reason="X", message="m" * 5000).message) == 1024
