"""The images do their job: train, fetch, serve, by no more than what is in them."""

import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from containers import Container, container
from sklearn.datasets import load_breast_cancer

USER = 65532


@pytest.fixture(scope="module")
def trainer() -> Iterator[Container]:
    with container("trainer") as found:
        yield found


@pytest.fixture(scope="module")
def serving() -> Iterator[Container]:
    with container("serving") as found:
        yield found


def own(*directories: Path) -> None:
    """Make directories that the images' user may write to."""
    for directory in directories:
        directory.mkdir()
        os.chown(directory, USER, USER)


def write_run(job: Path) -> None:
    """Put real rows and the description of a run into a directory."""
    rows = load_breast_cancer(as_frame=True).frame
    rows.columns = [column.replace(" ", "_") for column in rows.columns]
    rows.to_parquet(job / "rows.parquet")
    run = {
        "training": "tumours",
        "namespace": "default",
        "run": 1,
        "task": "Classification",
        "dataset": {"uri": "file:///job/rows.parquet", "target": "target"},
        "objective": {"metric": "roc_auc"},
        "candidates": [
            {
                "name": "boosted",
                "algorithm": "HistGradientBoostingClassifier",
                "parameters": {"max_iter": 20},
            }
        ],
        "storeUri": "file:///job/store",
    }
    (job / "run.json").write_text(json.dumps(run))


def with_environment(*command: str, **values: str) -> list[str]:
    """Return a Python command that sets variables, then becomes another command."""
    script = "import os, sys; os.environ.update(a.split('=', 1) for a in sys.argv[1].split()); "
    script += "os.execvp(sys.argv[2], sys.argv[2:])"
    told = " ".join(f"PERENNIAL_{name}={value}" for name, value in values.items())
    return ["python3", "-c", script, told, *command]


def test_what_the_trainer_trains_the_server_serves(
    tmp_path: Path, trainer: Container, serving: Container
) -> None:
    job, model = tmp_path / "job", tmp_path / "model"
    own(job, model)
    write_run(job)
    command = with_environment(
        "python3",
        "-m",
        "perennial_training",
        RUN="/job/run.json",
        TERMINATION_LOG="/job/result.json",
    )
    trainer.run(*command, job=job)
    result = json.loads((job / "result.json").read_text())
    assert result["metrics"][0]["value"] > 0.95, result

    artifact = result["artifact"]
    command = with_environment(
        "perennial-fetch",
        ARTIFACT_URI=artifact["uri"],
        ARTIFACT_SHA256=artifact["sha256"],
        MODEL_DIR="/model",
    )
    serving.run(*command, job=job, model=model)
    options = ["--model-dir", "/model", "--host", "127.0.0.1", "--workers", "2"]
    options += ["--http-port", "0", "--grpc-port", "0", "--metrics-port", "0"]
    with serving.running("perennial-serve", *options, model=model) as said:
        port = re.search(r"HTTP (\d+)", said)
        assert port, said
        url = f"http://127.0.0.1:{port[1]}/v2/models/model"
        signature = json.loads(get(url))
        inputs = [
            {
                "name": i["name"],
                "shape": [1, *i["shape"][1:]],
                "datatype": i["datatype"],
                "data": [1],
            }
            for i in signature["inputs"]
        ]
        request = json.dumps({"inputs": inputs}).encode()
        answer = json.loads(get(f"{url}/infer", request))
    assert {o["name"] for o in answer["outputs"]} == {o["name"] for o in signature["outputs"]}


def get(url: str, body: bytes | None = None) -> bytes:
    """Ask a server that may still be loading."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, body, timeout=10) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read()) from error
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_operator_knows_names_zones_and_authorities() -> None:
    script = """
import getpass, socket, ssl, zoneinfo
import perennial.__main__
assert getpass.getuser() == "perennial"
assert socket.gethostbyname("localhost") == "127.0.0.1"
assert zoneinfo.ZoneInfo("Europe/Berlin").key
assert len(ssl.create_default_context().get_ca_certs()) > 50
"""
    with container("operator") as operator:
        operator.run("python3", "-c", script)
