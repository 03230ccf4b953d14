"""The clients that other servers ship with work unchanged."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from onnx_models import doubling
from servers import Server, serving

from peers import environments

HERE = Path(__file__).parent
DOUBLED = [3.0, 5.0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(doubling(tmp_path_factory.mktemp("doubling"))) as found:
        yield found


def answers(name: str, *ports: int) -> dict[str, Any]:
    command = [str(environments.python(name)), str(HERE / f"{name}_client.py"), *map(str, ports)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_kserves_clients(server: Server) -> None:
    found = answers("kserve", server.http, server.grpc)
    for name in ("live", "ready", "model", "grpc live", "grpc model"):
        assert found[name] is True, name
    for name in ("json", "binary", "grpc", "grpc raw"):
        assert found[name] == DOUBLED, name
    assert found["json id"] == found["binary id"] == "mine"


def test_mlservers_types_codecs_and_batch_client(server: Server) -> None:
    found = answers("mlserver", server.http)
    assert found == {"inputs": ["x"], "codec": DOUBLED, "id": "mine", "batch": [DOUBLED] * 3}
