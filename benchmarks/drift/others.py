"""What others say of the same windows, each in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from peers.environments import python

PEERS = ("evidently", "nannyml")
TITLES = "Evidently 0.7.23 | NannyML 0.13.1"


@dataclass(frozen=True)
class Case:
    """A reference, and windows of as many rows each that are judged by it."""

    kinds: Mapping[str, str]
    reference: pd.DataFrame
    windows: Sequence[pd.DataFrame]


@dataclass(frozen=True)
class Found:
    """For each window the columns that alarm."""

    alarms: Sequence[Sequence[str]]
    distances: Sequence[Mapping[str, Mapping[str, float]]] = field(default_factory=list)
    """For each window, distances by column and name, where they were asked for."""

    def any(self, begin: int, end: int) -> int:
        """Return how many of some windows alarm."""
        return sum(1 for names in self.alarms[begin:end] if names)


def by_peer(peer: str, cases: Sequence[Case], distances: Sequence[str] = ()) -> list[Found]:
    """Judge windows by a peer's defaults, all in one process, for it takes long to start.

    Args:
        peer: of ``PEERS``.
        cases: what is judged.
        distances: in place of verdicts, what is to be told of each column, as the peer calls it.
    """
    with tempfile.TemporaryDirectory() as folder:
        places = []
        for number, case in enumerate(cases):
            place = Path(folder) / str(number)
            place.mkdir()
            about = {"kinds": dict(case.kinds), "distances": list(distances)}
            (place / "about.json").write_text(json.dumps(about))
            case.reference.to_parquet(place / "reference.parquet", index=False)
            numbered = [w.assign(window=n) for n, w in enumerate(case.windows)]
            pd.concat(numbered).to_parquet(place / "windows.parquet", index=False)
            places.append(str(place))
        told = run(peer, Path(__file__).with_name(f"by_{peer}.py"), *places)
    return [Found(t["alarms"], t["distances"]) for t in told]


def run(peer: str, script: Path, *arguments: str) -> Any:
    """Return what a script prints as JSON in a peer's environment.

    Raises:
        RuntimeError: it fails.
    """
    command = [python(peer), str(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{peer}: {done.stderr[-2_000:]}")
    return json.loads(done.stdout.splitlines()[-1])
