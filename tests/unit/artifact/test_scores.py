"""A score in one byte: what it says is the same for all pods, and where it errs is known."""

import math

from hypothesis import given
from hypothesis import strategies as st

from perennial_artifact.scores import (
    EDGES,
    MAXIMUM_CLASSES,
    SIZES,
    class_of,
    levels,
    number_of,
    of_probability,
    probabilities,
)


def test_the_answer_changes_between_two_bytes() -> None:
    below, at = of_probability(math.nextafter(0.5, 0)), of_probability(0.5)
    assert at == below + 1 == 42 and (probabilities(at) or ())[0] == 0.5
    assert (of_probability(0.0), of_probability(1.0)) == (1, SIZES["Probability"] - 2)
    for none in (float("nan"), 1.1, -0.1, float("inf")):
        byte = of_probability(none)
        assert byte < SIZES["Probability"] and probabilities(byte) is None


@given(st.floats(0, 1))
def test_a_byte_says_between_what_a_probability_lies(probability: float) -> None:
    byte = of_probability(probability)
    low, high = probabilities(byte) or (2.0, 2.0)
    assert low <= probability < high or probability == high == 1.0
    assert 0 < byte < SIZES["Probability"] and len(EDGES) == 81


def test_each_class_has_bytes_of_its_own() -> None:
    for classes in range(2, MAXIMUM_CLASSES + 1):
        found = [class_of(byte, classes) for byte in range(1, classes * levels(classes) + 1)]
        assert found == sorted(found) and set(found) == set(range(classes))
        assert len(found) <= MAXIMUM_CLASSES


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.integers(1, 255))
def test_a_number_is_off_by_half_a_step_at_most_and_the_ends_are_exact(
    low: float, spread: float, byte: int
) -> None:
    high = low + spread
    found = number_of(byte, low, high)
    assert found is not None and low <= found <= high
    assert number_of(1, low, high) == low and number_of(0, low, high) is None
    assert math.isclose(number_of(255, low, high) or 0.0, high, abs_tol=1e-6)
