"""A card's transactions for 120 days, with labels that come weeks late, and a model that decays."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from perennial_artifact.manifest import (
    MANIFEST,
    PROFILE,
    Column,
    File,
    Manifest,
    Signature,
    Tensor,
)
from perennial_artifact.report import ReportSpec
from perennial_training.prove.answers import Answers
from perennial_training.prove.profile import profile

UNTIL = datetime(2026, 6, 1, tzinfo=UTC)
DAY = 86_400.0
COLUMNS = [
    Column("amount", "Number"),
    Column("hour", "Number"),
    Column("category", "Category"),
    Column("customer", "Category"),
]
KINDS = ["grocery", "fuel", "digital", "travel"]
CLASSES = ["genuine", "fraud"]
METRICS = [
    {"name": "caught", "kind": "recall", "minimum": 0.5},
    {"name": "alerts-right", "kind": "precision", "minimum": 0.4},
    {"name": "alerts", "kind": "alertRate", "minimum": 0.01, "maximum": 0.2},
]


@dataclass
class Scene:
    """A store with a version, and its request log."""

    place: Path
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    sha256: str = ""

    @property
    def log(self) -> Path:
        return self.place / "log"

    def spec(self, **changes: Any) -> ReportSpec:
        body = {
            "monitor": "fraud",
            "namespace": "team",
            "deployment": "fraud",
            "number": 1,
            "version": "fraud-1",
            "artifactUri": f"file://{self.place}/model/",
            "artifactSha256": self.sha256,
            "logUri": f"file://{self.log}",
            "into": f"file://{self.log}/reports/fraud",
            "until": UNTIL.isoformat(),
            "windowSeconds": 30 * DAY,
            "cohortSeconds": int(1.25 * DAY),
            "maturitySeconds": 45 * DAY,
            "metrics": METRICS,
            "slices": ["customer", "amount"],
            **changes,
        }
        return ReportSpec.from_plain({k: v for k, v in body.items() if v is not None})


def transactions(count: int, decays: bool = True, seed: int = 7, days: float = 140) -> pd.DataFrame:
    """Return transactions with the model's answers, and when their labels become known.

    Recall is 0.7; with decay 0.25 in the last 90 days, and worse for first-time customers.
    """
    rng = np.random.default_rng(seed)
    made = UNTIL.timestamp() - days * DAY + np.sort(rng.random(count)) * days * DAY
    late = made > UNTIL.timestamp() - 90 * DAY
    fraud = rng.random(count) < 0.1
    first_time = rng.random(count) < 0.2
    caught = np.where(late & decays, np.where(first_time, 0.05, 0.3), 0.7)
    high = rng.random(count) < np.where(fraud, caught, 0.02)
    newest = made > UNTIL.timestamp() - 20 * DAY
    amount = rng.lognormal(3.2, 0.7, count) * np.where(newest & decays, 1.6, 1.0)
    delay = np.where(fraud, np.minimum(rng.lognormal(np.log(12), 0.7, count), 60), 45) * DAY
    return pd.DataFrame(
        {
            "id": [f"t{n}" for n in range(count)],
            "made": made,
            "amount": amount,
            "hour": np.where(rng.random(count) < 0.01, np.nan, rng.normal(14, 4, count)),
            "category": rng.choice(KINDS, count, p=[0.5, 0.2, 0.2, 0.1]),
            "customer": np.where(first_time, "first-time", "known"),
            "probability": np.where(high, 0.55 + 0.4 * rng.random(count), 0.45 * rng.random(count)),
            "label": np.where(fraud, "fraud", "genuine"),
            "known": made + delay,
        }
    )  # fmt: skip


def scene(place: Path, rows: pd.DataFrame, version: str = "fraud-1") -> Scene:
    """Write a version whose profile is of the first third of the rows, and the log of all."""
    made = Scene(place, rows)
    learned = rows.iloc[: len(rows) // 3]
    shares = np.column_stack([1 - learned["probability"], learned["probability"]])
    known = Answers(shares.argmax(axis=1), shares, tuple(CLASSES), tuple(CLASSES))
    inputs = learned[[c.name for c in COLUMNS]]
    contents = {PROFILE: profile(COLUMNS, inputs, known).to_json(), "model.onnx": b"none"}
    tensors = [Tensor(c.name, "FP32" if c.kind == "Number" else "BYTES", [-1]) for c in COLUMNS]
    manifest = Manifest(
        task="Classification",
        classes=CLASSES,
        columns=COLUMNS,
        signature=Signature(tensors, [Tensor("probabilities", "FP32", [-1, 2])]),
        files={
            name: File(hashlib.sha256(content).hexdigest(), len(content))
            for name, content in contents.items()
        },
    ).to_json()
    (place / "model").mkdir(parents=True)
    for name, content in {**contents, MANIFEST: manifest}.items():
        (place / "model" / name).write_bytes(content)
    made.sha256 = hashlib.sha256(manifest).hexdigest()
    write_requests(made.log, rows, version)
    told = rows[rows["known"] <= UNTIL.timestamp()]
    write_feedback(made.log, told["id"], told["known"], told["label"])
    return made


def write_requests(log: Path, rows: pd.DataFrame, version: str, stem: str = "pod") -> None:
    """Write requests as pods do: a file a day."""
    frame = pd.DataFrame(
        {
            "id": rows["id"],
            "row": np.zeros(len(rows), np.int32),
            "time": pd.to_datetime(rows["made"], unit="s", utc=True).astype("datetime64[us, UTC]"),
            "model": "fraud",
            "version": version,
            "trace_id": None,
            **{f"input.{c.name}": rows[c.name].to_numpy() for c in COLUMNS},
            "output.probabilities": [[1 - p, p] for p in rows["probability"]],
        }
    )
    _by_day(log / "requests", frame, stem)


def write_feedback(
    log: Path,
    ids: Sequence[str] | pd.Series,
    told: Sequence[float] | pd.Series,
    labels: Sequence[Any] | pd.Series,
    rewards: Any = None,
    stem: str = "pod",
) -> None:
    """Write feedback as pods do."""
    frame = pd.DataFrame(
        {
            "id": list(ids),
            "row": np.zeros(len(ids), np.int32),
            "time": pd.to_datetime(list(told), unit="s", utc=True).astype("datetime64[us, UTC]"),
            "label": pd.Series(list(labels), dtype=object),
            "reward": pd.Series(rewards, dtype=float) if rewards is not None else np.nan,
        }
    )
    _by_day(log / "feedback", frame, stem)


def _by_day(part: Path, frame: pd.DataFrame, stem: str) -> None:
    for day, rows in frame.groupby(frame["time"].dt.strftime("%Y-%m-%d")):
        path = part / str(day) / f"{stem}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(path, index=False)


def story() -> dict[str, Any]:
    """Return what a monitor tells of itself, as hostile as it may be."""
    times = [UNTIL - timedelta(hours=20 - n) for n in range(20)]
    return {
        "conditions": [
            {"type": "Drifted", "status": "True", "message": "amount <b>moved</b> & more"},
            {"type": "PerformanceKept", "status": "Unknown", "message": "caught: 12 labels"},
        ],
        "looks": [
            {"time": t.isoformat(), "samples": 900 + n, "score": 0.01 + 0.007 * n}
            for n, t in enumerate(times)
        ],
        "happened": [
            {"time": times[3].isoformat(), "message": "a retraining was asked for: amount moved"},
            {"time": times[9].isoformat(), "message": "taken back: <script>alert(1)</script>"},
        ],
        "need": 0.1,
    }  # fmt: skip


def as_json(spec: ReportSpec) -> str:
    return json.dumps(json.loads(spec.to_json()))
