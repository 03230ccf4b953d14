"""What is tested of live traffic: a file a test, each with its condition."""

from perennial.plan.monitoring.finding import Judge
from perennial.plan.monitoring.tests import drift, quality

TESTS: dict[str, Judge] = {
    "Drifted": drift.judge,
    "QualityPassed": quality.judge,
}
"""By the condition that each gives, in the order of the status."""
