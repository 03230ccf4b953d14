"""The models of the shop, trained by the trainer and without a cluster."""

import tempfile
from pathlib import Path

import pandas as pd
import yaml

from perennial_artifact.manifest import MODEL
from perennial_artifact.result import (
    CandidateSpec,
    DatasetSpec,
    ObjectiveSpec,
    RunSpec,
    SplitSpec,
)
from perennial_training.run import train
from shop.months import to_learn

TRAINING = Path(__file__).parent / "training.yaml"
REGRESSION = CandidateSpec("regression", "LogisticRegression", {"max_iter": 300})
BOOSTING = CandidateSpec("boosting", "HistGradientBoostingClassifier", {"max_iter": 60})


def learned(candidate: CandidateSpec, table: pd.DataFrame) -> bytes:
    """Return the ONNX file of a model that was trained as ``training.yaml`` asks.

    Args:
        candidate: what is fitted.
        table: candidates of requests, of which a part is learned from.

    Raises:
        TrainingFailure: the rows or the settings are at fault.
    """
    asked = yaml.safe_load(TRAINING.read_text())["spec"]["dataset"]
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        to_learn(table).to_parquet(home / "rows.parquet", index=False)
        run = RunSpec(
            training="shop",
            namespace="here",
            run=1,
            task="Classification",
            dataset=DatasetSpec(
                uri=f"file://{home}/rows.parquet",
                target=asked["target"],
                features=asked["features"],
                time_column=asked["timeColumn"],
                split=SplitSpec(asked["split"]["method"], asked["split"]["testFraction"]),
            ),
            objective=ObjectiveSpec("roc_auc"),
            candidates=[candidate],
            store_uri=f"file://{home}/store",
        )
        result = train(run, 0, home / "none", home, lambda *_, **__: None)
        assert result.artifact is not None
        return (Path(result.artifact.uri.removeprefix("file://")) / MODEL).read_bytes()
