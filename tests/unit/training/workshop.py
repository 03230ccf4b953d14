"""Small frames in a file:// store, and runs over them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from perennial_artifact.result import CandidateResult, DatasetSpec, RunSpec
from perennial_training.prepare.dataset import Rows, load
from perennial_training.run import train

COMMAND = [sys.executable, "-m", "perennial_training"]
ROOT = Path(__file__).resolve().parents[3]
FAST = {"name": "linear", "algorithm": "LogisticRegression"}


def orders(rows: int = 200) -> pd.DataFrame:
    """Return rows with a number, a text, gaps in both, a time and a learnable answer."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(size=rows),
            "age": rng.integers(18, 90, rows).astype(float),
            "colour": rng.choice(["red", "green", "blue"], rows),
            "at": pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC"),
        }
    )
    frame["bought"] = (frame["amount"] + rng.normal(size=rows) / 3 > 0).astype(int)
    frame.loc[::9, "colour"] = None
    frame.loc[::7, "age"] = np.nan
    return frame


@dataclass(frozen=True)
class Workshop:
    """A directory with a dataset, a store and a place for output."""

    place: Path

    @property
    def store(self) -> str:
        return f"file://{self.place}/store"

    def put(self, frame: pd.DataFrame, name: str = "rows.parquet") -> None:
        """Write a file of the dataset, Parquet or CSV by its suffix."""
        path = self.place / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, index=False) if name.endswith(".csv") else frame.to_parquet(path)

    def dataset(self, **changes: Any) -> dict[str, Any]:
        uri = f"file://{self.place}/data/"
        return {"uri": uri, "target": "bought", "timeColumn": "at", **changes}

    def load(self, task: str = "Classification", **changes: Any) -> Rows:
        return load(DatasetSpec.from_plain(self.dataset(**changes)), task, None)

    def run(self, *candidates: dict[str, Any], **changes: Any) -> RunSpec:
        body = {
            "training": "orders",
            "namespace": "team",
            "run": 3,
            "task": "Classification",
            "objective": {"metric": "roc_auc"},
            "candidates": candidates or (FAST,),
            "storeUri": self.store,
            **changes,
            "dataset": self.dataset(**changes.get("dataset", {})),
        }
        return RunSpec.from_plain(body)

    def train(self, *candidates: dict[str, Any], **changes: Any) -> CandidateResult:
        return train(self.run(*candidates, **changes), 0, self.place / "secrets", self.place)

    def environment(self, run: RunSpec, index: int = 0) -> dict[str, str]:
        """Write run.json; return what a training pod finds in its environment."""
        (self.place / "run.json").write_bytes(run.to_json())
        return {
            "PERENNIAL_RUN": str(self.place / "run.json"),
            "PERENNIAL_SECRETS": str(self.place / "secrets"),
            "PERENNIAL_TERMINATION_LOG": str(self.termination_log),
            "JOB_COMPLETION_INDEX": str(index),
        }

    @property
    def termination_log(self) -> Path:
        return self.place / "termination-log"

    def process(self, run: RunSpec, index: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the trainer as a pod does."""
        with self.started(run, index) as process:
            out, error = process.communicate()
        return subprocess.CompletedProcess(COMMAND, process.returncode, out, error)

    @contextmanager
    def started(self, run: RunSpec, index: int = 0) -> Iterator[subprocess.Popen[str]]:
        """Start the trainer as a pod does; it ends with the context."""
        paths = os.pathsep.join(str(ROOT / part) for part in ("training", "serving", "artifact"))
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        environment |= self.environment(run, index)
        pipe = subprocess.PIPE
        with subprocess.Popen(
            COMMAND, env=environment, stdout=pipe, stderr=pipe, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def document(self, result: CandidateResult, name: str) -> Any:
        """Return a JSON document of a published artifact."""
        assert result.artifact is not None
        path = Path(result.artifact.uri.removeprefix("file://")) / name
        return json.loads(path.read_text())
