"""What is compared: a profile's counts beside those of live traffic."""

from collections.abc import Sequence

from perennial.api.monitor import DriftTest, MonitorSpec
from perennial.api.values import seconds
from perennial_artifact.profile import FeatureProfile
from perennial_artifact.windows import Column
from perennial_statistics.drift import Counts, Feature, Settings


def features(
    tests: Sequence[DriftTest], pairs: Sequence[tuple[FeatureProfile, Column]]
) -> list[Feature]:
    """Return what is tested: without tests all features; else those that a test is about.

    A feature belongs to the first test that names it, or that names none.
    """
    found = []
    for profile, window in pairs:
        test = next((t for t in tests if not t.features or profile.name in t.features), None)
        if tests and test is None:
            continue
        reference, live = counts(profile, window)
        threshold = test.threshold if test is not None else None
        ordered = profile.kind == "Numeric"
        found.append(
            Feature(
                profile.name,
                ordered,
                reference,
                live,
                threshold=threshold,
                constant=_is_constant(profile, window),
            )
        )
    return found


def _is_constant(profile: FeatureProfile, window: Column) -> bool:
    """Tell whether all values that are not missing are one, as far as that is counted."""
    if profile.kind == "Numeric":
        return window.constant is not None
    return not window.other and sum(1 for n in window.counts if n) == 1


def counts(profile: FeatureProfile, window: Column) -> tuple[Counts, Counts]:
    """Return a profile's counts and live ones as the statistics take them."""
    return (
        Counts(tuple(profile.counts), profile.other, profile.missing),
        Counts(tuple(window.counts), window.other, window.missing, window.out_of_range),
    )


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
        alpha=spec.alpha,
        minimum_effect=spec.minimum_effect,
        minimum_samples=spec.minimum_samples,
        missing=spec.quality.missing.maximum,
        out_of_range=spec.quality.out_of_range.maximum,
        unseen_category=spec.quality.unseen_category.maximum,
        constant=spec.quality.constant != "Disabled",
    )
