"""Ways to keep a model beside one another, as a table of Markdown."""

import pandas as pd

from fraud.measured import by_month, days_to_recover
from fraud.policies import Policy


def comparison(rows: pd.DataFrame, policies: list[Policy]) -> str:
    """Return what came of each: average precision by month, and what people would see.

    Args:
        rows: the payments that were scored, with ``day`` and ``fraud``.
        policies: each with a score for each payment.
    """
    measured = [by_month(rows, policy.scores) for policy in policies]
    months = [m.month for m in measured[0]]
    lines = [
        f"| average precision in month | {' | '.join(map(str, months))} |",
        f"| --- {'| ---: ' * len(months)}|",
    ]
    for policy, found in zip(policies, measured, strict=True):
        numbers = " | ".join(f"{m.average_precision:.2f}" for m in found)
        lines.append(f"| {policy.name} | {numbers} |")
    lines += [
        "",
        "| within the 1 % that people look at | frauds found | false alarms | retrainings "
        "| days until the new scheme is found |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for policy, found in zip(policies, measured, strict=True):
        recall = sum(m.recall for m in found) / len(found)
        false = sum(m.false_positives for m in found)
        days = days_to_recover(rows, policy.scores)
        shown = "never" if days is None else f"{days:.0f}"
        numbers = f"{recall:.0%} | {false:,} | {policy.retrainings} | {shown}"
        lines.append(f"| {policy.name} | {numbers} |")
    return "\n".join(lines)
