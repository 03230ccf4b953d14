"""Whether a metric is worse in a part of the rows than in the others."""

import math

from perennial_statistics.means import Moments


def more_events(rows: int, events: int, other_rows: int, other_events: int) -> float:
    """Return the chance of so many events among ``rows``, or more, where all rows are alike.

    Fisher's exact test (1922), one-sided: the upper tail of the hypergeometric distribution.
    """
    total, marked = rows + other_rows, events + other_events
    highest = min(rows, marked)
    if events <= 0 or total <= 0 or events > highest:
        return 1.0
    whole = _log_choose(total, rows)
    tail = 0.0
    for x in range(events, highest + 1):
        if rows - x > total - marked:
            continue
        term = math.exp(_log_choose(marked, x) + _log_choose(total - marked, rows - x) - whole)
        tail += term
        if x > events and term < tail * 1e-12:
            break
    return min(1.0, tail)


def higher_mean(these: Moments, others: Moments) -> float:
    """Return the chance of a mean that is so much higher than the others', where it is not.

    By Welch's statistic (1947) and the normal distribution: for 30 rows or more on both sides.
    """
    if these.rows < 2 or others.rows < 2:
        return 1.0
    spread = math.sqrt(_variance(these) / these.rows + _variance(others) / others.rows)
    difference = these.total / these.rows - others.total / others.rows
    if spread == 0:
        return 0.0 if difference > 0 else 1.0
    return 0.5 * math.erfc(difference / spread / math.sqrt(2))


def _variance(found: Moments) -> float:
    return found.within / (found.rows - 1)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
