"""A client of the Open Inference Protocol: a row a request in JSON, or many at once as bytes."""

import http.client
import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from matrix.questions import Questions, Value
from perennial_artifact.manifest import Tensor

PATH = "/v2/models/m/infer"
Answer = dict[str, list[Any]]
"""Values of one row by the name of the output."""


class Refused(Exception):
    """The server refused a question; the text says which and why."""


class Client:
    """One connection that is kept alive."""

    def __init__(self, port: int, inputs: Sequence[Tensor]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._inputs = inputs

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, row: dict[str, Value]) -> Answer:
        """Ask one row in JSON.

        Raises:
            Refused: the answer is not 200.
        """
        tensors = [
            {"name": t.name, "datatype": t.datatype, "shape": [1, 1], "data": [row[t.name]]}
            for t in self._inputs
        ]
        return self._infer(json.dumps({"inputs": tensors}).encode(), {})

    def ask_all(self, questions: Questions) -> list[Answer]:
        """Ask all rows in one request, in the binary form.

        Raises:
            Refused: the answer is not 200.
        """
        tensors, blobs = [], []
        for t in self._inputs:
            blobs.append(_packed([row[t.name] for row in questions.rows], t.datatype))
            size = {"binary_data_size": len(blobs[-1])}
            shape = [len(questions), 1]
            tensors.append(
                {"name": t.name, "datatype": t.datatype, "shape": shape, "parameters": size}
            )
        head = json.dumps({"inputs": tensors}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head))}
        together = self._infer(b"".join((head, *blobs)), headers)
        count = len(questions)
        widths = {name: len(values) // count for name, values in together.items()}
        return [
            {name: together[name][i * width : (i + 1) * width] for name, width in widths.items()}
            for i in range(count)
        ]

    def _infer(self, body: bytes, headers: dict[str, str]) -> Answer:
        self._connection.request("POST", PATH, body, headers)
        answer = self._connection.getresponse()
        content = json.loads(answer.read())
        if answer.status != 200:
            raise Refused(f"{answer.status}: {content.get('error')}")
        return {o["name"]: o["data"] for o in content["outputs"]}


_TYPES = {"FP32": np.float32, "FP64": np.float64, "BOOL": np.bool_, "INT64": np.int64}


def _packed(values: Sequence[Value], datatype: str) -> bytes:
    if datatype == "BYTES":
        texts = [("" if v is None else str(v)).encode() for v in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    numbers = [np.nan if v is None else v for v in values]
    return np.array(numbers, dtype=np.float64).astype(_TYPES[datatype]).tobytes()
