"""Open Inference Protocol v2 over HTTP: what a request's JSON says.

Source: as of :mod:`perennial_serving.protocol.codec`.
"""

from __future__ import annotations

import msgspec


class TensorParameters(msgspec.Struct, gc=False):
    """The parameters of a tensor that mean something here; others are passed over."""

    binary_data_size: int | None = None
    binary_data: bool | None = None


class InputTensor(msgspec.Struct, gc=False):
    """One tensor of a request; ``data`` is JSON, flat or nested, row-major."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw()
    parameters: TensorParameters | None = None


class RequestedOutput(msgspec.Struct, gc=False):
    """An output that the client asks for."""

    name: str
    parameters: TensorParameters | None = None


class RequestParameters(msgspec.Struct, gc=False):
    """The parameters of a request that mean something here."""

    binary_data_output: bool | None = None


class InferRequest(msgspec.Struct, gc=False):
    """The body of an infer request."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: RequestParameters | None = None
    outputs: list[RequestedOutput] | None = None
