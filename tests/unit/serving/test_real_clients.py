"""What people have: the clients of Java, curl, Go and Node, where their runtimes are there."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from onnx_models import doubling
from servers import Server, serving
from test_http1 import BODY

from localcluster.binaries import cache

CLIENTS = Path(__file__).parent / "clients"
# A body that does not fit into one read, so that it comes in pieces.
ROWS = 40_000
LARGE = json.dumps(
    {"inputs": [{"name": "x", "shape": [ROWS, 1], "datatype": "FP32", "data": [0.5] * ROWS}]}
).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(doubling(tmp_path_factory.mktemp("doubling"))) as found:
        yield found


def run(tmp_path: Path, *command: str, **environment: str) -> list[str]:
    """Run a client that prints a status and a body's length for each answer."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    # What Go has compiled once stays: its HTTP library takes a minute.
    variables = {"HOME": str(tmp_path), "GOCACHE": str(cache() / "go"), **environment}
    path = {"PATH": "/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=variables | path
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def body(tmp_path: Path) -> Path:
    path = tmp_path / "body.json"
    path.write_bytes(LARGE)
    return path


@pytest.mark.parametrize("more", [(), ("-H", "Transfer-Encoding: chunked")])
@pytest.mark.parametrize("version", ["--http1.1", "--http2", "--http1.0"])
def test_curl(
    server: Server, tmp_path: Path, body: Path, version: str, more: tuple[str, ...]
) -> None:
    if version == "--http1.0" and more:
        pytest.skip("HTTP/1.0 has no chunks")
    url = f"{server.url}/v2/models/m/infer"
    for data in (f"@{body}", BODY.decode()):
        command = ["curl", "-sS", version, *more, "--data-binary", data, "-w", " %{http_code}"]
        assert run(tmp_path, *command, url)[-1] == "200"
        assert run(tmp_path, *command, "--compressed", url)[-1] == "200"


@pytest.mark.parametrize(
    "command", [("java", "Client.java"), ("node", "client.mjs"), ("go", "run", "client.go")]
)
def test_a_runtimes_own_client(
    server: Server, tmp_path: Path, body: Path, command: tuple[str, ...]
) -> None:
    """Each asks thrice on one connection with a large body, once without, and once wrongly."""
    *program, source = command
    asked = [*program, str(CLIENTS / source), server.url, str(body)]
    assert run(tmp_path, *asked) == ["200", "200", "200", "200", "400"]
