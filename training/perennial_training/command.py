"""``perennial-train``: the first day, without a cluster. A table in, a directory to serve out."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from perennial_artifact.result import CandidateSpec, DatasetSpec, ObjectiveSpec, RunSpec
from perennial_training.failure import failure_of
from perennial_training.fit.algorithms import ALGORITHMS
from perennial_training.run import train

METRICS = {"Classification": "accuracy", "Regression": "r2"}
DEFAULT = {
    "Classification": "HistGradientBoostingClassifier",
    "Regression": "HistGradientBoostingRegressor",
}


def main(arguments: list[str] | None = None) -> int:
    """Train one model as a ModelTraining's pod does; return 1, with the reason told, where not."""
    chosen = _read(arguments)
    table = Path(chosen.table).absolute()
    with tempfile.TemporaryDirectory() as place:
        try:
            run = _run(chosen, table, Path(place))
            result = train(run, 0, Path(place) / "none", Path(place), _tell)
        except Exception as error:
            failure = failure_of(error)
            print(f"{failure.reason}: {failure.message}", file=sys.stderr)
            return 1
        assert result.artifact is not None
        into = Path(chosen.into)
        into.mkdir(parents=True, exist_ok=True)
        for file in Path(result.artifact.uri.removeprefix("file://")).iterdir():
            shutil.copy(file, into)
    metric = result.metrics[0]
    ends = f" ({metric.low:.3f} to {metric.high:.3f})" if metric.low and metric.high else ""
    print(
        f"{metric.name} {metric.value:.3f}{ends} on {result.dataset and result.dataset.held_out} "
        f"held-out rows; serve it: perennial-serve --model-dir {into} --model-name {into.name}"
    )
    return 0


def _tell(message: str, **facts: Any) -> None:
    if message in ("rows read", "published", "fitted"):
        return  # what comes of it is told in other words
    shown = ", ".join(f"{name} {value}" for name, value in facts.get("metrics", {}).items())
    print(f"{message}: {shown}" if shown else message, file=sys.stderr)


def _read(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="perennial-train", description=__doc__)
    parser.add_argument("table", help="a file of rows, or a directory of files")
    parser.add_argument("--target", required=True, help="the column to predict")
    parser.add_argument("--task", choices=sorted(METRICS), help="by default what the algorithm is")
    parser.add_argument("--algorithm", help="a scikit-learn estimator by its own name")
    parser.add_argument("--metric", help="a scikit-learn scorer; by default accuracy or r2")
    parser.add_argument("--into", required=True, help="the directory to write")
    return parser.parse_args(arguments)


def _run(chosen: argparse.Namespace, table: Path, place: Path) -> RunSpec:
    is_regressor = ("Regression", chosen.algorithm) in ALGORITHMS
    task: Any = chosen.task or ("Regression" if is_regressor else "Classification")
    algorithm = chosen.algorithm or DEFAULT[task]
    uri = f"file://{table}/" if table.is_dir() else f"file://{table}"
    return RunSpec(
        training=Path(chosen.into).name,
        namespace="here",
        run=1,
        task=task,
        dataset=DatasetSpec(uri=uri, target=chosen.target),
        objective=ObjectiveSpec(metric=chosen.metric or METRICS[task]),
        candidates=[CandidateSpec(name="only", algorithm=algorithm)],
        store_uri=f"file://{place}/store",
    )
