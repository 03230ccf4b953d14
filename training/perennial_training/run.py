"""One candidate of a run: prepare the rows, fit, export, prove, publish."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from perennial_artifact.manifest import MANIFEST, MODEL, PROFILE, Column, File, Lineage, Manifest
from perennial_artifact.result import (
    ArtifactRecord,
    CandidateResult,
    ChampionSpec,
    Comparison,
    Note,
    RunSpec,
)
from perennial_artifact.store import ArtifactError, StoreUnreachable, fetch, publish
from perennial_training.export import OnnxModel, check_parity, to_onnx
from perennial_training.fit.algorithms import algorithm
from perennial_training.fit.candidate import fit
from perennial_training.fit.limits import check_inputs
from perennial_training.prepare.dataset import Rows, load
from perennial_training.prepare.split import NotComparable
from perennial_training.prepare.values import as_kind
from perennial_training.prove.answers import Answers, answers
from perennial_training.prove.compare import compare
from perennial_training.prove.intervals import confidence_of_best
from perennial_training.prove.metrics import check, measure, score
from perennial_training.prove.profile import profile
from perennial_training.prove.served import check_served

LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "pandas")
FEWEST_COMPARED = 30
"""With fewer rows that both models have not learned from, a comparison says nothing."""


def say(message: str, **facts: Any) -> None:
    """Write one structured line to the log."""
    print(json.dumps({"message": message, **facts}), flush=True)


def train(run: RunSpec, index: int, secrets: Path, output: Path) -> CandidateResult:
    """Fit, export, prove and publish one candidate.

    Raises:
        TrainingFailure: the data or the settings are at fault.
        ArtifactError: the store is at fault.
    """
    began = time.monotonic()
    candidate = run.candidates[index]
    algorithm(run.task, candidate.algorithm)  # an unknown one is refused before anything is read
    rows = _rows(run, secrets)
    notes = list(rows.notes)
    names = [run.objective.metric, *run.metrics]
    is_classes = run.task == "Classification"
    classes = list(rows.target.unique()) if is_classes else []
    positive = run.dataset.positive_class
    check_inputs(rows.columns, run.task)
    check(names, run.task, classes, positive, rows.test_target, _gives_probabilities(run, index))

    def ask(model: Any, inputs: pd.DataFrame) -> Answers:
        return answers(model, inputs, classes, positive)

    def judge(model: Any, inputs: pd.DataFrame, target: Any) -> float:
        return score(ask(model, inputs), run.objective.metric, target)

    fitted, parameters = fit(
        run.task,
        candidate,
        judge,
        rows.train,
        rows.columns,
        rows.train_target,
        groups=rows.groups,
        time_ordered=rows.time_ordered,
        note=lambda message: notes.append(_noted(message)),
    )
    say("fitted", candidate=candidate.name, parameters=parameters)
    # What is proven is what will be served: the ONNX model, not the scikit-learn one.
    onnx = to_onnx(fitted)
    served = OnnxModel(onnx, list(fitted.classes_))
    check_parity(fitted, served, rows.test)
    ours = ask(served, rows.test)
    metrics = measure(ours, names, rows.test_target, confidence_of_best(len(run.candidates)))
    say("evaluated", metrics={m.name: m.value for m in metrics})
    comparisons: list[Comparison] = []
    champion_failure = ""
    if run.champion is not None:
        try:
            place = output / "champion"
            comparisons = _compared(run, run.champion, served, rows, place, secrets / "store")
        except NotComparable as error:
            champion_failure = f"{run.champion.version} {error}"[:256]
            say(champion_failure)

    directory = output / "artifact"
    libraries = {name: version(name) for name in LIBRARIES}
    lineage = Lineage(
        training=run.training,
        namespace=run.namespace,
        run=run.run,
        candidate=candidate.name,
        algorithm=candidate.algorithm,
        parameters=parameters,
        parent=run.champion.version if run.champion else None,
        dataset=rows.record,
        split=rows.split.record,
        libraries=libraries,
    )
    contents = {MODEL: onnx, PROFILE: profile(rows.columns, rows.features, ours).to_json()}
    manifest = Manifest(
        task=run.task,
        classes=[str(c) for c in fitted.classes_],
        columns=list(rows.columns),
        signature=served.signature(),
        files={
            name: File(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            for name, content in contents.items()
        },
        metrics=metrics,
        lineage=lineage,
    )
    _write(directory, {**contents, MANIFEST: manifest.to_json()})
    check_served(directory)
    uri, digest, size = publish(directory, run.store_uri, secrets / "store")
    say("published", uri=uri)
    return CandidateResult(
        candidate=candidate.name,
        artifact=ArtifactRecord(uri=uri, sha256=digest, size_bytes=size),
        metrics=metrics,
        comparisons=comparisons,
        champion_failure=champion_failure,
        algorithm=candidate.algorithm,
        parameters=parameters,
        dataset=rows.record,
        notes=notes,
        signature=served.signature(),
        libraries=libraries,
        seconds=round(time.monotonic() - began, 1),
    )


def _gives_probabilities(run: RunSpec, index: int) -> bool | None:
    """Tell whether the algorithm gives probabilities; None where parameters are still to be drawn.

    With some algorithms it depends on them, as with SVC.
    """
    candidate = run.candidates[index]
    if candidate.search is not None:
        return None
    try:
        made = algorithm(run.task, candidate.algorithm).estimator(**candidate.parameters)
    except TypeError:
        return None  # the fit says what is wrong with the parameters
    return hasattr(made, "predict_proba")


def _rows(run: RunSpec, secrets: Path) -> Rows:
    own = secrets / "dataset" if (secrets / "dataset").is_dir() else secrets / "store"
    rows = load(run.dataset, run.task, own, secrets / "feedback")
    say("rows read", rows=rows.record.rows, held_out=rows.record.held_out)
    for seen in rows.notes:
        say(seen.message, check=seen.check)
    if run.dataset.feedback is not None:
        if rows.feedback is None:
            nothing = "nothing is logged yet: the dataset alone is learned from"
            say(nothing, deployment=run.dataset.feedback.deployment)
        else:
            say("feedback joined", **asdict(rows.feedback))
    return rows


def _noted(message: str) -> Note:
    say(message, check="fit")
    return Note(check="fit", message=message[:512])


def _write(directory: Path, contents: dict[str, bytes]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (directory / name).write_bytes(content)


def _compared(
    run: RunSpec, champion: ChampionSpec, served: OnnxModel, rows: Rows, place: Path, secret: Path
) -> list[Comparison]:
    """Measure candidate and champion on the held-out rows that neither has learned from.

    Raises:
        NotComparable: the champion is not there any more, learned another task or other columns, or
            it cannot be told which rows it has not learned from.
        StoreUnreachable: the store does not answer.
    """
    try:
        manifest = fetch(champion.uri, champion.sha256, place, secret)
    except StoreUnreachable:
        raise
    except (ArtifactError, ValueError) as error:
        raise NotComparable(f"cannot be had: {error}") from error
    labels = [str(label) for label in rows.target.unique()]
    if manifest.task != run.task or (manifest.classes and not set(labels) & set(manifest.classes)):
        raise NotComparable("learned to predict something else")
    needed = _columns_of(manifest)
    if absent := [c.name for c in needed if c.name not in rows.frame]:
        raise NotComparable(f"needs {', '.join(absent)}, which the dataset does not have")
    if manifest.lineage is None or manifest.lineage.split is None:
        raise NotComparable("does not say which rows it has learned from")
    fresh = rows.new_to(manifest.lineage.split)
    target = rows.test_target[fresh]
    if len(target) < FEWEST_COMPARED or (manifest.classes and target.nunique() < 2):
        raise NotComparable(
            f"has learned from all but {len(target)} of the {len(fresh)} held-out rows"
        )
    theirs = rows.held_out[fresh]
    theirs = pd.DataFrame({c.name: as_kind(theirs[c.name], c.kind) for c in needed})
    is_number = rows.target.dtype.kind in "iu"
    try:
        known = [int(c) if is_number else c for c in manifest.classes]
        model = OnnxModel(place / MODEL, known)
        classes = list(rows.target.unique()) if manifest.classes else []
        positive = run.dataset.positive_class
        return compare(
            [run.objective.metric, *run.metrics],
            answers(served, rows.test[fresh], classes, positive),
            answers(model, theirs, classes, positive),
            target,
        )
    except Exception as error:
        raise NotComparable(f"cannot be measured: {str(error).splitlines()[0]}") from error


def _columns_of(manifest: Manifest) -> list[Column]:
    """Return what a model takes, of one that does not tell kinds by its inputs' datatypes."""
    if manifest.columns:
        return manifest.columns
    return [
        Column(name=t.name, kind="Category" if t.datatype == "BYTES" else "Number")
        for t in manifest.signature.inputs
    ]
