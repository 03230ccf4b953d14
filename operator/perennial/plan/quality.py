"""Quality of the live values: missing, out of range, unseen category."""

from collections.abc import Sequence

from perennial.api.monitor import Quality, QualityBreach
from perennial.plan.drift import Compared


def breaches(quality: Quality, compared: Sequence[Compared]) -> list[QualityBreach]:
    """Return the broken limits, the worst first."""
    found = []
    for c in compared:
        seen = sum(c.window.counts) + c.window.other
        rows = seen + c.window.missing
        if not rows:
            continue
        known = sum(c.profile.counts) + c.profile.other + c.profile.missing
        usual = c.profile.missing / known if known else 0.0
        # A column that was always half empty may stay so: only what is beyond that counts.
        checks = (
            ("Missing", quality.missing, max(0.0, c.window.missing / rows - usual)),
            ("OutOfRange", quality.out_of_range, c.window.out_of_range / rows),
            ("UnseenCategory", quality.unseen_category, _unseen(c, rows)),
        )
        for check, limit, fraction in checks:
            if limit is not None and fraction > limit.maximum_fraction:
                found.append(
                    QualityBreach(
                        feature=c.profile.name,
                        check=check,
                        fraction=round(fraction, 4),
                        maximum=limit.maximum_fraction,
                    )
                )
    return sorted(found, key=lambda b: (-b.fraction, b.feature, b.check))


def _unseen(c: Compared, rows: int) -> float:
    """Return the share of unlisted categories; a profile with a tail of its own has known them."""
    return 0.0 if c.profile.other else c.window.other / rows
