"""Which values of a request are logged: only inputs that are allowed by name, and all outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from numpy.typing import NDArray

from perennial_artifact.manifest import Tensor
from perennial_serving.model.datatypes import Arrays
from perennial_serving.model.loaded import Model

ONE_A_ROW = ([-1], [-1, 1])


class Column(NamedTuple):
    """One column of the log: a tensor, or one column of a matrix; ``wide``: many values a row."""

    name: str
    tensor: str
    at: int | None
    datatype: str
    wide: bool


def choose(model: Model, allowed: Collection[str], features: Collection[str]) -> list[Column]:
    """Return the columns of a model's log.

    ``allowed`` are names of inputs, or of ``features`` where one matrix holds them in that order.
    Names that the model does not know are passed over: another version may know them.
    """
    chosen: list[Column] = []
    matrix = model.inputs[0] if len(model.inputs) == 1 and len(features) > 1 else None
    if matrix is not None and matrix.shape == [-1, len(features)]:
        for index, name in enumerate(features):
            if name in allowed:
                chosen.append(
                    Column(f"input.{name}", matrix.name, index, matrix.datatype, wide=False)
                )
    chosen += _whole("input", [t for t in model.inputs if t.name in allowed])
    chosen += _whole("output", model.outputs)
    return chosen


def _whole(side: str, tensors: Collection[Tensor]) -> Iterator[Column]:
    for tensor in tensors:
        if tensor.shape in ONE_A_ROW:
            yield Column(f"{side}.{tensor.name}", tensor.name, None, tensor.datatype, wide=False)
        elif len(tensor.shape) == 2 and tensor.shape[0] == -1 and tensor.datatype != "BYTES":
            yield Column(f"{side}.{tensor.name}", tensor.name, None, tensor.datatype, wide=True)


def values(column: Column, inputs: Arrays, outputs: Arrays) -> NDArray[Any]:
    """Return a column's values, row by row."""
    side = inputs if column.name.startswith("input.") else outputs
    found = side[column.tensor]
    return found if column.at is None else found[:, column.at]
