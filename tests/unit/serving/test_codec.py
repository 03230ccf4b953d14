"""A long list that is parsed by itself changes nothing of what a body says."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from effort import tried
from perennial_serving.protocol import codec, lists
from perennial_serving.protocol.messages import InferRequest
from perennial_serving.protocol.tensors import _narrowed
from perennial_serving.system.errors import RequestError

LONG = [round(n / 7, 3) for n in range(800)]
STRINGS = ['"data":[', 'x"data', "data", '\\"data": [1]', "]", "[", "a\\"]

strings = st.sampled_from(STRINGS) | st.text(max_size=4)
values = st.recursive(
    st.none() | st.integers(0, 9) | strings | st.just(LONG),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(strings | st.just("data"), v, max_size=3),
    max_leaves=6,
)
tensors = st.dictionaries(st.sampled_from(["data", "parameters", "extra"]), values, max_size=3).map(
    lambda more: {"name": "x", "shape": [1], "datatype": "FP32", **more}
)
bodies = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3)},
    optional={"id": strings, "data": values, "parameters": values},
)


def said(request: InferRequest) -> Any:
    """Return all that a request says, with its tensors' JSON read."""
    told = [
        (t.name, t.shape, t.datatype, t.parameters, json.loads(bytes(t.data) or b"0"))
        for t in request.inputs
    ]
    return told, request.id, request.parameters, request.outputs


def told(body: bytes) -> Any:
    try:
        return said(codec.decode(body)[0])
    except RequestError as error:
        return str(error)


@given(bodies, st.sampled_from([None, (",", ":"), (" , ", " :\n")]))
@example({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": LONG}]}, None)
@tried(400)
def test_a_body_says_the_same(body: dict[str, Any], separators: tuple[str, str] | None) -> None:
    content = json.dumps(body, separators=separators).encode()
    try:
        expected = said(msgspec.json.decode(content, type=InferRequest))
    except msgspec.DecodeError as error:
        expected = f"the body is not an inference request: {error}"
    assert told(content) == expected


NUMBERS = json.dumps(LONG)[1:-1]
TENSOR = '"name": "x", "shape": [1], "datatype": "FP32"'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'{{"inputs": [{{{TENSOR}, "data": [{NUMBERS}]}}]', "truncated"),
        (f'{{"inputs": [{{{TENSOR}, "data": [{NUMBERS}}}]}}', "expected ',' or ']'"),
        (f'{{"inputs": [{{{TENSOR}, "a"data": [{NUMBERS}]}}]}}', "malformed"),
        (f'{{"inputs": [{{{TENSOR}, "data": [{NUMBERS}]}}], "id": 3}}', "`$.id`"),
        (f'{{"data": [{NUMBERS}]}}', "`inputs`"),
    ],
)
def test_what_is_wrong_is_told_of_the_whole(text: str, words: str) -> None:
    with pytest.raises(RequestError, match="not an inference request") as refused:
        codec.decode(text.encode())
    assert words in str(refused.value)


@pytest.mark.parametrize("numbers", [f"{NUMBERS},,1", f"{NUMBERS},x", f"{NUMBERS} 1", "01" * 2000])
def test_what_is_wrong_in_the_list_is_told_of_its_tensor(numbers: str) -> None:
    body = f'{{"inputs": [{{{TENSOR}, "data": [{numbers}]}}]}}'.encode()
    with pytest.raises(RequestError, match="input 'x': expected a list of values"):
        for name, datatype, _, listed, _ in codec.tensors(*codec.decode(body)):
            assert isinstance(listed, lists.Listed)
            listed.read(name, datatype, [numbers.count(",") + 1])


def test_the_last_of_two_keys_counts() -> None:
    body = f'{{"inputs": [{{{TENSOR}, "data": [{NUMBERS}], "data": [7]}}]}}'.encode()
    assert bytes(codec.decode(body)[0].inputs[0].data) == b"[7]"


@pytest.mark.parametrize(("datatype", "dtype"), [("FP16", np.float16), ("FP32", np.float32)])
def test_a_number_fits_where_it_does_not_become_infinite(
    datatype: str, dtype: type[np.floating[Any]]
) -> None:
    largest = float(np.finfo(dtype).max)
    near = largest * (1 + np.linspace(-1, 1, 4001) * float(np.finfo(dtype).eps))
    with np.errstate(over="ignore"):
        fits = np.isfinite(near.astype(dtype))
    assert 0 < fits.sum() < fits.size
    for number, fit in zip(near, fits, strict=True):
        for sign in (number, -number):
            if fit:
                assert _narrowed("x", np.array([0, sign]), datatype)[1] == dtype(sign)
            else:
                with pytest.raises(RequestError, match=f"does not fit into {datatype}"):
                    _narrowed("x", np.array([0, sign]), datatype)


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.integers(0, 3),
    st.sampled_from([(",", ":"), (" , ", " : ")]),
    st.booleans(),
)
@tried(200)
def test_long_nested_lists_are_read_as_short_ones(
    inner: list[int], change: int, separators: tuple[str, str], is_flat: bool
) -> None:
    """With a shape that fits or another one: the same numbers, or refused."""
    shape = [3000 // int(np.prod(inner)), *inner]
    values = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
    plain: Any = values.ravel().tolist() if is_flat else values.tolist()
    if change == 1:
        plain[-1] = [plain[-1]]
    elif change == 2:
        plain.append(plain[-1])
    elif change == 3:
        plain[0] = None
    content = json.dumps(plain, separators=separators).encode()
    assert len(content) > 2048
    listed = lists.Listed(content)
    if change == 2 and is_flat:  # which is told when it is seen that they are too many
        assert len(listed.read("x", "FP64", shape)) == values.size + 1
        return
    if change == 2:
        with pytest.raises(RequestError, match="more"):
            listed.read("x", "FP64", shape)
        return
    try:
        found = listed.read("x", "FP64", shape)
    except RequestError as error:
        assert change in (1, 3)
        assert "nested lists" in str(error) or "fewer" in str(error)
        return
    if isinstance(found, list):
        assert found == plain
    else:
        np.testing.assert_array_equal(found, values.ravel())


def test_very_long_lists_are_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_NUMBERS_PIECE", 100)
    values = np.random.default_rng(0).normal(size=(700, 3))
    for plain in (values.tolist(), values.ravel().tolist()):
        for separators in ((",", ":"), (" , ", ":")):
            content = json.dumps(plain, separators=separators).encode()
            found = lists.Listed(content).read("x", "FP64", [700, 3])
            np.testing.assert_array_equal(found, values.ravel())
    for wrong in (b",]", b",,1]", b" 1]", b"x]", b"]]"):
        content = b"[" + b"1.5," * 999 + b"2.5" + wrong
        with pytest.raises(RequestError, match="input 'x'"):
            lists.Listed(content).read("x", "FP64", [1001])


@pytest.mark.parametrize(
    "content", [b"[" + b"[]," * 100_000 + b"[]]", b"[" + b"1," * 10**5 + b"1]"]
)
def test_more_than_the_shape_says_becomes_no_objects(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "_lists", None)
    for shape in ([3], [3, 1]):
        with pytest.raises(RequestError, match="more"):
            lists.Listed(content).read("x", "INT64", shape)
    for datatype, shape in (("FP32", [100_001]), ("INT64", [100_001, 2]), ("FP32", [50_000, 2])):
        with pytest.raises(RequestError, match=r"more|fewer"):
            lists.Listed(b"[" + b"[]," * 100_000 + b"[]]").read("x", datatype, shape)
