"""Drift of many features at once: which differ from the reference beyond chance and beyond what is
usual, and which have bad values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from perennial_statistics.cells import (
    added_up,
    category_groups,
    expects_missing,
    ordered_groups,
)
from perennial_statistics.chi_square import g_test
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
from perennial_statistics.usual_drift import NEED_AT_FIRST, NEWEST_AT_FIRST, UsualDrift, needed

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

    @cached_property
    def present(self) -> float:
        """Rows that have a value."""
        return sum(self.values) + self.other

    @cached_property
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
    threshold: float | None = None
    """A score that replaces what drift needs; the p-value is asked for all the same."""
    constant: bool = False
    """All values of the window that are not missing are one."""
    effect: Effect = "PopulationStabilityIndex"
    """What the score is; another one than the index needs a threshold."""
    scale: Scale | None = None
    """Of a number, where that effect needs it."""


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


@dataclass(frozen=True)
class FeatureDrift:
    """One feature's score beside the score that drift needs, and its p-value beside the others'."""

    feature: str
    span: Span
    score: float
    """The population stability index beyond what chance gives, or the effect that was chosen."""
    need: float
    p: float
    adjusted_p: float
    phi: float
    drifted: bool
    reference_rows: float
    window_rows: float
    enough: bool
    """Both samples have 50 values; with fewer only missing values are compared."""
    effect: Effect = "PopulationStabilityIndex"


@dataclass(frozen=True)
class QualityBreach:
    """A feature whose values break a limit, beyond chance."""

    feature: str
    check: Check
    share: float
    limit: float
    p: float
    adjusted_p: float


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
    def alarming(self) -> tuple[str, ...]:
        """Names of the features that drifted or break a limit: of these alone slices matter.

        With them p-values only rise and scores only fall, so no other feature's verdict changes.
        """
        return tuple(dict.fromkeys((*self.drifted, *(b.feature for b in self.breaches))))


class _Tested(NamedTuple):
    feature: Feature
    span: Span
    score: float
    p: float
    phi: float
    rows: float
    enough: bool
    quality: tuple[QualityTest, ...]


def judge_drift(features: Sequence[Feature], settings: Settings, usual: Usual) -> DriftReport:
    """Return what differs from the reference: beyond chance, and by more than is usual.

    A feature drifted where Holm's step-down rejects at alpha, and its score reaches what is needed.
    Each of two spans, the whole window and its newest quarter, has half of alpha; looks that
    overlap share it by interval / window.

    Args:
        features: every feature and prediction.
        settings: what counts as drift.
        usual: what each is usually off; one that is not there is new.
    """
    whole = [_test(f, "Window", settings) for f in features]
    newest = [
        _test(f, "Newest", settings)
        for f in features
        if f.newest is not None and f.newest.rows >= NEWEST_SAMPLES * settings.minimum_samples
    ]
    spans = [whole, newest] if newest else [whole]
    alpha = settings.alpha * min(1.0, settings.interval / settings.window) / len(spans)
    drifts: list[FeatureDrift] = []
    breaches: list[QualityBreach] = []
    suspects: dict[str, None] = {}
    for tested, at_first in zip(spans, (NEED_AT_FIRST, NEWEST_AT_FIRST), strict=False):
        p_values = [t.p for t in tested] + [q.p for t in tested for q in t.quality]
        adjusted = holm(p_values)
        for t, adjusted_p in zip(tested, adjusted, strict=False):
            known = usual.get((t.feature.name, t.span), UsualDrift())
            need = t.feature.threshold
            if need is None:
                need = needed(
                    known, settings.minimum_effect, settings.watched, settings.window, at_first
                )
            drifts.append(
                FeatureDrift(
                    feature=t.feature.name,
                    span=t.span,
                    score=t.score,
                    need=need,
                    p=t.p,
                    adjusted_p=adjusted_p,
                    phi=t.phi,
                    drifted=adjusted_p <= alpha and t.score >= need,
                    reference_rows=t.feature.reference.rows,
                    window_rows=t.rows,
                    enough=t.enough,
                    effect=t.feature.effect,
                )
            )
        rest = iter(adjusted[len(tested) :])
        for t in tested:
            for quality in t.quality:
                adjusted_p, limit = next(rest), _limit(settings, quality.check)
                if limit is not None and adjusted_p <= alpha and quality.share > limit:
                    name = t.feature.name
                    breaches.append(
                        QualityBreach(
                            name, quality.check, quality.share, limit, quality.p, adjusted_p
                        )
                    )
        discovered = benjamini_hochberg([t.p for t in tested])
        for t, q in zip(tested, discovered, strict=True):
            if q <= FALSE_DISCOVERIES:
                suspects[t.feature.name] = None
    drifts.sort(key=lambda d: (not d.drifted, -d.score / d.need if d.need else 0.0, d.feature))
    breaches.sort(key=lambda b: (-b.share, b.feature, b.check))
    return DriftReport(tuple(drifts), tuple(breaches), tuple(suspects), alpha)


def learned(report: DriftReport, usual: Usual) -> dict[tuple[str, Span], UsualDrift]:
    """Return what is usual after a look, for the features of the report.

    Of a feature that alarms over one span, the other one teaches nothing: it has those rows, too.
    Nor does a score that is another effect than the index.
    """
    drifted, found = set(report.drifted), {}
    for f in report.features:
        if f.effect != "PopulationStabilityIndex":
            continue
        key = (f.feature, f.span)
        known = usual.get(key, UsualDrift())
        teaches = f.drifted or f.feature not in drifted
        found[key] = known.after(f.score, f.drifted) if teaches else known
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
        slices = slices[: len(slices) - len(slices) * NEWEST_SLICES // SLICES]
    n, m = reference.rows, window.rows
    with_missing = expects_missing(reference.missing, window.missing, n, m)
    few = min(reference.present, window.present) < FEWEST_VALUES
    old = [*reference.values] if feature.ordered else [*reference.values, reference.other]
    new = [*window.values] if feature.ordered else [*window.values, window.other]
    if few:
        groups: tuple[tuple[int, ...], ...] = (tuple(range(len(old))),)
    elif feature.ordered:
        groups = ordered_groups(old, new)
    else:
        groups = category_groups(old, new)

    def cells(counts: Counts) -> list[float]:
        values = counts.values if feature.ordered else (*counts.values, counts.other)
        merged = added_up(values, groups)
        return [*merged, counts.missing] if with_missing else merged

    r, c = cells(reference), cells(window)
    found = g_test(r, c)
    effect = design_effect([cells(s) for s in slices]) if slices else INDEPENDENT
    if feature.effect == "PopulationStabilityIndex":
        score = excess(pooled_psi(r, c), found.df, sum(r), sum(c), effect.phi)
    else:
        score = 0.0 if few else distance(feature.effect, old, new, feature.scale)
    return _Tested(
        feature=feature,
        span=span,
        score=score if found.df else 0.0,
        p=corrected_p(found.g, found.df, effect),
        phi=effect.phi,
        rows=m,
        enough=not few,
        quality=tuple(_quality(feature, window, effect, settings)) if span == "Window" else (),
    )


def _quality(
    feature: Feature, window: Counts, effect: DesignEffect, settings: Settings
) -> list[QualityTest]:
    reference, tests = feature.reference, []
    phi = effect.phi if effect.clear else 1.0
    if settings.missing is not None:
        slices = [(s.missing, s.present) for s in feature.slices]
        own = design_effect(slices) if slices else INDEPENDENT
        tests.append(
            missing_values(reference.missing, reference.rows, window.missing, window.rows, own)
        )
    if feature.ordered and settings.out_of_range is not None:
        tests.append(out_of_range(window.out_of_range, window.present, reference.present, phi))
    # Where the reference has others of its own, what is new cannot be told from them: then others
    # are a cell of the feature's own test, which sees them grow.
    if not feature.ordered and not reference.other and settings.unseen_category is not None:
        once = sum(1 for count in reference.values if count == 1)
        tests.append(unseen_categories(window.other, window.present, reference.present, once, phi))
    if settings.constant and min(reference.present, window.present) >= FEWEST_VALUES:
        cells = reference.values if feature.ordered else (*reference.values, reference.other)
        tests.append(constant(feature.constant, cells, window.present, phi))
    return tests
