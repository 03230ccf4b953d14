"""What the clients of one version lose by another."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from builders import version

from perennial.plan.core.signature import Known, Signature, Tensor, differences, recorded


def made(inputs: list[Tensor], outputs: list[Tensor] | None = None) -> Signature:
    return Signature(tuple(inputs), tuple(outputs or [Tensor("label", "INT64", (-1,))]))


def number(name: str, **known: Any) -> Tensor:
    return Tensor(name, "FP32", (-1, 1), Known(**known))


def probabilities(*classes: str) -> Tensor:
    return Tensor("probabilities", "FP32", (-1, 2), Known(classes=classes))


AGE, ZIP = number("age", kind="Number"), Tensor("zip", "BYTES", (-1, 1))
OLD = made([AGE, ZIP], [Tensor("label", "INT64", (-1,)), probabilities("no", "yes")])


@dataclass(frozen=True)
class Case:
    """A new signature, and what is told of it."""

    new: Signature
    told: list[str]


OUTPUTS = list(OLD.outputs)


@pytest.mark.parametrize(
    "case",
    [
        Case(OLD, []),
        Case(made([AGE], OUTPUTS), ["input 'zip' is gone"]),
        Case(made([AGE, number("zip")], OUTPUTS), ["input 'zip' is FP32 and was BYTES"]),
        Case(made([AGE, ZIP, number("x")], OUTPUTS), ["input 'x' is new and required"]),
        Case(made([AGE, ZIP, number("x", kind="Number")], OUTPUTS), []),  # it may be left out
        Case(made([number("age"), ZIP], OUTPUTS), ["input 'age' is required now"]),
        Case(
            made([AGE, Tensor("zip", "BYTES", (-1, 2))], OUTPUTS),
            ["input 'zip' has the shape -1, 2 and had -1, 1"],
        ),
        Case(made([AGE, Tensor("zip", "BYTES", (-1, -1))], OUTPUTS), []),  # it takes more
        Case(
            made([AGE, Tensor("zip", "BYTES", (-1,))], OUTPUTS),
            ["input 'zip' has the shape -1 and had -1, 1"],
        ),
        Case(made([AGE, ZIP], OUTPUTS[:1]), ["output 'probabilities' is gone"]),
        Case(made([AGE, ZIP], [*OUTPUTS, Tensor("score", "FP32", (-1,))]), []),
        Case(
            made([AGE, ZIP], [Tensor("label", "BYTES", (-1,)), OUTPUTS[1]]),
            ["output 'label' is BYTES and was INT64"],
        ),
        Case(
            made([AGE, ZIP], [OUTPUTS[0], probabilities("no", "perhaps")]),
            ["output 'probabilities' has the classes no, perhaps and had no, yes"],
        ),
        Case(
            made([AGE, ZIP], [OUTPUTS[0], probabilities("yes", "no")]),
            ["output 'probabilities' has the classes yes, no and had no, yes"],
        ),
        Case(
            made([AGE, ZIP], [OUTPUTS[0], probabilities()]),
            ["output 'probabilities' has the classes (none told) and had no, yes"],
        ),
        Case(
            made([AGE, ZIP], [Tensor("label", "INT64", (-1, -1)), OUTPUTS[1]]),
            ["output 'label' has the shape -1, -1 and had -1"],
        ),
    ],
    ids=lambda case: "; ".join(case.told) or "no loss",
)
def test_what_is_lost_is_told_by_name(case: Case) -> None:
    assert differences(OLD, case.new) == case.told


def test_an_output_may_be_narrower_and_classes_may_become_known() -> None:
    old = made([ZIP], [Tensor("scores", "FP32", (-1, -1))])
    new = made([ZIP], [Tensor("scores", "FP32", (-1, 3), Known(classes=("a", "b", "c")))])
    assert differences(old, new) == []
    assert differences(new, old) != []


def test_a_long_list_and_a_long_name_are_told_in_short() -> None:
    old = made([number("x" * 500)], [probabilities(*(str(n) for n in range(200)))])
    new = made([], [probabilities("a")])
    gone, classes = differences(old, new)
    assert len(gone) < 100 and classes.endswith("had 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 190 more")


def test_metadata_is_read_whatever_else_it_tells() -> None:
    told = {
        "name": "m",
        "versions": ["1"],
        "inputs": [
            {
                "name": "age",
                "datatype": "FP32",
                "shape": [-1, 1],
                "parameters": {"kind": "Number", "unit": "years"},
            }
        ],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}],
    }
    assert Signature.from_json(json.dumps(told).encode()) == made([AGE])


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[" * 100_000, b'{"inputs": 1}'])
def test_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        Signature.from_json(body)


def with_signature(*inputs: str, **source: Any) -> Any:
    """Return a version that is recorded with these inputs."""
    made = version()
    told = {
        "inputs": [{"name": name, "datatype": "FP32", "shape": [-1, 1]} for name in inputs],
        "outputs": [],
    }
    body = {**made.spec.to_json(), "signature": told, **source}
    return type(made).read({"metadata": made.metadata, "spec": body})


def test_what_is_recorded_of_a_version_is_compared_the_same_way() -> None:
    one, two = (recorded(with_signature(*names)) for names in (("a", "b"), ("a", "c")))
    assert one is not None and two is not None
    assert differences(one, two) == ["input 'b' is gone"]  # what we trained needs no input
    bought = with_signature("a", "b", "c", source={"imported": {"origin": "a shop"}})
    found = recorded(bought)
    assert found is not None
    assert differences(one, found) == [
        "input 'a' is required now", "input 'b' is required now", "input 'c' is new and required"
    ]  # fmt: skip
    assert recorded(version()) is None and recorded(None) is None
