"""Attacked from all sides for a while, the server answers every honest request.

By counts, with much patience: how long it takes is for `make attack` to tell.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.attack import Honest, attacked
from benchmarks.attacks import OVER_GRPC, OVER_HTTP
from onnx_models import doubling
from servers import Server, serving

TENSOR = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.5]}
BODY = json.dumps({"inputs": [TENSOR]}).encode()
MEMORY = 1 << 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = doubling(tmp_path_factory.mktemp("doubling"))
    with serving(directory, "--memory-bytes", str(MEMORY)) as found:
        yield found


@pytest.mark.parametrize("name", [*OVER_HTTP, *OVER_GRPC])
def test_an_honest_client_is_answered_meanwhile(server: Server, name: str) -> None:
    honest = Honest(server.http, BODY, patience=20.0)
    port = server.grpc if name in OVER_GRPC else server.http
    found = attacked(name, port, honest, server.process.pid, None, 1.0)
    assert found.alive and honest.asked > 0
    assert honest.answered == honest.asked
    assert found.peak < MEMORY >> 20
