"""Effects that a user may choose: what scipy says of the values, within what bins can tell."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from perennial.api.monitor.drift import Effect as ApiEffect
from perennial_statistics.chosen_effect import EFFECTS, Effect, Scale, distance
from perennial_statistics.distances import kolmogorov_smirnov, wasserstein
from perennial_statistics.drift import Counts, Feature, Settings, judge_drift, learned
from perennial_training.prove.profile import numeric_profile

Floats = NDArray[np.float64]
SHAPES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1.5, n),
    "zeros": lambda rng, n: np.where(rng.random(n) < 0.6, 0.0, rng.geometric(0.3, n)),
    "uniform": lambda rng, n: rng.uniform(-1, 1, n),
}
SETTINGS = Settings(window=3_600, interval=300, watched=1e7)


def test_what_may_be_written_is_what_can_be_reckoned() -> None:
    assert get_args(ApiEffect) == EFFECTS
    with pytest.raises(ValueError, match="where the bins lie"):
        distance("Wasserstein", (1, 2), (2, 1))


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_distances_of_bins_and_of_values(shape: str, shift: float) -> None:
    rng = np.random.default_rng(5)
    values = SHAPES[shape](rng, 5_000).astype(np.float32).astype(float)
    now = (SHAPES[shape](rng, 2_000) + shift).astype(np.float32).astype(float)
    now = np.clip(now, values.min(), values.max())
    found = numeric_profile("x", values)
    assert found.minimum is not None and found.maximum is not None and found.deviation
    assert found.deviation == pytest.approx(values.std())
    places = np.searchsorted(found.edges, now, "right")
    live = np.bincount(places, minlength=len(found.counts)).tolist()
    scale = Scale(tuple(found.edges), found.minimum, found.maximum, found.deviation)

    def ours(effect: Effect) -> float:
        return distance(effect, found.counts, live, scale)

    both = np.array([found.counts, live])
    both = both[:, both.sum(axis=0) > 0]
    assert ours("ChiSquare") == pytest.approx(stats.chi2_contingency(both, correction=False)[0])
    assert ours("JensenShannon") == pytest.approx(jensenshannon(*both, base=2), abs=1e-9)
    bounds = kolmogorov_smirnov(found.counts, live)
    true = stats.ks_2samp(values, now).statistic
    assert bounds.low - 1e-9 <= true <= bounds.high + 1e-9 and ours("KolmogorovSmirnov") <= true
    edges = (scale.edges, scale.lowest, scale.highest, scale.deviation)
    within = wasserstein(found.counts, live, *edges)
    true = stats.wasserstein_distance(values, now) / values.std()
    assert within.low - 1e-9 <= true <= within.high + 1e-9
    assert ours("Wasserstein") == within.value


@pytest.mark.parametrize("effect", [e for e in EFFECTS if e != "PopulationStabilityIndex"])
def test_a_chosen_effect_has_its_threshold_and_chance_is_ruled_out_all_the_same(
    effect: Effect,
) -> None:
    scale = Scale((1.0, 2.0), 0.0, 3.0, 0.8)
    reference = Counts((1_000, 1_000, 1_000))

    def judged(x: tuple[float, ...], threshold: float) -> bool:
        feature = Feature("x", True, reference, Counts(x), threshold=threshold, effect=effect,
                          scale=scale)  # fmt: skip
        report = judge_drift([feature], SETTINGS, {})
        score = distance(effect, reference.values, x, scale)
        assert (report.features[0].score, report.features[0].effect) == (score, effect)
        assert learned(report, {}) == {}
        return bool(report.drifted)

    moved = (200.0, 350.0, 650.0)
    score = distance(effect, reference.values, moved, scale)
    assert judged(moved, score * 0.99) and not judged(moved, score * 1.01)
    by_chance = (20.0, 35.0, 28.0)
    assert not judged(by_chance, 1e-6)
