"""Drift of many features at once: which differ from the reference beyond chance and beyond what is
usual, and which have bad values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from perennial_statistics.cells import (
    Groups,
    added_up,
    category_groups,
    expects_missing,
    ordered_groups,
)
from perennial_statistics.chi_square import chi_square_tail, g_test
from perennial_statistics.chosen_effect import Effect, Scale, distance
from perennial_statistics.design_effect import (
    INDEPENDENT,
    DesignEffect,
    corrected_p,
    design_effect,
)
from perennial_statistics.effect import excess, pooled_psi
from perennial_statistics.multiple_testing import benjamini_hochberg, holm
from perennial_statistics.quality import (
    MISSING_BEYOND_USUAL,
    OUT_OF_RANGE,
    UNSEEN_CATEGORY,
    Check,
    QualityTest,
    constant,
    missing_values,
    out_of_range,
    unseen_categories,
)
from perennial_statistics.usual_drift import (
    BLIND_AT_FIRST,
    NEED_AT_FIRST,
    NEWEST_AT_FIRST,
    UsualDrift,
    needed,
)

SLICES = 24
NEWEST_SLICES = 6
FEWEST_VALUES = 50
"""Values that are not missing, of either sample, below which only missing values are tested."""
FALSE_DISCOVERIES = 0.01

Span = Literal["Window", "Newest"]

NEWEST_SAMPLES = 0.5
"""The newest quarter is tested by itself from this part of the rows on that a window needs."""


@dataclass(frozen=True)
class Counts:
    """Rows of one feature: by bin or listed category, of all other categories, and missing."""

    values: tuple[float, ...]
    other: float = 0
    missing: float = 0
    out_of_range: float = 0
    """Values beyond the reference's range; they are in ``values`` too."""

    @property
    def present(self) -> float:
        """Rows that have a value."""
        return sum(self.values) + self.other

    @property
    def rows(self) -> float:
        """All rows."""
        return self.present + self.missing


@dataclass(frozen=True)
class Feature:
    """What is known of one feature: its reference, and the window whole and in slices of time."""

    name: str
    ordered: bool
    """A number in bins; else a category."""
    reference: Counts
    window: Counts
    newest: Counts | None = None
    """The newest quarter of the window, where it is to be tested by itself."""
    slices: tuple[Counts, ...] = ()
    """The window in equal slices, the oldest first; without them rows are taken as independent.
    Only features that would alarm without need them: with them p-values only rise, so no verdict
    of another feature changes."""
    newest_slices: int | None = None
    """How many of them are in the newest quarter; None where none is missing: a quarter of them."""
    threshold: float | None = None
    """A score that replaces what drift needs; the p-value is asked for all the same."""
    constant: bool = False
    """All values of the window that are not missing are one."""
    effect: Effect = "PopulationStabilityIndex"
    """What the score is; another one than the index needs a threshold."""
    scale: Scale | None = None
    """Of a number, where that effect needs it."""
    whole: Counts | None = None
    """All rows that the range and the categories are known of, where the reference is a part."""
    any_hour: bool = False
    """The reference is of all hours of the day, the window of some that are not known of it."""


def added(slices: Sequence[Counts]) -> Counts:
    """Return the sum of counts, such as the window from its slices or from many pods.

    Raises:
        ValueError: there is none, or their bins differ.
    """
    if not slices:
        raise ValueError("there are no counts to add up")
    return Counts(
        values=tuple(sum(column) for column in zip(*(s.values for s in slices), strict=True)),
        other=sum(s.other for s in slices),
        missing=sum(s.missing for s in slices),
        out_of_range=sum(s.out_of_range for s in slices),
    )


@dataclass(frozen=True)
class Settings:
    """What counts as drift. Times in seconds."""

    window: float
    interval: float
    watched: float
    """Since when this reference is compared with."""
    alpha: float = 0.0005
    """Chance of any false alarm in one window's length."""
    minimum_effect: float = 0.02
    minimum_samples: int = 500
    """Rows that a window needs, and its newest quarter half of to be tested by itself."""
    missing: float | None = MISSING_BEYOND_USUAL
    out_of_range: float | None = OUT_OF_RANGE
    unseen_category: float | None = UNSEEN_CATEGORY
    constant: bool = True
    """A column that varied may not be constant."""


Usual = Mapping[tuple[str, Span], UsualDrift]
"""What is usual of a feature, by its name: of the whole window, and of its newest quarter, whose
fewer rows and shorter time are off by more."""


class FeatureDrift(NamedTuple):
    """One feature's score beside the score that drift needs, and the chance of its difference."""

    feature: str
    span: Span
    score: float
    """The population stability index beyond what chance gives, or the effect that was chosen."""
    need: float
    drifted: bool
    enough: bool
    """Both samples have 50 values; with fewer only missing values are compared."""
    effect: Effect
    g: float
    df: int
    design: DesignEffect
    held: bool = False
    """It would have drifted, but for that the time of day may bring it."""

    @property
    def p(self) -> float:
        """Return the chance of such a difference without drift."""
        return corrected_p(self.g, self.df, self.design)

    @property
    def phi(self) -> float:
        """Return how many rows of the window say as much as one that is like no other."""
        return self.design.phi


@dataclass(frozen=True)
class QualityBreach:
    """A feature whose values break a limit, beyond chance."""

    feature: str
    check: Check
    share: float
    limit: float
    p: float


@dataclass(frozen=True)
class DriftReport:
    """All features, the worst first; ``alpha`` is what adjusted p-values were held against."""

    features: tuple[FeatureDrift, ...]
    breaches: tuple[QualityBreach, ...]
    suspects: tuple[str, ...]
    """Features that may differ at a false discovery rate of 1 %: shown, no alarm."""
    alpha: float

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the features that drifted, the worst first, each once."""
        return tuple(dict.fromkeys(f.feature for f in self.features if f.drifted))

    @property
    def held(self) -> tuple[FeatureDrift, ...]:
        """Features that would have drifted, but for that the time of day may bring it."""
        return tuple(f for f in self.features if f.held)

    @property
    def alarming(self) -> tuple[str, ...]:
        """Names of the features that drifted or break a limit: of these alone slices matter.

        With them p-values only rise and scores only fall, so no other feature's verdict changes.
        """
        return tuple(dict.fromkeys((*self.drifted, *(b.feature for b in self.breaches))))


class _Tested(NamedTuple):
    feature: Feature
    score: float
    g: float
    df: int
    design: DesignEffect
    enough: bool
    quality: tuple[QualityTest, ...]


def judge_drift(features: Sequence[Feature], settings: Settings, usual: Usual) -> DriftReport:
    """Return what differs from the reference: beyond chance, and by more than is usual.

    A feature drifted where Holm's step-down rejects at alpha, and its score reaches what is needed.
    On the first days that is more for one whose hours are not known; what falls short is held.
    Each of two spans, the whole window and its newest quarter, has half of alpha; looks that
    overlap share it by interval / window.

    Args:
        features: every feature and prediction.
        settings: what counts as drift.
        usual: what each is usually off; one that is not there is new.
    """
    spans: dict[Span, list[Feature]] = {"Window": list(features)}
    fewest = NEWEST_SAMPLES * settings.minimum_samples
    newest = [f for f in features if f.newest is not None and f.newest.rows >= fewest]
    if newest:
        spans["Newest"] = newest
    alpha = settings.alpha * min(1.0, settings.interval / settings.window) / len(spans)
    drifts: list[FeatureDrift] = []
    breaches: list[QualityBreach] = []
    suspects: dict[str, None] = {}
    for span, ours in spans.items():
        tested = [_test(f, span, settings) for f in ours]
        found, broken = _rejected(tested, settings, alpha)
        drifts += _drifts(tested, span, settings, usual, found.rejected)
        breaches += broken
        suspects |= dict.fromkeys(tested[i].feature.name for i in found.suspected)
    drifts.sort(key=lambda d: (not d.drifted, -d.score / d.need if d.need else 0.0, d.feature))
    breaches.sort(key=lambda b: (-b.share, b.feature, b.check))
    return DriftReport(tuple(drifts), tuple(breaches), tuple(suspects), alpha)


class _Found(NamedTuple):
    """Positions of features, in the order of their tests."""

    rejected: frozenset[int]
    """By Holm: they differ beyond chance."""
    suspected: tuple[int, ...]
    """By Benjamini and Hochberg: they may."""


def _rejected(
    tested: Sequence[_Tested], settings: Settings, alpha: float
) -> tuple[_Found, list[QualityBreach]]:
    """Return which tests of one span reject, of the features and of their values.

    Both step-down and step-up look at small p-values only, so the others are not computed: of a
    thousand features ten or so.
    """
    largest = max(alpha, FALSE_DISCOVERIES)
    small = {
        i: p
        for i, t in enumerate(tested)
        if not _is_likely(t, largest) and (p := corrected_p(t.g, t.df, t.design)) <= largest
    }
    checks = [(t.feature.name, q) for t in tested for q in t.quality]
    bad = [(name, q) for name, q in checks if q.p <= largest]
    p_values = [*small.values(), *(q.p for _, q in bad)]
    adjusted = holm(p_values, len(tested) + len(checks))
    discovered = benjamini_hochberg(list(small.values()), len(tested))
    found = _Found(
        frozenset(i for i, p in zip(small, adjusted, strict=False) if p <= alpha),
        tuple(i for i, q in zip(small, discovered, strict=True) if q <= FALSE_DISCOVERIES),
    )
    breaches = []
    for (name, q), adjusted_p in zip(bad, adjusted[len(small) :], strict=True):
        limit = _limit(settings, q.check)
        if limit is not None and adjusted_p <= alpha and q.share > limit:
            breaches.append(QualityBreach(name, q.check, q.share, limit, q.p))
    return found, breaches


def _is_likely(tested: _Tested, p: float) -> bool:
    """Tell whether the p-value is certainly larger, as most are: a look instead of an integral."""
    return not tested.design.clear and tested.g < tested.design.phi * _quantile(tested.df, p)


@lru_cache(maxsize=1024)
def _quantile(df: int, p: float) -> float:
    """Return a little less than the chi-square that is exceeded with this chance, by bisection."""
    if df < 1:
        return math.inf
    low, high = 0.0, 1.0
    while chi_square_tail(high, df) > p:
        low, high = high, 2 * high
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if chi_square_tail(middle, df) > p else (low, middle)
    return low * (1 - 1e-6)


def _drifts(
    tested: Sequence[_Tested],
    span: Span,
    settings: Settings,
    usual: Usual,
    rejected: frozenset[int],
) -> list[FeatureDrift]:
    """Return what each feature of a span came to."""
    at_first = NEED_AT_FIRST if span == "Window" else NEWEST_AT_FIRST
    smallest, watched, window = settings.minimum_effect, settings.watched, settings.window
    of_new = needed(UsualDrift(), smallest, watched, window, at_first)
    drifts = []
    for i, t in enumerate(tested):
        name, need = t.feature.name, t.feature.threshold
        known = usual.get((name, span))
        least = need if need is not None else of_new
        if need is None and known is not None:
            least = needed(known, smallest, watched, window, at_first)
        if need is None and t.feature.any_hour:
            known = known or UsualDrift()
            need = needed(known, smallest, watched, window, BLIND_AT_FIRST * at_first)
        need = need if need is not None else least
        over, effect = i in rejected and t.score >= least, t.feature.effect
        drifted = over and t.score >= need
        held = over and not drifted
        drifts.append(
            FeatureDrift(
                name, span, t.score, need, drifted, t.enough, effect, t.g, t.df, t.design, held
            )
        )
    return drifts


def learned(report: DriftReport, usual: Usual) -> dict[tuple[str, Span], UsualDrift]:
    """Return what is usual after a look, for the features of the report.

    Of a feature that alarms over one span, the other one teaches nothing: it has those rows, too.
    Nor does a score that is another effect than the index. What is held is learned as an alarm is:
    it becomes usual where it ends by itself, and alarms where the first day ends before.
    """
    off = {f.feature for f in report.features if f.drifted or f.held}
    found = {}
    for f in report.features:
        if f.effect != "PopulationStabilityIndex":
            continue
        key = (f.feature, f.span)
        known = usual.get(key, UsualDrift())
        is_off = f.drifted or f.held
        teaches = is_off or f.feature not in off
        found[key] = known.after(f.score, is_off) if teaches else known
    return found


def _limit(settings: Settings, check: Check) -> float | None:
    return {
        "Missing": settings.missing,
        "OutOfRange": settings.out_of_range,
        "UnseenCategory": settings.unseen_category,
        "Constant": 0.0 if settings.constant else None,
    }.get(check)


def _test(feature: Feature, span: Span, settings: Settings) -> _Tested:
    """Test one feature over one span."""
    reference = feature.reference
    window = feature.window if span == "Window" or feature.newest is None else feature.newest
    slices = feature.slices
    if span == "Newest":
        # What is new may itself be what makes slices differ: only the older ones tell.
        late = feature.newest_slices
        late = late if late is not None else len(slices) * NEWEST_SLICES // SLICES
        slices = slices[: len(slices) - late]
    old, new = _values(feature, reference), _values(feature, window)
    n, m = sum(old), sum(new)
    few = min(n, m) < FEWEST_VALUES
    with_missing = expects_missing(
        reference.missing, window.missing, n + reference.missing, m + window.missing
    )
    if few:
        groups: Groups = (tuple(range(len(old))),)
    elif feature.ordered:
        groups = ordered_groups(old, new)
    else:
        groups = category_groups(old, new)
    r, c = added_up(old, groups), added_up(new, groups)
    if with_missing:
        r, c = [*r, reference.missing], [*c, window.missing]
        n, m = n + reference.missing, m + window.missing
    found = g_test(r, c)
    design = INDEPENDENT
    if slices:
        told = [added_up(_values(feature, s), groups) for s in slices]
        missing = [[s.missing] if with_missing else [] for s in slices]
        design = design_effect([[*a, *b] for a, b in zip(told, missing, strict=True)])
    if not found.df:
        score = 0.0
    elif feature.effect == "PopulationStabilityIndex":
        score = excess(pooled_psi(r, c), found.df, n, m, design.phi)
    else:
        score = 0.0 if few else distance(feature.effect, old, new, feature.scale)
    quality = _quality(feature, window, design, settings) if span == "Window" else ()
    return _Tested(feature, score, found.g, found.df, design, not few, tuple(quality))


def _values(feature: Feature, counts: Counts) -> Sequence[float]:
    """Return the cells of what is not missing."""
    return counts.values if feature.ordered else (*counts.values, counts.other)


def _quality(
    feature: Feature, window: Counts, effect: DesignEffect, settings: Settings
) -> list[QualityTest]:
    reference, tests = feature.reference, []
    whole = feature.whole or reference
    phi = effect.phi_of_counts
    if settings.missing is not None:
        slices = [(s.missing, s.present) for s in feature.slices]
        own = design_effect(slices) if slices else INDEPENDENT
        tests.append(
            missing_values(reference.missing, reference.rows, window.missing, window.rows, own)
        )
    if feature.ordered and settings.out_of_range is not None:
        tests.append(out_of_range(window.out_of_range, window.present, whole.present, phi))
    # Where the reference has others of its own, what is new cannot be told from them: then others
    # are a cell of the feature's own test, which sees them grow.
    if not feature.ordered and not whole.other and settings.unseen_category is not None:
        once, twice = whole.values.count(1), whole.values.count(2)
        unseen, rows = window.other, window.present
        tests.append(unseen_categories(unseen, rows, whole.present, once, phi, twice))
    if settings.constant and min(reference.present, window.present) >= FEWEST_VALUES:
        cells = reference.values if feature.ordered else (*reference.values, reference.other)
        tests.append(constant(feature.constant, cells, window.present, phi))
    return tests
