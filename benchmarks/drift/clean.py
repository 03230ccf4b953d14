"""How often windows in which nothing changed alarm, in thousands of them.

Windows are drawn as counts, all at once, and of real tables as rows that were shuffled. The rule
judges each in which it could alarm at all; what only it can tell is left to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, xlogy
from scipy.stats import beta

from benchmarks.drift.counting import SETTINGS, profiles
from benchmarks.drift.tables import Real
from perennial_artifact.profile import FeatureProfile
from perennial_statistics.cells import SMALLEST_EXPECTED_BIN, SMALLEST_EXPECTED_CATEGORY
from perennial_statistics.drift import SLICES, Counts, Feature, judge_drift
from perennial_statistics.quality import MISSING_BEYOND_USUAL, OUT_OF_RANGE, UNSEEN_CATEGORY

Whole = NDArray[np.int64]
Marks = NDArray[np.bool_]

SHARES: Mapping[str, NDArray[np.float64]] = {
    "zeros": np.array([0.6, 0.2, 0.1, 0.05, 0.025, 0.025]),
    "flag": np.array([0.97, 0.03]),
    "5 kinds": np.array([0.4, 0.25, 0.2, 0.1, 0.05]),
    "60 kinds": 1 / np.arange(1, 61) ** 1.1,
}
"""Of cells, where a column is no continuous number."""
FEATURES = (5, 30, 100)
SIZES = [(n, m) for n in (1_000, 20_000) for m in (500, 2_000, 20_000)]
"""Rows of the reference and of the window."""
REAL_REFERENCE, REAL_WINDOWS = 10_000, (500, 1_000, 2_000)
SESSION = 5
"""Rows that are equal and come together, the worst of sessions that are no longer than that."""
INDEPENDENT_WINDOWS, SESSION_WINDOWS, TABLE_WINDOWS = 20_000, 6_000, 6_000
AT_ONCE = 1_000
"""Windows that are drawn together."""
OLDER = SLICES - SLICES // 4


@dataclass(frozen=True)
class Column:
    """A feature in many windows.

    All three are of shape [windows, K + 3], counts by cell, of all others, of missing values and of
    those out of range: rows of the reference, and units of a window, which has ``session`` equal
    rows in each. A reference may be one for all windows.
    """

    ordered: bool
    reference: Whole
    older: Whole
    newest: Whole

    @property
    def window(self) -> Whole:
        """Return all units of each window."""
        return np.asarray(self.older + self.newest)


def drawn(kind: str, n: int, m: int, windows: int, rng: np.random.Generator) -> Column:
    """Return a column of independent units, n of the reference and m of a window."""
    if kind.startswith("number"):
        return _number(n, m, windows, rng, 0.1 if kind.endswith("missing") else 0.0)
    shares = SHARES[kind]
    parts = [rng.multinomial(k, shares / shares.sum(), windows) for k in (n, m - m // 4, m // 4)]
    ordered, seen = "kinds" not in kind, parts[0] > 0
    # What the reference never had is one of all others, of numbers one out of range.
    unseen = [np.where(seen, 0, p).sum(1, keepdims=True) for p in parts]
    known = [p if ordered else np.where(seen, p, 0) for p in parts]
    none = np.zeros((windows, 1), np.int64)
    ends = [[none, none, u] if ordered else [u, none, none] for u in unseen]
    return Column(ordered, *(np.hstack([k, *e]) for k, e in zip(known, ends, strict=True)))


def _number(n: int, m: int, windows: int, rng: np.random.Generator, missing: float) -> Column:
    """Return a continuous number in ten bins of as many rows of the reference.

    Between n values in order there are n + 1 spacings, whose shares are as one of uniform numbers
    whatever the distribution (Wilks 1962): so a bin's share is Dirichlet's, and so are those below
    the least and above the largest value.
    """
    n -= (lost := round(missing * n))
    upto = np.arange(1, 11) * n // 10
    each = np.diff(upto, prepend=0)
    spacings = [1, *each[:-1], each[-1] - 1, 1]
    shares = rng.dirichlet(spacings, windows) * (1 - missing)
    shares = np.hstack([shares, np.full((windows, 1), missing)])

    def counted(units: int) -> Whole:
        cells = rng.multinomial(units, shares / shares.sum(1, keepdims=True))
        bins = cells[:, 1:11].copy()
        bins[:, 0] += cells[:, 0]
        bins[:, 9] += cells[:, 11]
        outside = cells[:, 0] + cells[:, 11]
        return np.column_stack([bins, np.zeros(windows, np.int64), cells[:, 12], outside])

    reference = np.array([[*each, 0, lost, 0]])
    return Column(True, reference, counted(m - m // 4), counted(m // 4))


def kinds(features: int) -> list[str]:
    """Return 60 % numbers, one of five with missing values, 20 % mostly zero, and categories."""
    found = []
    for x in range(features):
        at = x / features
        if at < 0.6:
            found.append("number missing" if x % 5 == 4 else "number")
        elif at < 0.8:
            found.append("zeros" if x % 2 else "flag")
        else:
            found.append("60 kinds" if at >= 0.9 and features >= 30 else "5 kinds")
    return found


def may_alarm(column: Column, session: int) -> Marks:
    """Tell in which windows a column may alarm: what is not marked cannot.

    Where no cell is too thin the rule's cells are these, and its G is this one divided by what is
    1 or more; a limit of quality that is kept is not broken, whatever its test says. Where a cell
    is thin all may be.
    """
    reference, found = column.reference, np.zeros(len(column.newest), np.bool_)
    for span in (column.window, column.newest):
        c, r = span * session, np.broadcast_to(reference, span.shape)
        rows, known = c[:, :-1].sum(1), r[:, :-1].sum(1)
        least = (np.minimum(rows, known) / (rows + known))[:, None]
        expected = (r + c) * least
        smallest = SMALLEST_EXPECTED_BIN if column.ordered else SMALLEST_EXPECTED_CATEGORY
        values = expected[:, :-3] if column.ordered else expected[:, :-2]
        thin = ((values > 0) & (values < smallest)).any(1) | (column.ordered & (values == 0).any(1))
        thin |= (expected[:, -2] > 0) & (expected[:, -2] < SMALLEST_EXPECTED_BIN)
        t = (r + c)[:, :-1]
        n, m = known[:, None], rows[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = [xlogy(x, x * (n + m) / (t * of)) for x, of in ((r[:, :-1], n), (c[:, :-1], m))]
        g = 2 * np.nansum(terms[0] + terms[1], axis=1)
        p = chdtrc((t > 0).sum(1) - 1, g)
        shares = span / np.maximum(1, span[:, :-1].sum(1, keepdims=True))
        missing = shares[:, -2] - reference[:, -2] / reference[:, :-1].sum(1)
        present = np.maximum(1e-9, 1 - shares[:, -2])
        bad = missing > MISSING_BEYOND_USUAL
        bad |= (shares[:, -1] / present > OUT_OF_RANGE) | (
            shares[:, -3] / present > UNSEEN_CATEGORY
        )
        found |= thin | (p <= SETTINGS.alpha) | bad
    return found


def alarms(columns: Sequence[Column], session: int, rng: np.random.Generator) -> int:
    """Return how many windows alarm, each looked at once, with slices where it would alarm."""
    marks = np.array([may_alarm(c, session) for c in columns])
    found = 0
    for window in np.flatnonzero(marks.any(0)):
        some = [_feature(columns[i], i, window, session) for i in np.flatnonzero(marks[:, window])]
        # Among fewer tests each needs less, so what does not alarm here does not among all.
        if not judge_drift(some, SETTINGS, {}).alarming:
            continue
        features = [_feature(c, i, window, session) for i, c in enumerate(columns)]
        first = judge_drift(features, SETTINGS, {}).alarming
        if first:
            told = [
                replace(f, slices=_slices(columns[int(f.name)], window, session, rng))
                if f.name in first
                else f
                for f in features
            ]
            found += bool(judge_drift(told, SETTINGS, {}).alarming)
    return found


def _feature(column: Column, name: int, window: int, session: int) -> Feature:
    reference = column.reference[min(window, len(column.reference) - 1)]
    new, old = column.newest[window] * session, column.older[window] * session
    whole = _counts(old + new)
    return Feature(
        str(name),
        column.ordered,
        _counts(reference),
        whole,
        newest=_counts(new),
        constant=sum(n > 0 for n in (*whole.values, whole.other)) == 1,
    )


def _counts(row: Whole) -> Counts:
    *values, other, missing, outside = row.tolist()
    return Counts(tuple(values), other, missing, outside)


def _slices(
    column: Column, window: int, session: int, rng: np.random.Generator
) -> tuple[Counts, ...]:
    """Divide a window's units by slices of time, as they might have come."""
    found = []
    for units, parts in ((column.older[window], OLDER), (column.newest[window], SLICES - OLDER)):
        cells = np.repeat(np.arange(len(units) - 1), units[:-1])
        rng.shuffle(cells)
        for part in np.array_split(cells, parts):
            row = np.bincount(part, minlength=len(units)) * session
            found.append(_counts(row))
    return tuple(found)


def simulated(features: int, n: int, m: int, session: int, windows: int) -> int:
    """Return how many windows alarm of so many, each with a reference of its own."""
    rng = np.random.default_rng((features, n, m, session))
    return sum(
        alarms([drawn(k, n, m // session, AT_ONCE, rng) for k in kinds(features)], session, rng)
        for _ in range(windows // AT_ONCE)
    )


def of_table(table: Real, m: int, windows: int) -> int:
    """Return how many windows of a real table alarm of so many.

    Its rows are shuffled, the first ones are the reference, and the others windows, each row in one
    at most; then it is shuffled again.
    """
    rng, found, left = np.random.default_rng(m), 0, 0
    while left < windows:
        rows = table.rows.iloc[rng.permutation(len(table.rows))]
        reference, rest = rows[:REAL_REFERENCE], rows[REAL_REFERENCE:]
        count = min(len(rest) // m, windows - left)
        columns = list(_divided(table, reference, rest[: count * m], count))
        found += alarms(columns, 1, rng)
        left += count
    return found


def _divided(
    table: Real, reference: pd.DataFrame, rest: pd.DataFrame, windows: int
) -> Iterator[Column]:
    for name, profile in profiles(table.kinds, reference).items():
        counts, ordered = [*profile.counts, profile.other], profile.kind == "Numeric"
        counted = _placed(profile, rest[name], windows)
        known = np.array([[*counts, profile.missing, 0]])
        m = counted.shape[1]
        parts = [_tally(part, len(counts)) for part in np.split(counted, [m - m // 4], axis=1)]
        yield Column(ordered, known, parts[0], parts[1])


def _placed(profile: FeatureProfile, values: pd.Series[object], windows: int) -> Whole:
    """Return the cell of each value, of shape [windows, rows]; out of range is K + 3 more."""
    cells = len(profile.counts)
    if profile.kind == "Categorical":
        places = pd.Index(profile.categories).get_indexer(values)
        found = np.where(values == "", cells + 1, np.where(places < 0, cells, places))
        return np.asarray(found).reshape(windows, -1)
    numbers = values.to_numpy(np.float64)
    found = np.where(np.isnan(numbers), cells + 1, np.searchsorted(profile.edges, numbers, "right"))
    outside = (numbers < profile.minimum) | (numbers > profile.maximum)
    return np.asarray(found + outside * (cells + 3)).reshape(windows, -1)


def _tally(places: Whole, cells: int) -> Whole:
    """Return counts by cell, of others, missing, and out of range."""
    windows, width = len(places), 2 * (cells + 2)
    at = places + np.arange(windows)[:, None] * width
    both = np.bincount(at.ravel(), minlength=windows * width).reshape(windows, 2, -1)
    return np.column_stack([both.sum(1)[:, :-1], both[:, 1].sum(1)])


def shown(found: int, windows: int) -> str:
    """Return alarms of 1,000 windows, and between what they are with 95 % (Clopper & Pearson)."""
    low = float(beta.ppf(0.025, found, windows - found + 1)) if found else 0.0
    high = float(beta.ppf(0.975, found + 1, windows - found))
    return f"{1_000 * found / windows:.2f} ({1_000 * low:.2f} to {1_000 * high:.2f})"


def rows() -> list[str]:
    """Return the table: alarms of 1,000 simulated windows."""
    heads = " | ".join(f"{d} features" for d in FEATURES)
    lines = [
        f"| alarms of 1,000 windows as ever | reference | window | {heads} |",
        "| --- | ---: | ---: |" + " ---: |" * len(FEATURES),
    ]
    for name, session, windows in (
        ("independent rows", 1, INDEPENDENT_WINDOWS),
        (f"sessions of {SESSION} equal rows", SESSION, SESSION_WINDOWS),
    ):
        asked = [(d, n, m, session, windows) for n, m in SIZES for d in FEATURES]
        with ProcessPoolExecutor() as processes:
            found = np.array([*processes.map(simulated, *zip(*asked, strict=True))])
        by_size = found.reshape(len(SIZES), len(FEATURES))
        for (n, m), counts in zip(SIZES, by_size, strict=True):
            cells = " | ".join(shown(int(k), windows) for k in counts)
            lines.append(f"| {name} | {n:,} | {m:,} | {cells} |")
        total = " | ".join(shown(int(k), windows * len(SIZES)) for k in by_size.sum(0))
        lines.append(f"| {name} | all of them | | {total} |")
    return lines


def of_tables(tables: Sequence[Real]) -> list[str]:
    """Return the table: alarms of 1,000 windows of real tables."""
    heads = " | ".join(f"{m:,} rows" for m in REAL_WINDOWS)
    lines = [
        f"| alarms of 1,000 windows as ever | {heads} |",
        "| --- |" + " ---: |" * len(REAL_WINDOWS),
    ]
    asked = [(t, m, TABLE_WINDOWS) for t in tables for m in REAL_WINDOWS]
    with ProcessPoolExecutor() as processes:
        found = np.array([*processes.map(of_table, *zip(*asked, strict=True))])
    for table, counts in zip(tables, found.reshape(len(tables), -1), strict=True):
        cells = " | ".join(shown(int(k), TABLE_WINDOWS) for k in counts)
        lines.append(f"| {table.name}, {len(table.kinds)} columns | {cells} |")
    total = found.reshape(len(tables), -1).sum(0)
    cells = " | ".join(shown(int(k), TABLE_WINDOWS * len(tables)) for k in total)
    return [*lines, f"| all of them | {cells} |"]
