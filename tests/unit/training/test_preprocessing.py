"""The features that an estimator sees, and those that ONNX makes, are the same bits."""

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mixed import mixed
from numpy.typing import NDArray
from onnx import TensorProto, helper

from perennial_artifact.manifest import Column
from perennial_training.export.convert import TYPES
from perennial_training.export.features import Features
from perennial_training.export.graph import IR_VERSION, ML, ML_OPSET, OPSET, Graph
from perennial_training.export.model import OnnxModel
from perennial_training.fit import clock
from perennial_training.fit.algorithms import Algorithm
from perennial_training.fit.preprocessing import Preprocessing, learn

TREES = Algorithm("a", "Classification", "Nothing", double=False)
GAPS = Algorithm("a", "Classification", "Nothing", keeps_missing=True, double=False)
DOUBLE = Algorithm("a", "Classification", "Standard")
SINGLE = Algorithm("a", "Classification", "Standard", double=False)
UNIT = Algorithm("a", "Classification", "Unit")
ALL = [TREES, GAPS, DOUBLE, SINGLE, UNIT]


def exported(known: Preprocessing) -> OnnxModel:
    """Return the preprocessing alone as a model whose only output is its features."""
    graph = Graph([*(c.name for c in known.columns), "features"])
    graph.rename(graph.add("Identity", Features(graph, known).matrix()), "features")
    inputs = [
        helper.make_tensor_value_info(c.name, TYPES[c.kind], [None, 1]) for c in known.columns
    ]
    kind = TensorProto.DOUBLE if known.double else TensorProto.FLOAT
    outputs = [helper.make_tensor_value_info("features", kind, [None, None])]
    made = helper.make_graph(graph.nodes, "g", inputs, outputs, graph.used_constants())
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
    model = helper.make_model(made, opset_imports=versions, ir_version=IR_VERSION)
    return OnnxModel(model.SerializeToString(), [])


def same(known: Preprocessing, inputs: pd.DataFrame) -> None:
    (found,) = exported(known).run(inputs)
    wanted = known.transform(inputs)
    assert found.shape == wanted.shape == (len(inputs), len(known.features()))
    # NaN is NaN; and a rounding of doubles that hold singles loses nothing.
    np.testing.assert_array_equal(found.astype(np.float64), wanted)


singles = st.floats(width=32, allow_nan=True, allow_infinity=False)
ordinary = st.floats(-1e9, 1e9, width=32) | st.just(float("nan"))
odd_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@st.composite
def tables(draw: Any) -> tuple[pd.DataFrame, pd.DataFrame, list[Column]]:
    """Return rows to learn from, rows to transform, and their columns."""
    kinds = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=5))
    columns = [
        Column(name=draw(st.sampled_from("ab")) + str(i), kind=k) for i, k in enumerate(kinds)
    ]

    def rows(count: int, number: Any) -> pd.DataFrame:
        held: dict[str, Any] = {}
        for column in columns:
            if column.kind == "Category":
                words = st.sampled_from(["", "a", "ä", "a b", "\n", '"'])
                given = draw(st.lists(words | odd_words, min_size=count, max_size=count))
                held[column.name] = np.array(given, dtype=object)
            else:
                of = st.floats(allow_infinity=False) if column.kind == "Time" else number
                held[column.name] = draw(arrays(np.float64, count, elements=of))
        return pd.DataFrame(held, index=range(count))

    return rows(draw(st.integers(2, 8)), ordinary), rows(draw(st.integers(1, 6)), singles), columns


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from(ALL))
def test_any_rows_have_the_same_features_in_onnx(table: Any, algorithm: Algorithm) -> None:
    learned, asked, columns = table
    known = learn(learned, columns, algorithm)
    same(known, asked)
    same(known, learned)


@pytest.mark.parametrize("algorithm", ALL)
def test_a_mixed_table_has_the_same_features_in_onnx(algorithm: Algorithm) -> None:
    inputs, columns = mixed(2)
    known = learn(inputs, columns, algorithm)
    same(known, inputs)
    same(known, inputs[:0])
    has_gaps = np.isnan(known.transform(inputs)).any()
    assert has_gaps == algorithm.keeps_missing


def test_features_keep_their_order_and_know_where_they_come_from() -> None:
    inputs, columns = mixed()
    assert learn(inputs, columns, TREES).features() == [
        ("amount", None),
        ("one decimal", None),
        ("member", None),
        ("at", "hour"),
        ("at", "weekday"),
        ("at", "month"),
        ("at", "day"),
        ("word 0", ""),
        ("word 0", "dark blue"),
        ("word 0", "größe"),
        ("word 0", "red"),
    ]


def test_a_missing_number_has_the_median_of_what_was_learned() -> None:
    learned = pd.DataFrame({"a": [1.0, 2.0, 10.0, np.nan], "b": [np.nan] * 4})
    columns = [Column(name=n, kind="Number") for n in "ab"]
    known = learn(learned, columns, TREES)
    assert known.transform(pd.DataFrame({"a": [np.nan], "b": [np.nan]})).tolist() == [[2.0, 0.0]]
    same(known, learned)


def test_a_constant_and_a_narrow_column_are_scaled() -> None:
    narrow = 16_777_216.0 + np.arange(6) * 2
    learned = pd.DataFrame({"constant": [3.25] * 6, "narrow": narrow})
    columns = [Column(name=str(n), kind="Number") for n in learned]
    for algorithm in (DOUBLE, SINGLE, UNIT):
        known = learn(learned, columns, algorithm)
        features = known.transform(learned)
        assert (features[:, 0] == 0).all() and len(set(features[:, 1])) == 6
        same(known, learned)


def test_numbers_are_rounded_once_and_scaled_in_double_precision() -> None:
    # B10: in single precision, what is left of 0.1 after a mean of 1,000,000 is a sixteenth.
    values = np.array([1_000_000.0625, 1_000_000.125, 999_999.0, 1_000_001.0])
    known = learn(pd.DataFrame({"a": values}), [Column(name="a", kind="Number")], DOUBLE)
    back = known.transform(pd.DataFrame({"a": values})) * values.std() + values.mean()
    np.testing.assert_allclose(back.ravel(), values, rtol=1e-15)


CAPS = [1, 2, 63, 64, 65, 500, 1000]


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("values", CAPS)
def test_the_most_frequent_64_categories_have_features(columns: int, values: int) -> None:
    # B3: with one text column of 64 values and more, "Infrequent categories are not implemented".
    # What sorts first is rare.
    words = np.array([f"w{i:04d}" for i in range(values)], dtype=object)
    frequent = words[-64:]
    rows = np.concatenate([words, frequent])
    inputs = pd.DataFrame({f"c{i}": np.roll(rows, i) for i in range(columns)})
    known = learn(inputs, [Column(name=str(n), kind="Category") for n in inputs], TREES)
    kept = frequent.tolist()
    assert known.categories == dict.fromkeys(inputs, kept)
    features = known.transform(inputs)
    assert features[:, : len(kept)].sum() == 2 * len(kept)
    same(known, inputs)
    unseen = pd.DataFrame({n: ["", "never", words[-1]] for n in inputs}, dtype=object)
    assert known.transform(unseen).sum(axis=1).tolist() == [0, 0, columns]
    same(known, unseen)


def test_missing_is_a_category_where_it_was_seen() -> None:
    inputs = pd.DataFrame({"c": ["", "a", None, "b"]}, dtype=object)
    known = learn(inputs, [Column(name="c", kind="Category")], TREES)
    assert known.categories == {"c": ["", "a", "b"]}
    assert known.transform(inputs).tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]


def parts(moments: list[datetime]) -> NDArray[np.float32]:
    since = datetime(1970, 1, 1, tzinfo=UTC)
    seconds = [(moment - since).total_seconds() for moment in moments]
    return clock.parts(np.array(seconds).reshape(-1, 1))


def test_parts_of_a_time_are_the_calendars() -> None:
    # Each day of 400 years and more, with the year 1900, which has no 29 February, and 2000.
    first = datetime(1599, 12, 25, 23, 59, 59, tzinfo=UTC)
    moments = [first + timedelta(days=i, hours=i % 24) for i in range(0, 160_000, 7)]
    wanted = [[m.hour, m.weekday(), m.month, m.day] for m in moments]
    np.testing.assert_array_equal(parts(moments), wanted)
    years = [(y, m) for y in (1, 1600, 1900, 1972, 2000, 9999) for m in (2, 12)]
    ends = [datetime(y, m, calendar.monthrange(y, m)[1], 23, tzinfo=UTC) for y, m in years]
    wanted = [[m.hour, m.weekday(), m.month, m.day] for m in ends]
    np.testing.assert_array_equal(parts(ends), wanted)


def test_parts_of_what_is_no_time_are_missing() -> None:
    odd = np.array([np.nan, np.inf, -np.inf, 2e12, -1e300, 0.0, -0.5])
    found = clock.parts(odd.reshape(-1, 1))
    assert np.isnan(found[:5]).all()
    assert found[5:].tolist() == [[0, 3, 1, 1], [23, 2, 12, 31]]
    known = learn(pd.DataFrame({"t": [0.0, 1.0]}), [Column(name="t", kind="Time")], GAPS)
    same(known, pd.DataFrame({"t": odd}))


def test_features_need_nothing_but_onnx_operators() -> None:
    inputs, columns = mixed(2)
    graph = Graph([])
    Features(graph, learn(inputs, columns, SINGLE)).matrix()
    assert {node.domain for node in graph.nodes} <= {"", ML}
