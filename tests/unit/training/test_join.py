"""The join of requests and labels, against its definition by hand."""

from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from logs import at

from effort import tried
from perennial_training.prepare.feedback import SKEW, join

Line = tuple[str, int, int]
LINES = st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 20))


def frame(lines: list[Line], **more: list[Any]) -> pd.DataFrame:
    made = pd.DataFrame(
        {
            "id": pd.Series([id for id, _, _ in lines], dtype="str"),
            "row": pd.Series([row for _, row, _ in lines], dtype="int64"),
            "time": pd.Series([at(s) for _, _, s in lines], dtype="datetime64[us, UTC]"),
        }
    )
    return made.assign(**more)


def by_definition(requests: list[Line], labels: list[Line]) -> dict[int, int]:
    """Return the number of the label of each request's number."""
    newest: dict[int, int] = {}
    for n in sorted(range(len(labels)), key=lambda n: labels[n][2]):
        *key, told = labels[n]
        same = [r for r in range(len(requests)) if list(requests[r][:2]) == key]
        before = [r for r in same if requests[r][2] <= told]
        after = [r for r in same if told < requests[r][2] <= told + SKEW.total_seconds()]
        if before:
            newest[max(before, key=lambda r: (requests[r][2], r))] = n
        elif after:
            newest[min(after, key=lambda r: (requests[r][2], r))] = n
    return newest


@tried(150)
@given(st.lists(LINES, max_size=8), st.lists(LINES, max_size=8))
def test_join_is_as_defined(requests: list[Line], labels: list[Line]) -> None:
    found = join(
        frame(requests, x=list(range(len(requests)))),
        frame(labels, label=[str(n) for n in range(len(labels))]),
    )
    wanted = by_definition(requests, labels)
    assert dict(zip(found["x"], map(int, found["label"]), strict=True)) == wanted
    assert found["time"].is_monotonic_increasing and found.index.is_unique


@tried(50)
@given(st.lists(LINES, max_size=6, unique=True), st.lists(LINES, max_size=6, unique=True))
def test_the_order_of_files_does_not_matter(requests: list[Line], labels: list[Line]) -> None:
    def joined(requests: list[Line], labels: list[Line]) -> set[tuple[Any, ...]]:
        told = [f"{id}{row}{s}" for id, row, s in labels]
        found = join(frame(requests), frame(labels, label=told))
        return set(found.itertuples(index=False, name=None))

    assert joined(requests, labels) == joined(requests[::-1], labels[::-1])
