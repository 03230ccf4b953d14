"""What is compared: a profile's counts beside those of live traffic."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from perennial.api.monitor import DriftTest, MonitorSpec
from perennial.api.values import seconds
from perennial.plan.monitoring.alpha import alpha_of_each
from perennial_artifact.profile import FeatureProfile
from perennial_artifact.windows import Column
from perennial_statistics.chosen_effect import OF_NUMBERS, Scale
from perennial_statistics.drift import Counts, Feature, Settings, added


def features(
    tests: Sequence[DriftTest],
    pairs: Sequence[tuple[FeatureProfile, Column]],
    newest: Sequence[Column] | None = None,
    whole: Sequence[FeatureProfile] | None = None,
    any_hour: Collection[str] = (),
) -> list[Feature]:
    """Return what is tested: without tests all features; else those that a test is about.

    A feature belongs to the first test that names it, or that names none; a test by an effect that
    needs an order names no categories where it names none.

    Args:
        tests: of the spec.
        pairs: features and predictions, with what was counted of them in the window.
        newest: what was counted of each in its newest quarter.
        whole: profiles of all rows, where those of ``pairs`` are of some hours.
        any_hour: names of those that were asked for by the hour, and are known of all rows only.
    """
    all_rows: Sequence[FeatureProfile | None] = whole if whole is not None else [None] * len(pairs)
    found = []
    quarter: Sequence[Column | None] = newest if newest is not None else [None] * len(pairs)
    for (profile, window), late, every in zip(pairs, quarter, all_rows, strict=True):
        test = next((t for t in tests if _is_about(t, profile)), None)
        if tests and test is None:
            continue
        reference, live = counts(profile, window)
        threshold = test.threshold if test is not None else None
        effect = test.effect if test is not None else None
        ordered = profile.kind == "Numeric"
        found.append(
            Feature(
                profile.name,
                ordered,
                reference,
                live,
                newest=_counts(late) if late is not None else None,
                threshold=threshold,
                constant=_is_constant(profile, window),
                effect=effect or "PopulationStabilityIndex",
                scale=_scale(profile) if effect == "Wasserstein" else None,
                whole=counts(every, window)[0] if every is not None else None,
                any_hour=profile.name in any_hour,
            )
        )
    return found


def _is_constant(profile: FeatureProfile, window: Column) -> bool:
    """Tell whether all values that are not missing are one, as far as that is counted."""
    if profile.kind == "Numeric":
        return window.constant is not None
    return not window.other and sum(1 for n in window.counts if n) == 1


def misfit(tests: Sequence[DriftTest], profiles: Sequence[FeatureProfile]) -> str:
    """Return why a test cannot be done on these features, nothing where all can."""
    for test in tests:
        categories = [
            p.name for p in profiles if p.kind == "Categorical" and p.name in test.features
        ]
        if test.effect in OF_NUMBERS and categories:
            return f"{test.effect} is of numbers, and {', '.join(categories)} is a category"
        unscaled = [p.name for p in profiles if _is_about(test, p) and _scale(p) is None]
        if test.effect == "Wasserstein" and unscaled:
            return (
                f"how widely {', '.join(unscaled[:3])} varies is not in the version's profile: "
                "train it anew, or choose another effect than Wasserstein"
            )
    return ""


def _is_about(test: DriftTest, profile: FeatureProfile) -> bool:
    if test.features:
        return profile.name in test.features
    return profile.kind == "Numeric" or test.effect not in OF_NUMBERS


def _scale(profile: FeatureProfile) -> Scale | None:
    lowest, highest, deviation = profile.minimum, profile.maximum, profile.deviation
    if lowest is None or highest is None or deviation is None:
        return None
    return Scale(tuple(profile.edges), lowest, highest, deviation)


def with_slices(
    tested: Sequence[Feature],
    names: Collection[str],
    columns: Sequence[str],
    slices: Sequence[Sequence[Column]],
    newest: int,
) -> list[Feature]:
    """Return what is tested, some features with their slices.

    Args:
        tested: what is.
        names: of the features that get their slices.
        columns: names of all columns that are counted, in their order.
        slices: what was counted of each, the oldest slice first.
        newest: how many slices are in the newest quarter of the window.
    """
    place = {name: n for n, name in enumerate(columns)}
    return [
        replace(
            f,
            slices=tuple(_counts(counted[place[f.name]]) for counted in slices),
            newest_slices=newest,
        )
        if f.name in names
        else f
        for f in tested
    ]


def of_slices(f: Feature) -> Feature:
    """Return a feature as its slices alone show it: with their rows, and no others."""
    if not f.slices:
        return f
    late = f.slices[len(f.slices) - (f.newest_slices or 0) :]
    newest = added(late) if late and f.newest is not None else None
    return replace(f, window=added(f.slices), newest=newest)


def counts(profile: FeatureProfile, window: Column) -> tuple[Counts, Counts]:
    """Return a profile's counts and live ones as the statistics take them."""
    return Counts(tuple(profile.counts), profile.other, profile.missing), _counts(window)


def _counts(column: Column) -> Counts:
    return Counts(tuple(column.counts), column.other, column.missing, column.out_of_range)


def settings(spec: MonitorSpec, watched: float) -> Settings:
    """Return what counts as drift, and as bad values.

    Args:
        spec: of the monitor.
        watched: seconds since this reference is compared with.
    """
    return Settings(
        window=seconds(spec.window),
        interval=seconds(spec.interval),
        watched=max(0.0, watched),
        alpha=alpha_of_each(spec),
        minimum_effect=spec.minimum_effect,
        minimum_samples=spec.minimum_samples,
        missing=spec.quality.missing.maximum,
        out_of_range=spec.quality.out_of_range.maximum,
        unseen_category=spec.quality.unseen_category.maximum,
        constant=spec.quality.constant != "Disabled",
    )
