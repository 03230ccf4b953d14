"""The rule as it slides over days of traffic that is as it always was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unit.statistics.live_traffic import A_DAY, QUIET, stream, watch

DAYS, FEATURES = 8, 5


def rows() -> list[str]:
    """Return the table: windows that alarm on the first day and later, by traffic."""
    lines = [
        "| traffic | first day: windows that alarm | the days after | slices asked |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, traffic in QUIET.items():
        some = replace(traffic, features=FEATURES)
        found = watch(stream(some, DAYS * A_DAY, np.random.default_rng(1)))
        later = found.windows(A_DAY, DAYS * A_DAY)
        asked = found.asked / found.looks
        first = found.windows(0, A_DAY)
        lines.append(f"| {name} | {first} of 24 | {later} of {24 * (DAYS - 1)} | {asked:.1%} |")
    return lines
