"""The chance of a false alarm of a monitor as a whole, whatever is asked of it."""

from typing import Any

import pytest
from builders import monitor
from test_bad_values import quality, with_usage
from test_monitor_decision import LIKE, window

from perennial.plan.monitoring.alpha import alpha_of_each
from perennial.plan.monitoring.compared import settings
from perennial_artifact.usage import Refusal
from perennial_statistics.design_effect import INDEPENDENT
from perennial_statistics.quality import refused

NO_REFUSALS: dict[str, Any] = {"quality": {"refused": {"maximum": 1}}}
MIX: dict[str, Any] = {"behaviour": {"mix": {"errors": {}}}}
PERFORMANCE: dict[str, Any] = {
    "performance": {
        "window": "1h",
        "metrics": [{"name": "accuracy", "accuracy": {"minimum": 0.9}}],
        "estimated": {"metric": "accuracy", "maximumDecrease": 0.05},
    }
}


@pytest.mark.parametrize(
    ("asked", "tests"),
    [
        (NO_REFUSALS, 1),
        ({}, 2),
        (MIX, 3),
        (PERFORMANCE, 4),
        ({**MIX, **PERFORMANCE}, 5),
        ({"behaviour": {"volume": {}}}, 2),
    ],
)
def test_all_tests_that_are_asked_for_have_it_together(asked: dict[str, Any], tests: int) -> None:
    spec = monitor({"alpha": 0.01, **asked}).spec
    assert alpha_of_each(spec) * tests == pytest.approx(0.01)
    assert settings(spec, 0.0).alpha == alpha_of_each(spec)


def test_refusals_that_would_alarm_alone_do_not_where_more_is_asked_for() -> None:
    """Before, each test had all of it: the more was asked, the more false alarms came."""
    spec = {"alpha": 0.0003, "interval": "1h", "window": "1h", "minimumSamples": 100}
    assert 0.0001 < refused(24 * 4, 24 * 54, 0.05, INDEPENDENT).p < 0.00015
    shown = with_usage(window(LIKE), 24 * 50, Refusal("Missing", "x", 4))
    asked = {**spec, "quality": {"refused": {"maximum": 0.05}}}
    assert quality(asked, shown)[0][0] == "False"
    assert quality({**asked, **MIX}, shown)[0][0] == "True"
