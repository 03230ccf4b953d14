"""Our distances and estimates beside scipy's, Evidently's and NannyML's, value by value.

Where cells are the same, so are the numbers. Bins hide where in a bin a value lies: how much that
can matter is stated for each comparison, and no difference may be larger.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from benchmarks.drift.counting import counted, profiles
from benchmarks.drift.others import Case, by_peer, run
from benchmarks.drift.tables import Real
from perennial_artifact.profile import FeatureProfile
from perennial_statistics.chosen_effect import pearson
from perennial_statistics.distances import (
    Bounded,
    jensen_shannon,
    kolmogorov_smirnov,
    wasserstein,
)
from perennial_statistics.effect import pooled_psi
from perennial_statistics.estimated_performance import isotonic_rates, two_classes

REFERENCE, WINDOW, WINDOWS = 9_000, 1_000, 3
"""Rows: of 10,000 or more NannyML bins numbers itself."""
ROUNDING = 1e-9
SCORE_BINS = 50
MOVED = 0.2
"""Standard deviations by which numbers of the last window are higher: something is to differ."""


@dataclass(frozen=True)
class Compared:
    """One number of ours and of another, and by how much they may differ."""

    what: str
    other: str
    ours: float
    theirs: float
    low: float
    high: float
    """Between these theirs must be."""

    @property
    def agrees(self) -> bool:
        """Tell whether it is."""
        return self.low - ROUNDING <= self.theirs <= self.high + ROUNDING


def distances(tables: Sequence[Real]) -> list[Compared]:
    """Compare distances of each column of windows of real tables."""
    cases = [_case(table, n) for n, table in enumerate(tables)]
    same = [_by_cell(case) for case in cases]
    values = {
        "Evidently": by_peer("evidently", cases, ["wasserstein"]),
        "NannyML": by_peer("nannyml", cases, ["kolmogorov_smirnov", "wasserstein"]),
    }
    cells = {
        "Evidently": by_peer("evidently", same, ["psi", "jensenshannon"]),
        "NannyML": by_peer("nannyml", same, ["jensen_shannon", "chi2"]),
    }
    found: list[Compared] = []
    for n, case in enumerate(cases):
        known = profiles(case.kinds, case.reference)
        for number, window in enumerate(case.windows):
            for name, profile in known.items():
                old = [*profile.counts, profile.other]
                live = counted(profile, window[name])
                new = [*map(int, live.values), int(live.other)]
                told = {peer: of[n].distances[number][name] for peer, of in cells.items()}
                found += _on_cells(old, new, told)
                if profile.kind == "Numeric":
                    told = {peer: of[n].distances[number][name] for peer, of in values.items()}
                    found += _on_values(profile, case.reference[name], window[name], old, new, told)
    return found


def _case(table: Real, seed: int) -> Case:
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(table.rows))[: REFERENCE + WINDOWS * WINDOW]
    parts = np.split(order, [REFERENCE + n * WINDOW for n in range(WINDOWS)])
    reference, *windows = (table.rows.iloc[p].reset_index(drop=True) for p in parts)
    for name, kind in table.kinds.items():
        if kind == "Numeric":
            moved = windows[-1][name] + MOVED * reference[name].std()
            windows[-1][name] = moved.astype(np.float32).astype(float)
    return Case(table.kinds, reference, windows)


def _by_cell(case: Case) -> Case:
    """Return a case whose values are the cells that ours counts them in, as categories."""
    known = profiles(case.kinds, case.reference)

    def cells(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({name: _cell(p, rows[name]) for name, p in known.items()})

    kinds = dict.fromkeys(case.kinds, "Categorical")
    return Case(kinds, cells(case.reference), [cells(w) for w in case.windows])


def _cell(profile: FeatureProfile, values: pd.Series[object]) -> NDArray[np.object_]:
    if profile.kind == "Numeric":
        found = np.searchsorted(profile.edges, values.to_numpy(np.float64), "right")
        missing = values.isna().to_numpy()
    else:
        found = pd.Index(profile.categories).get_indexer(values)
        missing = (values == "").to_numpy()
    return np.where(missing, "", np.char.add("c", found.astype(str))).astype(object)


def _on_cells(
    old: Sequence[int], new: Sequence[int], told: Mapping[str, Mapping[str, float]]
) -> Iterator[Compared]:
    both = np.array([old, new], float)
    both = both[:, both.sum(0) > 0]
    what = "Jensen-Shannon distance, the same cells"
    distance = jensen_shannon(old, new)
    yield _same(what, "scipy", distance, float(jensenshannon(*both, base=2)))
    # Evidently's is to the base of e.
    yield _same(what, "Evidently", distance,
                told["Evidently"]["jensenshannon"] / math.sqrt(math.log(2)))  # fmt: skip
    yield _same(what, "NannyML", distance, told["NannyML"]["jensen_shannon"])
    corrected = both.shape[1] == 2  # scipy's and NannyML's are by Yates, of two by two cells
    if both.shape[1] > 1 and not corrected:
        what, chi_square = "Pearson's chi-square, the same cells", pearson(old, new)
        yield _same(what, "scipy", chi_square, float(stats.chi2_contingency(both)[0]))
        yield _same(what, "NannyML", chi_square, told["NannyML"]["chi2"])
    if (both > 0).all():
        ours, bound = pooled_psi(old, new), _of_half_a_row(both[0], both[1])
        psi = told["Evidently"]["psi"]
        yield Compared("PSI, the same cells", "Evidently", ours, psi, ours, ours + bound)


def _of_half_a_row(old: NDArray[np.float64], new: NDArray[np.float64]) -> float:
    """Return by how much half a row a cell, spread as both samples are, lowers the index at most.

    Both shares move towards their common one, p by a/(1 - l) of the way to q and q by b/l of that
    to p. The index is jointly convex, so it falls by no more than its slope there.
    """
    n, m, half = old.sum(), new.sum(), len(old) / 2
    p, q = old / n, new / m
    index = float(((q - p) * np.log(q / p)).sum())
    towards_q, towards_p = half / (n + half) * m / (n + m), half / (m + half) * n / (n + m)
    slopes = [index + float(((q - p) ** 2 / x).sum()) for x in (p, q)]
    return towards_q * slopes[0] + towards_p * slopes[1]


def _on_values(
    profile: FeatureProfile,
    reference: pd.Series[float],
    window: pd.Series[float],
    old: Sequence[int],
    new: Sequence[int],
    told: Mapping[str, Mapping[str, float]],
) -> Iterator[Compared]:
    before = reference.dropna().to_numpy().astype(np.float32).astype(float)
    now = window.dropna().to_numpy().astype(np.float32).astype(float)
    old, new = old[:-1], new[:-1]
    ks, what = kolmogorov_smirnov(old, new), "Kolmogorov-Smirnov, values beside bins"
    yield _bounded(what, "scipy", ks, float(stats.ks_2samp(before, now).statistic))
    yield _bounded(what, "NannyML", ks, told["NannyML"]["kolmogorov_smirnov"])
    sd = float(before.std())
    ends = float(min(before.min(), now.min())), float(max(before.max(), now.max()))
    w1 = wasserstein(old, new, profile.edges, *ends, sd)
    what = "Wasserstein over sd, values beside bins"
    yield _bounded(what, "scipy", w1, float(stats.wasserstein_distance(before, now)) / sd)
    yield _bounded(what, "Evidently", w1, told["Evidently"]["wasserstein"])
    yield _bounded(what, "NannyML", w1, told["NannyML"]["wasserstein"] / sd)


def _same(what: str, other: str, ours: float, theirs: float) -> Compared:
    close = ROUNDING * max(1.0, abs(ours))
    return Compared(what, other, ours, theirs, ours - close, ours + close)


def _bounded(what: str, other: str, ours: Bounded, theirs: float) -> Compared:
    return Compared(what, other, ours.value, theirs, ours.low, ours.high)


def estimates() -> list[Compared]:
    """Compare what is expected of a model of two classes before labels come with NannyML's CBPE.

    Scores are logistic of a normal; rows of the window have others than those of the reference.
    NannyML gets them twice: as the rate of their bin, where all must be equal, and as they are.
    """
    rng, found = np.random.default_rng(11), []
    for mean, width in ((-1.0, 1.5), (-0.3, 1.5), (-1.5, 1.0)):
        logits = [rng.normal(-1.0, 1.5, 20_000), rng.normal(mean, width, 5_000)]
        scores = [1 / (1 + np.exp(-x)) for x in logits]
        labels = (rng.random(20_000) < scores[0]).astype(int)
        inner = np.quantile(scores[0], np.arange(1, SCORE_BINS) / SCORE_BINS)
        edges = np.unique([*inner, 0.5])
        places = [np.searchsorted(edges, x, "right") for x in scores]
        rows = [np.bincount(p, minlength=len(edges) + 1) for p in places]
        right = np.bincount(places[0], labels, minlength=len(edges) + 1)
        rates = isotonic_rates(right.tolist(), rows[0].tolist())
        first = int(np.searchsorted(edges, 0.5)) + 1
        ours = two_classes(rates, rows[0].tolist(), rows[1].tolist(), first)
        told = [np.array(rates)[p] for p in places]
        of_bins = _cbpe(told, labels, scores, "as they are")
        of_rows = _cbpe(scores, labels, scores, "calibrate")
        share = rows[1] / rows[1].sum()
        around = [rates[0], *rates, rates[-1]]
        apart = np.array(around[2:]) - np.array(around[:-2])
        binning = float((share * apart).sum() / 2)
        for metric, theirs in of_bins.items():
            what = f"{metric} before labels, a bin's rate for each row"
            found.append(_near(what, ours[metric].value, theirs, 1e-6))
        for metric in ("accuracy", "roc_auc"):
            what = f"{metric} before labels, raw scores beside {SCORE_BINS} bins"
            bound = binning + ours[metric].bound
            found.append(_near(what, ours[metric].value, of_rows[metric], bound))
    return found


def _near(what: str, ours: float, theirs: float, bound: float) -> Compared:
    return Compared(what, "NannyML", ours, theirs, ours - bound, ours + bound)


def _cbpe(
    told: Sequence[NDArray[np.float64]],
    labels: NDArray[np.int64],
    scores: Sequence[NDArray[np.float64]],
    calibrates: str,
) -> dict[str, float]:
    """Return what NannyML expects of the window, where reference and window are told so."""
    with tempfile.TemporaryDirectory() as folder:
        for name, score, raw in zip(("reference", "window"), told, scores, strict=True):
            rows = pd.DataFrame({"score": score, "predicted": (raw >= 0.5).astype(int)})
            if name == "reference":
                rows["label"] = labels
            rows.to_parquet(Path(folder) / f"{name}.parquet", index=False)
        script = Path(__file__).with_name("cbpe_by_nannyml.py")
        found: dict[str, float] = run("nannyml", script, folder, calibrates)
    return found


def rows(found: Sequence[Compared]) -> list[str]:
    """Return the table: the largest difference of each kind, and what binning may do there."""
    lines = [
        "| | beside | numbers | largest difference | where it may be at most | within |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for what, other in dict.fromkeys((c.what, c.other) for c in found):
        ours = [c for c in found if (c.what, c.other) == (what, other)]
        worst = max(ours, key=lambda c: abs(c.theirs - c.ours))
        bound = max(worst.high - worst.ours, worst.ours - worst.low)
        cells = [f"{len(ours)}", _few(abs(worst.theirs - worst.ours)), _few(bound)]
        agree = f"{sum(c.agrees for c in ours)} of {len(ours)}"
        lines.append(f"| {what} | {other} | {' | '.join(cells)} | {agree} |")
    return lines


def _few(x: float) -> str:
    return "0" if x < 1e-8 else f"{x:.2g}"
