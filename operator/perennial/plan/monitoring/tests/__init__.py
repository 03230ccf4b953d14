"""What is tested of live traffic: a file a test, each with its condition."""

from perennial.plan.monitoring.finding import Judge, JudgeReport
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
OF_REPORT: tuple[JudgeReport, ...] = (performance.of_report,)
"""What a report tells is judged once it has ended, whenever the traffic is looked at."""
