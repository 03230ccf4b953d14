"""What is tested of live traffic: a file a test, each with its condition."""

from perennial.plan.monitoring.finding import Judge
from perennial.plan.monitoring.tests import (
    behaviour,
    drift,
    estimated,
    mix,
    performance,
    quality,
)

TESTS: dict[str, Judge] = {
    "drift": drift.judge,
    "quality": quality.judge,
    "performance": performance.judge,
    "estimated": estimated.judge,
    "behaviour": behaviour.judge,
    "mix": mix.judge,
}
"""In the order of their conditions in the status."""
