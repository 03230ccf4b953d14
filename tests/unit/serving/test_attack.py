"""Attacked from all sides for a while, the server answers every honest request.

By counts, with much patience: how long it takes is for `make attack` to tell.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.attack import Honest, attacked
from benchmarks.attacks import OVER_GRPC, OVER_HTTP
from onnx_models import doubling, texts
from servers import Server, serving

TENSOR = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.5]}
BODY = json.dumps({"inputs": [TENSOR]}).encode()
TEXT = {"name": "x", "shape": [1, 1], "datatype": "BYTES", "data": ["word"]}
ONE_TEXT = json.dumps({"inputs": [TEXT]}).encode()
MEMORY = 1 << 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = doubling(tmp_path_factory.mktemp("doubling"))
    with serving(directory, "--memory-bytes", str(MEMORY)) as found:
        yield found


@pytest.fixture(scope="module")
def server_of_texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = texts(tmp_path_factory.mktemp("texts"))
    with serving(directory, "--memory-bytes", str(MEMORY)) as found:
        yield found


@pytest.mark.parametrize("name", [*OVER_HTTP, *OVER_GRPC])
def test_an_honest_client_is_answered_meanwhile(server: Server, name: str) -> None:
    answered(server, name, BODY)


def test_it_is_while_a_million_strings_are_answered(server_of_texts: Server) -> None:
    answered(server_of_texts, "words", ONE_TEXT)


def answered(server: Server, name: str, body: bytes) -> None:
    honest = Honest(server.http, body, patience=20.0)
    port = server.grpc if name in OVER_GRPC else server.http
    found = attacked(name, port, honest, server.process.pid, None, 1.0)
    assert found.alive and honest.asked > 0
    assert honest.answered == honest.asked
    assert found.peak < MEMORY >> 20
