"""Where pods stumble, what they did tell is enough: to see drift, and not to take bursts for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import NOW, conditions, monitor, training
from numpy.typing import NDArray
from test_monitor_decision import profile, serving, window

from perennial.plan.core.questions import Answer, Answers
from perennial.plan.monitoring import MonitorSnapshot, plan_monitor, refutable
from perennial.plan.monitoring.sliced import sliced
from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.windows import Window, merge

PODS, SLICES = 4, 24
Rows = NDArray[np.int64]
"""Of shape [pods, slices, bins]."""
Tells = Callable[[int, int], bool]
"""Whether a pod answers about a slice."""
SPEC = {
    "tests": [{"name": "x", "features": ["x"], "threshold": 0.01}],
    "interval": "5m",
    "minimumSamples": 500,
}
LEARNED = {"name": "x", "kind": "Numeric", "edges": [1, 2], "counts": [10_000] * 3}
PROFILE = Profile(rows=30_000, features=[FeatureProfile.from_plain(LEARNED), profile().features[1]])


def steady(shares: list[float], seed: int = 1, pods: int = PODS, each: int = 40) -> Rows:
    rng = np.random.default_rng(seed)
    return np.array([rng.multinomial(each, shares, SLICES) for _ in range(pods)])


def bursts(seed: int, each: int = 30) -> Rows:
    """Return rows of the reference's shares, but each pod's rows of a slice are all alike."""
    return each * steady([1 / 3] * 3, seed, each=1)


def told(windows: list[Window], answering: list[bool]) -> Answers:
    names = tuple(f"pod-{n}" for n in range(len(windows)))
    heard = [
        Answer(name, "r1", shown if answers else None)
        for name, shown, answers in zip(names, windows, answering, strict=True)
    ]
    return Answers({"r1": names}, int(NOW.timestamp()), tuple(heard))


def look(rows: Rows, tells: Tells, lost: Rows | None = None) -> Any:
    """Return the verdict on a window, once slices were asked for.

    Args:
        rows: what came.
        tells: who answers about which slice.
        lost: of it, what was told of the window, and then forgotten.
    """
    parts = [[window([int(n) for n in cells]) for cells in pod] for pod in rows]
    whole = [merge(pod) for pod in parts]
    snapshot = MonitorSnapshot(
        monitor(SPEC), NOW, serving(), training(), told(whole, [True] * len(rows)), PROFILE
    )
    if not refutable(snapshot, plan_monitor(snapshot)):
        return conditions(plan_monitor(snapshot))["Drifted"]
    left = rows if lost is None else rows - lost
    parts = [[window([int(n) for n in cells]) for cells in pod] for pod in left]
    slices = tuple(
        told([pod[n] for pod in parts], [tells(k, n) for k in range(len(rows))])
        for n in range(SLICES)
    )
    return conditions(plan_monitor(replace(snapshot, slices=slices)))["Drifted"]


def at_random(pod: int, n: int) -> bool:
    return bool(np.random.default_rng(100 * pod + n).random() > 0.08)


STUMBLING: dict[str, Tells] = {
    "all answer": lambda pod, n: True,
    "one never answers": lambda pod, n: pod != 2,
    "three of four never answer": lambda pod, n: pod == 2,
    "one answers every other time": lambda pod, n: pod != 1 or n % 2 == 0,
    "all answer every other time": lambda pod, n: n % 2 == 0,
    "one was away for a third": lambda pod, n: pod != 3 or n < 16,
    "each misses one in twelve": at_random,
}


@pytest.mark.parametrize("tells", STUMBLING.values(), ids=STUMBLING)
def test_drift_is_seen(tells: Tells) -> None:
    assert look(steady([0.25, 0.35, 0.4]), tells) == ("True", "DriftDetected")


@pytest.mark.parametrize("tells", STUMBLING.values(), ids=STUMBLING)
def test_bursts_are_not_taken_for_drift(tells: Tells) -> None:
    found = [look(bursts(seed), tells)[0] for seed in range(40)]
    assert "True" not in found and found.count("Unknown") <= 4


def test_bursts_alarm_without_slices() -> None:
    """So the test above can fail."""
    rows = [bursts(seed).sum(axis=(0, 1)) for seed in range(40)]
    every: Tells = lambda pod, n: True  # noqa: E731
    alike = [steady(list(x / x.sum()), seed) for seed, x in enumerate(rows)]
    assert [look(x, every)[0] for x in alike].count("True") > 10


@pytest.mark.parametrize("pod", range(PODS))
def test_a_burst_where_nobody_answered_is_no_drift(pod: int) -> None:
    """It kept the pod from answering: the slices that were told say nothing of its rows."""
    rows = steady([1 / 3] * 3)
    rows[pod, 5:8] = [0, 0, 500]
    answered = look(rows, lambda k, n: True)
    assert answered[0] == "False"  # three slices are unlike all others
    silent = look(rows, lambda k, n: (k, n) not in {(pod, 5), (pod, 6), (pod, 7)})
    assert silent == ("Unknown", "SlicesMissing")


def test_a_pod_that_restarts_before_it_told_its_slices_is_left_out() -> None:
    """It answers: with zeros. Of what it told of the window nothing is known but the sum."""
    drifted, like = steady([0.25, 0.35, 0.4]), steady([1 / 3] * 3)
    lost = np.zeros_like(drifted)
    lost[0] = drifted[0]
    every: Tells = lambda pod, n: True  # noqa: E731
    assert look(drifted, every, lost) == ("True", "DriftDetected")
    like[0] = 40 * np.array([0, 0, 1])
    lost[0] = like[0]
    assert look(like, every, lost) == ("Unknown", "SlicesMissing")


@pytest.mark.parametrize(
    "tells",
    [lambda pod, n: n % 2 == 0 and n > 1, lambda pod, n: False, lambda pod, n: pod == n % PODS],
    ids=["eleven of 24 slices", "none", "each slice by another pod"],
)
def test_with_fewer_than_half_of_the_slices_it_is_looked_again(tells: Tells) -> None:
    assert look(steady([0.1, 0.2, 0.7]), tells) == ("Unknown", "SlicesMissing")


def test_with_fewer_rows_than_a_window_needs_it_is_looked_again() -> None:
    rows = steady([0.1, 0.2, 0.7], each=6)  # 576 in all
    assert look(rows, lambda pod, n: True)[0] == "True"
    assert look(rows, lambda pod, n: pod > 0) == ("Unknown", "SlicesMissing")


def test_the_pods_and_slices_with_the_most_rows_are_taken() -> None:
    one = window([1, 0, 0])
    whole = {"a", "b", "c"}
    told = [{"a": one, **({"b": one} if n != 20 else {})} for n in range(24)]
    found = sliced(told, whole)  # c told none
    assert found is not None
    assert (found.rows, len(found.windows), found.newest) == (46, 23, 5)
    few = [{"a": one, **({"b": one} if n < 11 else {})} for n in range(24)]
    alone = sliced(few, whole)
    assert alone is not None and (alone.rows, alone.newest) == (24, 6)
    assert sliced([], whole) is None and sliced(told, {"c"}) is None
