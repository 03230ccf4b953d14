"""Numbers for people."""

import pytest

from perennial_statistics.numbers import ranges, told_apart


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], []),
        ([0.123456, 12.3456], ["0.1235", "12.35"]),
        ([10115, 10119], ["10115", "10119"]),
        ([1234567, 1234568, 2e20], ["1234567", "1234568", "2e+20"]),
        ([0.10001, 0.10002], ["0.10001", "0.10002"]),
        ([1e-9, float("inf")], ["1e-09", "inf"]),
    ],
)
def test_numbers_are_told_apart(values: list[float], found: list[str]) -> None:
    assert told_apart(values) == found


def test_what_is_between_edges_has_a_name() -> None:
    assert ranges([]) == ["all"]
    assert ranges([1, 2.5]) == ["below 1", "1 to 2.5", "from 2.5 on"]
