"""The requests that every server gets, made and read by Triton's client."""

from __future__ import annotations

import http.client
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import grpc
import numpy as np
import pandas as pd
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2

MODEL = "m"
MANY = 32
RPC = "/inference.GRPCInferenceService/ModelInfer"
BY_HAND = "/predict"
_JSON = {"content-type": "application/json"}
_HEADER_LENGTH = "inference-header-content-length"

Results = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """One request."""

    name: str
    title: str
    rows: int
    path: str
    headers: Mapping[str, str]
    body: bytes
    is_new: bool = False
    """Whether each request's head is another one: a trace's number in the query of its target, as
    long as that of a traceparent, which the load generator cannot vary."""

    def targets(self, count: int) -> list[str]:
        """Return targets of that many requests, all different."""
        return [f"{self.path}?trace=00-{n:032x}-{n:016x}-01" for n in range(count)]

    @property
    def is_grpc(self) -> bool:
        """Whether it goes over HTTP/2 as a gRPC message."""
        return self.path == RPC

    @property
    def sent(self) -> bytes:
        """The body as it goes over the wire: gRPC puts five bytes before a message."""
        return struct.pack(">BI", 0, len(self.body)) + self.body if self.is_grpc else self.body


class WrongAnswers(Exception):
    """A server answered some request other than it should."""


def cases(rows: pd.DataFrame) -> list[Case]:
    """Return the requests: one row and many, as JSON, as binary tensors and over gRPC."""
    path = f"/v2/models/{MODEL}/infer"
    made = []
    for count in (1, MANY):
        values = rows.to_numpy(np.float32)[:count]
        tensor = {"name": "input", "shape": list(values.shape), "datatype": "FP32"}
        # The shortest numbers that mean these values, as people write them.
        data = [float(str(value)) for value in values.ravel()]
        body = json.dumps({"inputs": [{**tensor, "data": data}]}).encode()
        title = f"REST JSON, {_rows(count)}"
        if count == 1:
            told = f"{title}, new heads"
            made.append(Case(f"json{count}new", told, count, path, _JSON, body, is_new=True))
        made.append(Case(f"json{count}", title, count, path, _JSON, body))
    values = rows.to_numpy(np.float32)[:MANY]
    sent = over_http.InferInput("input", list(values.shape), "FP32")
    sent.set_data_from_numpy(values, binary_data=True)
    body, length = over_http.InferenceServerClient.generate_request_body([sent])
    headers = {"content-type": "application/octet-stream", _HEADER_LENGTH: str(length)}
    name = f"binary{MANY}"
    made.append(Case(name, f"REST binary, {_rows(MANY)}", MANY, path, headers, bytes(body)))
    for count in (1, MANY):
        values = rows.to_numpy(np.float32)[:count]
        asked = over_grpc.InferInput("input", list(values.shape), "FP32")
        asked.set_data_from_numpy(values)
        message = service_pb2.ModelInferRequest(model_name=MODEL, inputs=[asked._get_tensor()])
        message.raw_input_contents.append(values.tobytes())
        headers = {"content-type": "application/grpc", "te": "trailers"}
        body = message.SerializeToString()
        made.append(Case(f"grpc{count}", f"gRPC, {_rows(count)}", count, RPC, headers, body))
    return made


def by_hand(case: Case) -> Case:
    """Return a case as a hand-written service takes it: rows in a list of lists."""
    (tensor,) = json.loads(case.body)["inputs"]
    values = np.array(tensor["data"]).reshape(tensor["shape"]).tolist()
    return replace(case, path=BY_HAND, body=json.dumps({"rows": values}).encode())


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def ask(case: Case, port: int) -> tuple[Results, bytes]:
    """Send a request once; return its tensors, and the answer as it came."""
    if case.is_grpc:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            content = channel.unary_unary(RPC)(case.body, timeout=20)
        message = service_pb2.ModelInferResponse.FromString(content)
        result: Any = over_grpc.InferResult(message)
        names = [o.name for o in message.outputs]
        # As long as it is on the wire.
        return {n: result.as_numpy(n) for n in names}, bytes(5) + content
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", case.path, case.body, dict(case.headers))
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise ValueError(f"{case.name}: {answer.status} {content[:300]!r}")
        length = answer.headers.get(_HEADER_LENGTH)
    finally:
        connection.close()
    if case.path == BY_HAND:
        return {name: np.array(values) for name, values in json.loads(content).items()}, content
    result = over_http.InferenceServerClient.parse_response_body(
        content, header_length=int(length) if length else None
    )
    names = [o["name"] for o in result.get_response()["outputs"]]
    return {n: result.as_numpy(n) for n in names}, content


def check(case: Case, results: Results, right: Results) -> None:
    """Compare an answer with what the model gives for all rows in process.

    Raises:
        WrongAnswers: it is another one.
    """
    for name, values in right.items():
        # Flat, because MLServer makes a column of what has one dimension.
        flat, wanted = results[name].ravel(), values[: case.rows].ravel()
        if flat.shape != wanted.shape or not np.allclose(flat, wanted, atol=1e-6):
            raise WrongAnswers(f"{case.title}: {name} is {results[name]}, expected {wanted}")
