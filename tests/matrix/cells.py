"""One cell: an algorithm is trained on a table as a pod does it, published, served and asked."""

import contextlib
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from servers import serving

from matrix.client import Answer, Client, Refused
from matrix.comparing import compare
from matrix.questions import Questions, kinds, questions
from matrix.tables import BY_NAME, Table
from perennial_artifact.base import Document
from perennial_artifact.manifest import Column, Manifest
from perennial_artifact.result import RunSpec
from perennial_artifact.store import ArtifactError
from perennial_training import run as trainer
from perennial_training.failure import TrainingFailure

SQUARE = frozenset(
    {
        "GaussianProcessClassifier",
        "GaussianProcessRegressor",
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "NuSVC",
        "NuSVR",
        "QuantileRegressor",
        "SVC",
        "SVR",
        "TheilSenRegressor",
    }
)
"""Their time or size grows with the square of the rows, and so they learn from few of them."""

ASKED_FEW = 40


class Cell(Document, kw_only=True):
    """What came of an algorithm on a table."""

    table: str
    algorithm: str
    rows: int = 0
    """How many it learned from and was judged on."""
    value: float | None = None
    """Of the table's metric, on held-out rows; None where it was refused."""
    reason: str = ""
    """Of the refusal, or one of ours: Crashed, NotServed, Differs, TooSlow."""
    message: str = ""
    agreement: str = ""
    columns: list[Column] = []
    notes: list[str] = []
    seconds: float = 0.0


@dataclass(frozen=True)
class Laid:
    """A table's files: all rows to learn from, few of them, and those that are asked."""

    name: str
    place: Path

    @classmethod
    def out(cls, table: Table, place: Path) -> "Laid":
        """Write the files."""
        for name, few in (("all", False), ("few", True)):
            (place / name).mkdir(parents=True)
            table.lay(place / name, few)
        table.asked().to_pickle(place / "asked")
        return cls(table.name, place)

    @property
    def table(self) -> Table:
        """Return what was laid out."""
        return BY_NAME[self.name]

    def asked(self, few: bool) -> pd.DataFrame:
        """Return the rows that are asked over the wire."""
        rows = pd.read_pickle(self.place / "asked")
        return rows.head(ASKED_FEW) if few else rows


def run_cell(
    laid: Laid, algorithm: str, few: bool = False, parameters: Mapping[str, Any] | None = None
) -> Cell:
    """Train, serve, ask, compare; with ``few`` rows to learn from and to ask."""
    began = time.monotonic()
    candidate = {"name": "one", "algorithm": algorithm, "parameters": dict(parameters or {})}
    with tempfile.TemporaryDirectory(dir=laid.place) as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cell = _run(laid, candidate, few, Path(place))
    return cell.replace(seconds=round(time.monotonic() - began, 1))


def _run(laid: Laid, candidate: dict[str, Any], few: bool, place: Path) -> Cell:
    table = laid.table
    uri = f"file://{laid.place}/{'few' if few or candidate['algorithm'] in SQUARE else 'all'}/"
    cell = Cell(table=table.name, algorithm=candidate["algorithm"])
    run = RunSpec.from_plain(
        {
            "training": table.name,
            "namespace": "matrix",
            "run": 1,
            "task": table.task,
            "dataset": {"uri": uri, "target": table.target, **table.dataset},
            "objective": {"metric": table.metric},
            "candidates": [candidate],
            "storeUri": f"file://{place}/store",
        }
    )
    try:
        with captured() as fits:
            result = trainer.train(run, 0, place / "secrets", place, tell=lambda *_, **__: None)
    except (TrainingFailure, ArtifactError) as error:
        return cell.replace(reason=error.reason, message=str(error))
    except Exception as error:
        return cell.replace(reason="Crashed", message=f"{type(error).__name__}: {error}")
    assert result.artifact is not None and result.dataset is not None
    directory = Path(result.artifact.uri.removeprefix("file://"))
    manifest = Manifest.from_json((directory / "manifest.json").read_bytes())
    columns = kinds(manifest.columns, manifest.signature)
    asked = questions(laid.asked(few), columns)
    cell = cell.replace(
        rows=result.dataset.rows,
        columns=columns,
        notes=[note.message for note in result.notes],
    )
    try:
        forms = served(directory, manifest, asked)
    except Refused as error:
        return cell.replace(reason="NotServed", message=str(error))
    for form, answers in forms.items():
        agreement = compare(fits[-1], asked.frame(), answers, table.task)
        cell = cell.replace(agreement=str(agreement))
        if agreement.apart:
            return cell.replace(reason="Differs", message=f"{form}: {agreement}")
    return cell.replace(value=result.metrics[0].value)


@contextlib.contextmanager
def captured() -> Iterator[list[Any]]:
    """Give the pipelines that the trainer fits, which it keeps for itself."""
    fits: list[Any] = []
    fit = trainer.fit

    def kept(*arguments: Any, **named: Any) -> Any:
        fitted = fit(*arguments, **named)
        fits.append(fitted[0])
        return fitted

    trainer.fit = kept
    try:
        yield fits
    finally:
        trainer.fit = fit


def served(directory: Path, manifest: Manifest, asked: Questions) -> dict[str, list[Answer]]:
    """Return the answers to a row a request in JSON, and to all rows at once in binary form.

    Raises:
        Refused: the server does not start with this model, or refuses a question.
    """
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(serving(directory))
        except AssertionError as error:
            raise Refused("the server does not start with it") from error
        client = stack.enter_context(Client(server.http, manifest.signature.inputs))
        return {"JSON": [client.ask(row) for row in asked.rows], "binary": client.ask_all(asked)}
