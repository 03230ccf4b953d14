"""One candidate of a run: prepare the rows, fit, export, prove, publish."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from perennial_artifact.manifest import MANIFEST, MODEL, PROFILE, File, Lineage, Manifest, Metric
from perennial_artifact.profile import Profile
from perennial_artifact.result import (
    ArtifactRecord,
    CandidateResult,
    CandidateSpec,
    Note,
    RunSpec,
)
from perennial_artifact.store import publish
from perennial_training.candidate import fit
from perennial_training.champion import Beside, TooFew, against_champion
from perennial_training.export import OnnxModel, check_parity, to_onnx
from perennial_training.fit.algorithms import algorithm
from perennial_training.fit.fitted import Fitted
from perennial_training.prepare.dataset import Rows, load
from perennial_training.prepare.recognition import NotComparable
from perennial_training.prove.answers import Answers, answers
from perennial_training.prove.by_age import unknown
from perennial_training.prove.intervals import confidence_of_best
from perennial_training.prove.labels import in_order
from perennial_training.prove.metrics import check, measure, score
from perennial_training.prove.names import ONE_POSITIVE
from perennial_training.prove.profile import hours_of, profile
from perennial_training.prove.served import check_served

Tell = Callable[..., None]
"""Takes a message, and facts by name."""

LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "pandas")


def say(message: str, **facts: Any) -> None:
    """Write one structured line to the log."""
    print(json.dumps({"message": message, **facts}), flush=True)


def train(
    run: RunSpec, index: int, secrets: Path, output: Path, tell: Tell = say
) -> CandidateResult:
    """Fit, export, prove and publish one candidate; how far it is, is told on the way.

    Raises:
        TrainingFailure: the data or the settings are at fault.
        ArtifactError: the store is at fault.
    """
    return _Candidate(run, index, secrets, output, tell).train()


class _Candidate:
    """One candidate of a run, and what was noticed on its way."""

    def __init__(self, run: RunSpec, index: int, secrets: Path, output: Path, tell: Tell) -> None:
        self._tell = tell
        self._run, self._secrets, self._output = run, secrets, output
        self._candidate = run.candidates[index]
        self._metrics = [run.objective.metric, *run.metrics]
        self._notes: list[Note] = []

    def train(self) -> CandidateResult:
        began = time.monotonic()
        run, candidate = self._run, self._candidate
        algorithm(run.task, candidate.algorithm)  # an unknown one, before anything is read
        rows = self._read()
        self._check_metrics(rows)
        fitted, parameters = self._fit(rows)
        # What is proven is what will be served: the ONNX model, not the scikit-learn one.
        onnx = to_onnx(fitted)
        served = OnnxModel(onnx, list(fitted.classes_))
        check_parity(fitted, served, rows.test)
        ours = self._ask(served, rows.test, rows)
        metrics = measure(
            ours, self._metrics, rows.test_target, confidence_of_best(len(run.candidates))
        )
        self._tell("evaluated", metrics={m.name: m.value for m in metrics})
        beside, champion_failure = self._compare(served, rows)
        lineage = self._lineage(rows, parameters)
        reference = self._profile(rows, ours)
        contents = {MODEL: onnx, PROFILE: reference.to_json()}
        manifest = _manifest(run, fitted, served, metrics, lineage, contents)
        directory = self._output / "artifact"
        _write(directory, {**contents, MANIFEST: manifest.to_json()})
        check_served(directory)
        uri, digest, size = publish(directory, run.store_uri, self._secrets / "store")
        self._tell("published", uri=uri)
        return CandidateResult(
            candidate=candidate.name,
            artifact=ArtifactRecord(uri=uri, sha256=digest, size_bytes=size),
            metrics=metrics,
            comparisons=beside.comparisons if beside is not None else [],
            champion_failure=champion_failure,
            by_age=beside.by_age if beside is not None else None,
            algorithm=candidate.algorithm,
            parameters=parameters,
            dataset=rows.record,
            notes=self._notes,
            signature=manifest.signature,
            libraries=lineage.libraries,
            seconds=round(time.monotonic() - began, 1),
        )

    def _profile(self, rows: Rows, ours: Answers) -> Profile:
        hours = hours_of(rows.times) if rows.times is not None and rows.are_moments else None
        train, held_out = rows.split.train, rows.split.held_out
        return profile(
            rows.columns,
            rows.features,
            ours,
            rows.test_target,
            hours=None if hours is None else hours[np.concatenate([train, held_out])],
            held_out_hours=None if hours is None else hours[held_out],
        )

    def _note(self, note: Note) -> None:
        self._tell(note.message, check=note.check)
        self._notes.append(note)

    def _read(self) -> Rows:
        """Return the rows, with what was noticed about them told before anything is fitted."""
        own = self._secrets / "dataset"
        secret = own if own.is_dir() else self._secrets / "store"
        dataset = self._run.dataset
        rows = load(dataset, self._run.task, secret, self._secrets / "feedback")
        self._tell("rows read", rows=rows.record.rows, held_out=rows.record.held_out)
        for noticed in rows.notes:
            self._note(noticed)
        if rows.feedback is not None:
            self._tell("feedback joined", **asdict(rows.feedback))
        elif dataset.feedback is not None:
            nothing = "nothing is logged yet: the dataset alone is learned from"
            self._tell(nothing, deployment=dataset.feedback.deployment)
        return rows

    def _check_metrics(self, rows: Rows) -> None:
        classes, positive = self._classes(rows), self._run.dataset.positive_class
        gives = _gives_probabilities(self._run.task, self._candidate)
        check(self._metrics, self._run.task, classes, positive, rows.test_target, gives)
        about_one = [n for n in dict.fromkeys(self._metrics) if n in ONE_POSITIVE]
        are_words = rows.target.dtype.kind not in "iu"
        if about_one and len(classes) == 2 and positive is None and are_words:
            message = (
                f"{', '.join(about_one)} is about {in_order(classes)[-1]}, the last class in "
                "order: name another one in dataset.positiveClass"
            )
            self._note(Note(check="positiveClass", message=message))

    def _classes(self, rows: Rows) -> list[Any]:
        return list(rows.target.unique()) if self._run.task == "Classification" else []

    def _ask(self, model: Any, inputs: Any, rows: Rows) -> Answers:
        return answers(model, inputs, self._classes(rows), self._run.dataset.positive_class)

    def _fit(self, rows: Rows) -> tuple[Fitted, dict[str, Any]]:
        def judge(model: Any, inputs: Any, target: Any) -> float:
            return score(self._ask(model, inputs, rows), self._run.objective.metric, target)

        fitted, parameters = fit(
            self._run.task,
            self._candidate,
            judge,
            rows.train,
            rows.columns,
            rows.train_target,
            groups=rows.groups,
            time_ordered=rows.time_ordered,
            note=lambda message: self._note(Note(check="fit", message=message[:512])),
        )
        self._tell("fitted", candidate=self._candidate.name, parameters=parameters)
        return fitted, parameters

    def _compare(self, served: OnnxModel, rows: Rows) -> tuple[Beside | None, str]:
        """Return how the candidate compares with the champion, or why that cannot be told."""
        champion = self._run.champion
        if champion is None:
            return None, ""
        place, secret = self._output / "champion", self._secrets / "store"
        try:
            return against_champion(self._run, champion, served, rows, place, secret), ""
        except NotComparable as error:
            failure = f"{champion.version} {error}"[:256]
            self._tell(failure)
            if isinstance(error, TooFew):
                return Beside([], unknown(failure, len(self._run.candidates))), failure
            return None, failure

    def _lineage(self, rows: Rows, parameters: dict[str, Any]) -> Lineage:
        run = self._run
        return Lineage(
            training=run.training,
            namespace=run.namespace,
            run=run.run,
            candidate=self._candidate.name,
            algorithm=self._candidate.algorithm,
            parameters=parameters,
            parent=run.champion.version if run.champion else None,
            dataset=rows.record,
            split=rows.split.record,
            libraries={name: version(name) for name in LIBRARIES},
        )


def _gives_probabilities(task: str, candidate: CandidateSpec) -> bool | None:
    """Tell whether the algorithm gives probabilities; None where parameters are still to be drawn.

    With some algorithms it depends on them, as with SVC.
    """
    if candidate.search is not None:
        return None
    try:
        made = algorithm(task, candidate.algorithm).estimator(**candidate.parameters)
    except TypeError:
        return None  # the fit says what is wrong with the parameters
    return hasattr(made, "predict_proba")


def _manifest(
    run: RunSpec,
    fitted: Fitted,
    served: OnnxModel,
    metrics: list[Metric],
    lineage: Lineage,
    contents: dict[str, bytes],
) -> Manifest:
    return Manifest(
        task=run.task,
        classes=[str(c) for c in fitted.classes_],
        columns=list(fitted.preprocessing.columns),
        signature=served.signature(),
        files={
            name: File(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            for name, content in contents.items()
        },
        metrics=metrics,
        lineage=lineage,
    )


def _write(directory: Path, contents: dict[str, bytes]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (directory / name).write_bytes(content)
