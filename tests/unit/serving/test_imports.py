"""A server holds in memory what it serves with, and nothing else."""

import urllib.request
from pathlib import Path

import pytest
from onnx_models import boosted
from servers import serving
from test_request_log import infer, logging

FORBIDDEN = {
    "pydantic",
    "cryptography",
    "pydantic_core",
    "onnx",
    "obstore",
    "arro3",
    "pyarrow",
    "pandas",
}


def test_a_server_imports_only_what_it_serves_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    directory, rows = boosted(tmp_path / "model")
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")  # it tells each import on stderr
    with serving(directory, *logging(tmp_path / "spool")) as server:
        infer(server, rows[:1], "input")
        server.samples()
        urllib.request.urlopen(f"http://127.0.0.1:{server.metrics}/window?from=0&to=60").close()
        assert server.stop() == 0
    told = capfd.readouterr().err.splitlines()
    modules = {line.rpartition("|")[2].strip() for line in told if line.startswith("import time:")}
    assert {"onnxruntime", "msgspec", "perennial_artifact.windows"} <= modules
    assert {name.partition(".")[0] for name in modules} & FORBIDDEN == set()
    assert "perennial_artifact.store" not in modules  # credentials are for others
