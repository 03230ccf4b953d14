"""JSON codecs and ways from a list of numbers to an array, in microseconds, in process.

A program of the candidates' environment: it takes files of a body of one row and of many.
"""

from __future__ import annotations

import array
import json
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
import simdjson

REPEATS = 9


class _Any(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class _Floats(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class _Raw(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw


class _RequestOfAny(msgspec.Struct):
    inputs: list[_Any]


class _RequestOfFloats(msgspec.Struct):
    inputs: list[_Floats]


class _RequestOfRaw(msgspec.Struct):
    inputs: list[_Raw]


def main() -> None:
    """Print a table in Markdown."""
    bodies = [Path(name).read_bytes() for name in sys.argv[1:]]
    lines = ["| step | by | 1 row µs | 32 rows µs |", "| --- | --- | ---: | ---: |"]
    steps = {
        **{"decode": _decoders(), "to array": _arrays(), "body to array": _whole()},
        "encode": _encoders(),
    }
    for step, ways in steps.items():
        for name, make in ways.items():
            figures = " | ".join(f"{_microseconds(make(body)):.1f}" for body in bodies)
            lines.append(f"| {step} | {name} | {figures} |")
    print("\n".join([*lines, ""]))


Way = Callable[[bytes], Callable[[], object]]


def _decoders() -> dict[str, Way]:
    untyped = msgspec.json.Decoder().decode
    of_any, of_floats, of_raw = (
        msgspec.json.Decoder(kind).decode
        for kind in (_RequestOfAny, _RequestOfFloats, _RequestOfRaw)
    )

    def way(decode: Callable[[bytes], object]) -> Way:
        return lambda body: lambda: decode(body)

    return {
        "json": way(json.loads),
        "orjson": way(orjson.loads),
        "msgspec, untyped": way(untyped),
        "msgspec, list[Any]": way(of_any),
        "msgspec, list[float]": way(of_floats),
        "msgspec, data left raw": way(of_raw),
    }


def _arrays() -> dict[str, Way]:
    def way(convert: Callable[[list[float]], object]) -> Way:
        def made(body: bytes) -> Callable[[], object]:
            data = json.loads(body)["inputs"][0]["data"]
            return lambda: convert(data)

        return made

    return {
        "numpy.array": way(lambda data: np.array(data, dtype=np.float32)),
        "numpy.fromiter": way(lambda data: np.fromiter(data, np.float32, len(data))),
        "array.array": way(lambda data: np.frombuffer(array.array("f", data), np.float32)),
        "struct.pack": way(
            lambda data: np.frombuffer(struct.pack(f"{len(data)}f", *data), np.float32)
        ),
    }


def _whole() -> dict[str, Way]:
    of_floats = msgspec.json.Decoder(_RequestOfFloats).decode
    of_raw = msgspec.json.Decoder(_RequestOfRaw).decode
    parser = simdjson.Parser()

    def by_list(body: bytes) -> object:
        data = of_floats(body).inputs[0].data
        return np.frombuffer(struct.pack(f"{len(data)}f", *data), np.float32)

    def by_buffer(body: bytes) -> object:
        content = bytes(of_raw(body).inputs[0].data)
        numbers = np.frombuffer(parser.parse(content).as_buffer(of_type="d"))
        return numbers.astype(np.float32)

    def by_cut(body: bytes) -> object:
        first = body.index(b"[", body.index(b'"data"'))
        end = body.index(b"]", first) + 1
        of_raw(b"".join((body[:first], b"null", body[end:])))
        return np.frombuffer(parser.parse(body[first:end]).as_buffer(of_type="d")).astype("f4")

    return {
        "msgspec, list[float], struct.pack": lambda body: lambda: by_list(body),
        "msgspec, data left raw, simdjson": lambda body: lambda: by_buffer(body),
        "data cut out, simdjson": lambda body: lambda: by_cut(body),
    }


def _encoders() -> dict[str, Way]:
    encode = msgspec.json.Encoder().encode

    def way(write: Callable[[object], object]) -> Way:
        def made(body: bytes) -> Callable[[], object]:
            rows = json.loads(body)["inputs"][0]["shape"][0]
            probabilities = np.linspace(0, 1, 2 * rows, dtype=np.float32).tolist()
            tensors = [
                {"name": "label", "datatype": "INT64", "shape": [rows], "data": [1] * rows},
                {
                    **{"name": "probabilities", "datatype": "FP32"},
                    **{"shape": [rows, 2], "data": probabilities},
                },
            ]
            answer = {"model_name": "m", "model_version": "1", "outputs": tensors}
            return lambda: write(answer)

        return made

    return {
        "json": way(lambda answer: json.dumps(answer).encode()),
        "orjson": way(orjson.dumps),
        "msgspec": way(encode),
    }


def _microseconds(work: Callable[[], object]) -> float:
    """Return the quickest of several loops, in CPU time."""
    found = []
    count = 0
    for _ in range(REPEATS):
        count, began = 0, time.process_time()
        while (taken := time.process_time() - began) < 0.02:
            for _ in range(20):
                work()
            count += 20
        found.append(taken / count)
    return min(found) * 1e6


if __name__ == "__main__":
    main()
