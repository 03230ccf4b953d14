"""How a monitor's tests share the chance of a false alarm that it may have as a whole."""

from perennial.api.monitor import MonitorSpec


def alpha_of_each(spec: MonitorSpec) -> float:
    """Return the chance of a false alarm that each test may have in a window's length.

    ``spec.alpha`` in equal parts (Bonferroni), one for each test that is asked for: all values
    together, requests that are refused, rows that repeat another one, all mixes together,
    performance, and its estimate. What is asked for is known before anything came, so that all of
    them keep the promise however they depend on each other. Volume has a band of its own.
    """
    behaviour, performance = spec.behaviour, spec.performance
    asked = (
        True,
        spec.quality.refused_maximum < 1,
        spec.report is not None and spec.quality.duplicates_maximum < 1,
        behaviour is not None and behaviour.mix is not None,
        performance is not None and bool(performance.metrics),
        performance is not None and performance.estimated is not None,
    )
    return spec.alpha / sum(asked)
