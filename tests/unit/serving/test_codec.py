"""A long list that is parsed by itself changes nothing of what a body says."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from effort import tried
from perennial_serving import codec
from perennial_serving.errors import RequestError
from perennial_serving.messages import InferRequest
from perennial_serving.tensors import _narrowed

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
        list(codec.tensors(*codec.decode(body)))


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
