"""Long lists are read and written in pieces: the same values, and no long hold of the lock."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_codec import bodies, told

from effort import tried
from perennial_serving.protocol import codec, lists
from perennial_serving.system.errors import RequestError

SMALL = 60
HARD = ["", ",", '"', "\\", '\\"', "[", "]", "],[", "x" * 200, "é", '",']
TEXTS = st.sampled_from(HARD) | st.text(max_size=8)
BY_DATATYPE = {
    "BYTES": TEXTS,
    "BOOL": st.booleans(),
    "INT64": st.integers(-(2**63), 2**63 - 1),
    "UINT8": st.integers(0, 255),
    "FP64": st.none() | st.floats(-1e300, 1e300) | st.integers(-9, 9),
}
SHAPES = st.sampled_from([[24], [8, 3], [2, 3, 4], [24, 1]])
SEPARATORS = st.sampled_from([(",", ":"), (" , ", " : "), (",\n", ":")])


@pytest.fixture(scope="module", autouse=True)
def small() -> Any:
    """Make pieces so small that every boundary is met."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "PIECE", SMALL)
        patch.setattr(codec, "PIECE", SMALL)
        patch.setattr(lists, "_CUT", 20)
        patch.setattr(lists, "_NUMBERS_PIECE", SMALL)
        yield


def expected(values: list[Any], datatype: str) -> Any:
    dtype = lists.DTYPES[datatype]
    return np.array([np.nan if v is None else v for v in values], dtype).tolist()


@given(st.data(), st.sampled_from(sorted(BY_DATATYPE)), SHAPES, SEPARATORS, st.booleans())
@tried(400)
def test_values_are_read_in_pieces(
    data: Any, datatype: str, shape: list[int], separators: tuple[str, str], is_flat: bool
) -> None:
    values = data.draw(st.lists(BY_DATATYPE[datatype], min_size=24, max_size=24))
    plain = values if is_flat else np.array(values, object).reshape(shape).tolist()
    content = json.dumps(plain, separators=separators, ensure_ascii=False).encode()
    found = lists._in_pieces("x", content, datatype, shape, None)
    assert repr(found.tolist()) == repr(expected(values, datatype))


@given(st.data(), st.integers(0, 7), SEPARATORS)
@tried(300)
def test_what_is_wrong_in_a_piece_is_told(
    data: Any, change: int, separators: tuple[str, str]
) -> None:
    values = data.draw(st.lists(TEXTS, min_size=24, max_size=24))
    nested: Any = np.array(values, object).reshape(8, 3).tolist()
    at = data.draw(st.integers(0, 7))
    if change == 0:
        nested[at].append("more")
    elif change == 1:
        nested[at].pop()
    elif change == 2:
        nested[at] = [nested[at]]
    elif change == 3:
        nested[at][0] = 1
    elif change == 4:
        nested.append(nested[at])
    content = json.dumps(nested, separators=separators).encode()
    content = {5: content[:-1] + b",]", 6: content[:-2], 7: b"[," + content[1:]}.get(
        change, content
    )
    with pytest.raises(RequestError, match="input 'x'"):
        lists._in_pieces("x", content, "BYTES", [8, 3], None)


@given(bodies, SEPARATORS)
@tried(400)
def test_a_large_body_says_the_same(body: dict[str, Any], separators: tuple[str, str]) -> None:
    content = json.dumps(body, separators=separators, ensure_ascii=False).encode()
    try:
        wanted = codec._requests.decode(content)
    except msgspec.DecodeError:
        assert isinstance(told(content), str)
        return
    assert told(content) == (
        [
            (t.name, t.shape, t.datatype, t.parameters, json.loads(bytes(t.data) or b"0"))
            for t in wanted.inputs
        ],
        *(wanted.id, wanted.parameters, wanted.outputs),
    )


@pytest.mark.parametrize(
    "content",
    [
        b'"data":[' * 30_000,
        b'{"data":[' * 30_000,
        b'"data":["' * 30_000,
        b'{"inputs": [{"data": [' + b'"\\"",' * 30_000,
        b'{"inputs": [{"data": [' + b"[" * 200_000,
        b'{"inputs": [{"data": [' + b'"' + b"\\" * 200_000,
        b'{"inputs": [{"data"' + b" " * 200_000,
    ],
)
def test_what_has_no_end_is_refused_without_reading_it_again_and_again(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By counting what is looked at: a few times what there is, not its square."""
    monkeypatch.setattr(lists, "PIECE", 64 * 1024)
    looked = 0

    class Counting(bytes):
        def find(self, what: Any, start: Any = 0, end: Any = None) -> int:
            nonlocal looked
            found = super().find(what, start, end)
            stop = len(self) if end is None else min(end, len(self))
            looked += (found if found >= 0 else stop) - start
            return found

    skeleton, found = lists.cut_out(Counting(content))
    assert looked < 5 * len(content)
    assert found or bytes(skeleton) == content


class Largest:
    """A decoder or encoder that notes the most it was given at once."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.most = inner, 0

    def decode(self, content: Any) -> Any:
        self.most = max(self.most, len(content))
        return self.inner.decode(content)

    def encode(self, value: Any) -> bytes:
        self.most = max(self.most, len(value))
        content: bytes = self.inner.encode(value)
        return content


@pytest.mark.parametrize(
    ("datatype", "value"), [("BYTES", "a"), ("INT64", 7), ("BOOL", True), ("FP32", None)]
)
def test_nothing_is_given_millions_of_values_at_once(
    datatype: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PIECE", 64 * 1024)
    monkeypatch.setattr(codec, "PIECE", 64 * 1024)
    monkeypatch.setattr(lists, "_NUMBERS_PIECE", 256 * 1024)
    reading, whole = Largest(lists._lists), Largest(codec._requests)
    monkeypatch.setattr(lists, "_lists", reading)
    monkeypatch.setattr(codec, "_requests", whole)
    count = 200_000
    for data in ([value] * count, [[value]] * count):
        tensor = {"name": "x", "shape": [count, 1], "datatype": datatype, "data": data}
        body = json.dumps({"inputs": [tensor]}).encode()
        ((name, kind, shape, listed, _),) = codec.tensors(*codec.decode(body))
        assert isinstance(listed, lists.Listed)
        assert len(listed.read(name, kind, shape)) == count
    assert reading.most <= lists.PIECE + 2 and whole.most < 1000


def test_what_is_no_data_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "_SAID_BYTES", 1000)
    body = json.dumps({"inputs": [], "id": "x" * 4000}).encode()
    with pytest.raises(RequestError, match="besides its lists of data"):
        codec.decode(body)


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(-1, 1, 30_000, dtype=np.float32).reshape(-1, 3),
        np.array([np.nan, 1.0, np.inf] * 10_000),
        np.arange(30_000),
        np.array(["a", '"', "é"] * 10_000, object),
    ],
)
def test_values_are_written_in_pieces(values: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = Largest(lists._encoder)
    monkeypatch.setattr(lists, "_encoder", writing)
    found = msgspec.json.encode(lists.written(values))
    assert found == msgspec.json.encode(values.ravel().tolist())
    assert writing.most == lists.AT_ONCE
