"""False alarms, power and delay of the drift rule, beside Evidently's and NannyML's defaults.

On the same windows of real tables, and of simulated traffic; into docs/verdicts.md.
"""

from __future__ import annotations

import json
import math
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.drift.tables import REFERENCE, SHIFTS, WINDOW, Real, changed, real
from peers.environments import python
from perennial_artifact.profile import FeatureProfile
from perennial_statistics.drift import SLICES, Counts, Feature, Settings, judge_drift
from perennial_statistics.usual_drift import DAY, UsualDrift
from perennial_training.prove.profile import categorical_profile, numeric_profile
from unit.statistics.live_traffic import A_DAY, QUIET, Traffic, stream, watch

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "verdicts.md"
QUIET_WINDOWS, MOVED_WINDOWS = 100, 20
PEERS = ("evidently", "nannyml")
DAYS, FEATURES = 8, 5
RUNS = 7
DELAYED = (0.3, 0.5, 1.0)
"""Shifts in standard deviations."""
ROWS_AN_HOUR, LOOKS, EACH_LOOK = 2_016, 12, 168
"""Of the delay: 12 looks at a window of an hour, five minutes after each other."""
SETTINGS = Settings(window=3_600, interval=3_600, watched=30 * DAY)
"""One look at each window, and nothing usual that would make drift need more."""


@dataclass(frozen=True)
class Found:
    """For each window the columns that alarm, and scores of columns in the first window."""

    alarms: Sequence[Sequence[str]]
    scores: Mapping[str, tuple[str, float]]

    def any(self, begin: int, end: int) -> int:
        """Return how many of some windows alarm."""
        return sum(1 for names in self.alarms[begin:end] if names)


def profiles(kinds: Mapping[str, str], rows: pd.DataFrame) -> dict[str, FeatureProfile]:
    """Return how columns are distributed, as the trainer writes it."""
    return {
        name: (numeric_profile if kind == "Numeric" else categorical_profile)(
            name, rows[name].to_numpy()
        )
        for name, kind in kinds.items()
    }


def counted(profile: FeatureProfile, values: pd.Series[Any]) -> Counts:
    """Return what a pod counts of a column."""
    if profile.kind == "Categorical":
        present = values[values != ""]
        shares = present.value_counts()
        listed = tuple(int(shares.get(c, 0)) for c in profile.categories)
        return Counts(listed, len(present) - sum(listed), len(values) - len(present))
    present = values.dropna().to_numpy().astype(np.float32).astype(float)
    places = np.searchsorted(profile.edges, present, "right")
    found = np.bincount(places, minlength=len(profile.counts))
    assert profile.minimum is not None and profile.maximum is not None
    outside = int(((present < profile.minimum) | (present > profile.maximum)).sum())
    return Counts(tuple(found.tolist()), 0, len(values) - len(present), outside)


def ours(
    kinds: Mapping[str, str], reference: pd.DataFrame, windows: Sequence[pd.DataFrame]
) -> Found:
    """Judge windows by the drift rule."""
    known = profiles(kinds, reference)
    alarms = []
    for window in windows:
        features = [
            Feature(
                name,
                p.kind == "Numeric",
                Counts(tuple(p.counts), p.other, p.missing),
                counted(p, window[name]),
            )
            for name, p in known.items()
        ]
        alarms.append(judge_drift(features, SETTINGS, {}).alarming)
    return Found(alarms, {})


@dataclass(frozen=True)
class Case:
    """A reference, and windows that are judged by it."""

    kinds: Mapping[str, str]
    reference: pd.DataFrame
    windows: Sequence[pd.DataFrame]


def by_peer(peer: str, cases: Sequence[Case]) -> list[Found]:
    """Judge windows in a peer's own environment, all in one process: it takes long to start."""
    with tempfile.TemporaryDirectory() as folder:
        places = []
        for number, case in enumerate(cases):
            place = Path(folder) / str(number)
            place.mkdir()
            (place / "kinds.json").write_text(json.dumps(dict(case.kinds)))
            case.reference.to_csv(place / "reference.csv", index=False)
            numbered = [w.assign(window=n) for n, w in enumerate(case.windows)]
            pd.concat(numbered).to_csv(place / "windows.csv", index=False)
            places.append(str(place))
        script = Path(__file__).with_name(f"by_{peer}.py")
        done = subprocess.run(
            [python(peer), str(script), *places], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"{peer}: {done.stderr[-2_000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return [
        Found(t["alarms"], {name: (str(of), float(x)) for name, (of, x) in t["scores"].items()})
        for t in told
    ]


def windows_of(table: Real, rng: np.random.Generator) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Return a reference, and windows of rows that are not in it: as ever, then each shift."""
    order = rng.permutation(len(table.rows))
    reference = table.rows.iloc[order[:REFERENCE]]
    rest = table.rows.iloc[order[REFERENCE:]]
    found = []
    for shift in SHIFTS:
        for _ in range(QUIET_WINDOWS if shift == SHIFTS[0] else MOVED_WINDOWS):
            window = rest.iloc[rng.integers(0, len(rest), WINDOW)].reset_index(drop=True)
            found.append(changed(table, window, shift, rng))
    return reference, found


def shown_tables(tables: Sequence[Real], found: Sequence[Sequence[Found]]) -> list[str]:
    """Return rows of the table about real data; of each table what ours and the peers found."""
    lines = []
    for table, of_table in zip(tables, found, strict=True):
        begin = 0
        for shift in SHIFTS:
            count = QUIET_WINDOWS if shift == SHIFTS[0] else MOVED_WINDOWS
            shares = [f.any(begin, begin + count) for f in of_table]
            cells = [f"{n} of {count}" if begin == 0 else f"{n / count:.0%}" for n in shares]
            named = f"{table.name}, {len(table.kinds)} columns" if begin == 0 else ""
            lines.append(f"| {named} | {shift} | {' | '.join(cells)} |")
            begin += count
    return lines


def sliding(shift: float) -> Case:
    """Return looks at windows of two numbers, of which the first one shifts."""
    rng = np.random.default_rng(9)
    reference = pd.DataFrame(rng.standard_normal((REFERENCE, 2)), columns=["a", "b"])
    looks = []
    for _ in range(RUNS):
        rows = rng.standard_normal((2 * ROWS_AN_HOUR, 2))
        rows[ROWS_AN_HOUR:, 0] += shift
        for n in range(1, LOOKS + 1):
            end = ROWS_AN_HOUR + n * EACH_LOOK
            looks.append(pd.DataFrame(rows[end - ROWS_AN_HOUR : end], columns=["a", "b"]))
    return Case({"a": "Numeric", "b": "Numeric"}, reference, looks)


def our_delay(shift: float) -> str:
    """Return how long the rule takes, once it knows what is usual."""
    usual = {
        **{(str(n), "Window"): UsualDrift(0.009) for n in range(2)},
        **{(str(n), "Newest"): UsualDrift(0.034) for n in range(2)},
    }
    traffic = Traffic(features=2, rows_an_hour=ROWS_AN_HOUR, shift=shift, shifted_from=SLICES)
    first = []
    for seed in range(RUNS):
        live = stream(traffic, 2 * SLICES, np.random.default_rng(seed))
        told = watch(live, SLICES, usual, watched=8 * DAY - 3_600, ends_with="0")
        first.append(told.first("0", SLICES))
    return _minutes(first)


def peers_delay(found: Found) -> str:
    """Return how long a peer takes to find the column that shifted."""
    first = []
    for run in range(RUNS):
        mine = found.alarms[run * LOOKS : (run + 1) * LOOKS]
        first.append(5 * next((n + 1 for n, names in enumerate(mine) if "a" in names), math.inf))
    return _minutes(first)


def _minutes(values: Sequence[float]) -> str:
    middle = statistics.median(values)
    return "not within the hour" if math.isinf(middle) else f"{middle:g} min"


def as_ever() -> list[str]:
    """Return rows of the table about the rule as it slides over traffic that is as ever."""
    lines = []
    for name, traffic in QUIET.items():
        some = replace(traffic, features=FEATURES)
        found = watch(stream(some, DAYS * A_DAY, np.random.default_rng(1)))
        later = found.windows(A_DAY, DAYS * A_DAY)
        asked = found.asked / found.looks
        first = found.windows(0, A_DAY)
        lines.append(f"| {name} | {first} of 24 | {later} of {24 * (DAYS - 1)} | {asked:.1%} |")
    return lines


def milliseconds() -> list[str]:
    """Return how long a thousand features take, by what is judged."""
    rng = np.random.default_rng(0)
    shares = np.full(10, 0.1)

    def some(rows: int) -> Counts:
        return Counts(tuple(rng.multinomial(rows, shares).tolist()))

    whole = [Feature(f"f{n}", True, some(20_000), some(2_000)) for n in range(1_000)]
    both = [replace(f, newest=some(500)) for f in whole]
    sliced = [replace(f, slices=tuple(some(83) for _ in range(SLICES))) for f in both]
    settings = replace(SETTINGS, interval=300)
    lines = []
    for name, features in {
        "the whole window": whole,
        "and its newest quarter": both,
        "with slices of ten that alarm": [*sliced[:10], *both[10:]],
        "with slices of all, were they asked": sliced,
    }.items():
        spent = []
        for _ in range(7):
            began = time.process_time()
            judge_drift(features, settings, {})
            spent.append(1_000 * (time.process_time() - began))
        lines.append(f"| {name} | {min(spent):.0f} ms |")
    return lines


def main() -> None:
    """Print the tables, and put them into the page."""
    peers = "Evidently 0.7.23 | NannyML 0.13.1"
    tables = real()
    cases = [
        Case(t.kinds, *windows_of(t, np.random.default_rng(seed))) for seed, t in enumerate(tables)
    ]
    of_peers = [by_peer(peer, [*cases, *map(sliding, DELAYED)]) for peer in PEERS]
    found = [
        [ours(case.kinds, case.reference, case.windows), *(p[n] for p in of_peers)]
        for n, case in enumerate(cases)
    ]
    made = {
        "windows": [
            f"| table | windows of {WINDOW:,} rows | ours | {peers} |",
            "| --- | --- | ---: | ---: | ---: |",
            *shown_tables(tables, found),
        ],
        "delay": [
            f"| shift of a number | ours | {peers} |",
            "| --- | ---: | ---: | ---: |",
            *(
                f"| {shift} sd | {our_delay(shift)} | "
                f"{' | '.join(peers_delay(p[len(cases) + n]) for p in of_peers)} |"
                for n, shift in enumerate(DELAYED)
            ),
        ],
        "as ever": [
            "| traffic | first day: windows that alarm | the days after | slices asked |",
            "| --- | ---: | ---: | ---: |",
            *as_ever(),
        ],
        "time": ["| 1,000 features, 10 bins | |", "| --- | ---: |", *milliseconds()],
    }
    print("\n\n".join("\n".join(lines) for lines in made.values()))
    page = DOCUMENT.read_text()
    for name, lines in made.items():
        begin, end = (f"<!-- {word}: make benchmark-drift, {name} -->" for word in ("begin", "end"))
        text = "\n".join([begin, *lines, end])
        page = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _, t=text: t, page,
                      flags=re.DOTALL)  # fmt: skip
    DOCUMENT.write_text(page)


if __name__ == "__main__":
    main()
