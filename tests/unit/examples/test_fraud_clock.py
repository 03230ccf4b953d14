"""A year on the clock: moments, durations of manifests, and what the objects tell."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from fraud.clock import Clock, scaled
from fraud.news import News, State, news, state_of

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "fraud"


def test_a_day_of_the_year_is_somewhere_on_the_clock_and_back() -> None:
    clock = Clock(first_day=120.0, begin=1_000_000.0, day_seconds=0.5)
    moments = clock.moments(pd.Series([120.0, 122.0, 60.0]))
    assert [m.timestamp() for m in moments] == [1_000_000.0, 1_000_001.0, 999_970.0]


def test_durations_of_the_year_are_shortened_and_those_of_machines_are_not() -> None:
    monitor = {
        "spec": {
            "window": "24h",
            "performance": {"window": "720h"},
            "report": {"every": "72h", "deadline": "1m"},
            "behaviour": {"volume": {"spreads": 4}},
        }
    }
    found = scaled(monitor, day_seconds=0.8)["spec"]
    assert found["performance"] == {"window": "24s"}
    assert found["report"] == {"every": "3s", "deadline": "1m"}
    assert found["window"] == "10s", "the shortest that pods can count"
    assert monitor["spec"]["window"] == "24h"


@pytest.mark.parametrize("name", ["training", "deployment", "monitor"])
def test_what_is_asked_of_the_year_is_in_the_examples_as_a_team_would_write_it(name: str) -> None:
    manifest = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    assert manifest["metadata"] == {"name": "fraud", "namespace": "fraud"}
    if name == "monitor":
        assert scaled(manifest, 0.8) != manifest


def kubernetes(
    serves: str = "fraud-1", kept: str = "True", asked: int = 0, run: int = 1, outcome: str = ""
) -> list[dict[str, Any]]:
    kept_condition = {"type": "PerformanceKept", "status": kept, "message": "so it is"}
    return [
        {"kind": "ModelTraining", "status": {"lastRun": {"number": run, "outcome": outcome}}},
        {
            "kind": "ModelDeployment",
            "status": {
                "revisions": [
                    {"role": "Canary", "version": "fraud-9"},
                    {"role": "Stable", "version": serves},
                ]
            },
        },
        {"kind": "DriftMonitor", "status": {"conditions": [kept_condition], "retrainings": asked}},
    ]


def test_what_happened_is_told_once() -> None:
    calm = state_of(kubernetes())
    assert news(calm, calm, 1.0) == []
    alarmed = state_of(kubernetes(kept="False", asked=1))
    assert news(calm, alarmed, 5.0) == [News(5.0, "alarm", "so it is"), News(5.0, "retraining", "")]
    shipped = state_of(kubernetes("fraud-2", kept="Unknown", asked=1, run=2, outcome="Promoted"))
    assert news(alarmed, shipped, 9.0) == [News(9.0, "promotion", "fraud-2")]
    nothing = state_of(kubernetes("fraud-2", asked=1, run=3, outcome="NothingNew"))
    assert [n.kind for n in news(shipped, nothing, 9.0)] == ["nothing"]


def test_the_first_that_serves_is_no_promotion() -> None:
    assert state_of([]) == State()
    assert news(State(), state_of(kubernetes(run=1, outcome="Promoted")), 1.0) == []


def test_the_client_runs_alone_as_it_does_in_its_pod(tmp_path: Path) -> None:
    """It may import nothing of the checkout: a ConfigMap brings this one file."""
    script = tmp_path / "stream.py"
    script.write_text((EXAMPLES / "stream.py").read_text())
    command = [sys.executable, "-I", str(script), "--help"]
    assert "--day-seconds" in subprocess.run(command, capture_output=True, text=True).stdout
