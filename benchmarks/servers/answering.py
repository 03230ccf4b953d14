"""What a candidate's handler does with a body: nothing, or the least that inference takes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from session import session

Handler = Callable[[bytes], bytes]


class Tensor(msgspec.Struct):
    """One input."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class Request(msgspec.Struct):
    """The body of an infer request."""

    inputs: list[Tensor]


def handler() -> Handler:
    """Return the handler that the environment names."""
    if os.environ["HANDLER"] == "empty":
        answer = Path(os.environ["ANSWER"]).read_bytes()
        return lambda body: answer
    return _inference(os.environ["MODEL"])


def _inference(path: str) -> Handler:
    model = session(path)
    names = [o.name for o in model.get_outputs()]
    decode, encode = msgspec.json.Decoder(Request).decode, msgspec.json.Encoder().encode
    datatypes = {"tensor(int64)": "INT64", "tensor(float)": "FP32"}
    kinds = [datatypes[o.type] for o in model.get_outputs()]

    def infer(body: bytes) -> bytes:
        tensor = decode(body).inputs[0]
        values = np.array(tensor.data, dtype=np.float32).reshape(tensor.shape)
        results = model.run(names, {tensor.name: values})
        outputs = [
            {
                "name": name,
                "datatype": kind,
                "shape": list(value.shape),
                "data": value.ravel().tolist(),
            }
            for name, kind, value in zip(names, kinds, results, strict=True)
        ]
        return encode({"model_name": "m", "model_version": "1", "outputs": outputs})

    return lambda body: infer(body) if body else b"{}"
