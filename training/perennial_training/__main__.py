"""``python -m perennial_training``: train the candidate of this pod's index."""

import hashlib
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from perennial_artifact.manifest import MODEL, PROFILE, File, Lineage, Manifest, Metric
from perennial_artifact.result import (
    ArtifactRecord,
    CandidateResult,
    ChampionSpec,
    Failure,
    RunSpec,
)
from perennial_artifact.store import ArtifactError, StoreUnreachable, fetch, publish
from perennial_training.columns import columns
from perennial_training.dataset import Rows, load
from perennial_training.evaluate import measure, profile
from perennial_training.export import OnnxModel, check_parity, to_onnx
from perennial_training.failure import TrainingFailure
from perennial_training.fit import fit

RUN = Path("/perennial/run.json")
SECRETS = Path("/perennial-secrets")
LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "pandas")


def say(message: str, **facts: Any) -> None:
    """Write one structured line to the log."""
    print(json.dumps({"message": message, **facts}), flush=True)


class NotComparable(Exception):
    """The champion cannot be measured on these rows; the text goes on after its name."""


def measure_champion(
    champion: ChampionSpec, task: str, names: list[str], rows: Rows, place: Path, secrets: Path
) -> list[Metric]:
    """Measure the champion on the same held-out rows.

    Raises:
        NotComparable: it is not there any more, or it learned another task or other columns.
        StoreUnreachable: the store does not answer.
    """
    try:
        manifest = fetch(champion.uri, champion.sha256, place, secrets / "store")
    except StoreUnreachable:
        raise
    except (ArtifactError, ValueError) as error:
        raise NotComparable(f"cannot be had: {error}") from error
    wanted = [tensor.name for tensor in manifest.signature.inputs]
    if absent := [name for name in wanted if name not in rows.held_out]:
        raise NotComparable(f"needs {', '.join(absent)}, which the dataset does not have")
    labels = [str(label) for label in rows.train_target.unique()]
    if manifest.task != task or (manifest.classes and not set(labels) & set(manifest.classes)):
        raise NotComparable("learned to predict something else")
    is_number = rows.train_target.dtype.kind in "iu"
    classes = [int(c) if is_number else c for c in manifest.classes]
    model = OnnxModel(place / MODEL, classes)
    try:
        return measure(model, names, columns(rows.held_out, wanted), rows.test_target)
    except Exception as error:
        raise NotComparable(f"cannot be measured: {str(error).splitlines()[0]}") from error


def train(run: RunSpec, index: int, secrets: Path, output: Path) -> CandidateResult:
    """Fit, evaluate, export, prove and publish one candidate.

    Raises:
        TrainingFailure: the data or the settings are at fault.
        ArtifactError: the store is at fault.
    """
    began = time.monotonic()
    candidate = run.candidates[index]
    names = [run.objective.metric, *run.metrics]
    store_secret = secrets / "store"
    dataset_secret = secrets / "dataset"
    own = dataset_secret if dataset_secret.is_dir() else store_secret
    rows = load(run.dataset, run.task, own, secrets / "feedback")
    say("rows read", rows=rows.record.rows, features=rows.train.shape[1])
    if run.dataset.feedback is not None:
        if rows.feedback is None:
            told = "nothing is logged yet: the dataset alone is learned from"
            say(told, deployment=run.dataset.feedback.deployment)
        else:
            say("feedback joined", **asdict(rows.feedback))

    fitted, parameters = fit(
        run.task, candidate, run.objective.metric, rows.train, rows.train_target
    )
    say("fitted", candidate=candidate.name, parameters=parameters)
    classes = list(fitted.classes_) if run.task == "Classification" else []
    onnx = to_onnx(fitted, rows.train, run.task)
    served = OnnxModel(onnx, classes)
    check_parity(fitted, served, rows.test, run.task)

    # What is proven is what will be served: the ONNX model, not the scikit-learn one.
    metrics = measure(served, names, rows.test, rows.test_target)
    champion_metrics: list[Metric] = []
    champion_failure = ""
    if run.champion is not None:
        try:
            place = output / "champion"
            champion_metrics = measure_champion(run.champion, run.task, names, rows, place, secrets)
        except NotComparable as error:
            champion_failure = f"{run.champion.version} {error}"[:256]
            say(champion_failure)
    say("evaluated", metrics={m.name: m.value for m in metrics})

    directory = output / "artifact"
    directory.mkdir(parents=True, exist_ok=True)
    contents = {MODEL: onnx, PROFILE: profile(served, rows.train).to_json()}
    for name, content in contents.items():
        (directory / name).write_bytes(content)
    libraries = {name: version(name) for name in LIBRARIES}
    manifest = Manifest(
        task=run.task,
        classes=[str(c) for c in classes],
        signature=served.signature(),
        files={
            name: File(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            for name, content in contents.items()
        },
        metrics=metrics,
        lineage=Lineage(
            training=run.training,
            namespace=run.namespace,
            run=run.run,
            candidate=candidate.name,
            algorithm=candidate.algorithm,
            parameters=parameters,
            parent=run.champion.version if run.champion else None,
            dataset=rows.record,
            libraries=libraries,
        ),
    )
    (directory / "manifest.json").write_bytes(manifest.to_json())
    uri, digest, size = publish(directory, run.store_uri, store_secret)
    say("published", uri=uri)
    return CandidateResult(
        candidate=candidate.name,
        artifact=ArtifactRecord(uri=uri, sha256=digest, size_bytes=size),
        metrics=metrics,
        champion_metrics=champion_metrics,
        champion_failure=champion_failure,
        algorithm=candidate.algorithm,
        parameters=parameters,
        dataset=rows.record,
        signature=served.signature(),
        libraries=libraries,
        seconds=round(time.monotonic() - began, 1),
    )


def main() -> int:
    """Run the pod's candidate; exit 1 only where another try may help."""
    run = RunSpec.from_json(Path(os.environ.get("PERENNIAL_RUN", RUN)).read_bytes())
    index = int(os.environ.get("JOB_COMPLETION_INDEX", "0"))
    secrets = Path(os.environ.get("PERENNIAL_SECRETS", SECRETS))
    status = 0
    with tempfile.TemporaryDirectory() as output:
        try:
            result = train(run, index, secrets, Path(output))
        except (TrainingFailure, ArtifactError) as error:
            failure = Failure(reason=error.reason, message=str(error)[:1024])
            result = CandidateResult(candidate=run.candidates[index].name, failure=failure)
            status = 1 if isinstance(error, StoreUnreachable) else 0
            say(failure.message, reason=failure.reason)
    message = result.to_message()
    Path(os.environ.get("PERENNIAL_TERMINATION_LOG", "/dev/termination-log")).write_bytes(message)
    return status


if __name__ == "__main__":
    sys.exit(main())
