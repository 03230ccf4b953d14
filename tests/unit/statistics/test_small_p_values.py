"""Of many tests only those with small p-values are computed: with the same verdicts as of all."""

from hypothesis import given
from hypothesis import strategies as st

from perennial_statistics.drift import Counts, Feature, Settings, judge_drift
from perennial_statistics.multiple_testing import benjamini_hochberg, holm

P = st.floats(0, 1) | st.floats(0, 1e-3) | st.just(0.01)
CELLS = st.lists(st.integers(0, 400), min_size=4, max_size=4)


@given(st.lists(P, min_size=1, max_size=30), st.floats(1e-6, 0.5))
def test_the_smallest_p_values_are_adjusted_as_among_all(ps: list[float], limit: float) -> None:
    small = [p for p in ps if p <= limit]
    for adjust in (holm, benjamini_hochberg):
        among_all = [q <= limit for p, q in zip(ps, adjust(ps), strict=True) if p <= limit]
        assert [q <= limit for q in adjust(small, len(ps))] == among_all


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS, st.booleans()), min_size=1, max_size=12),
    st.sampled_from([0.0005, 0.02, 0.5]),
)
def test_what_drifted_is_as_where_every_p_value_is_computed(
    columns: list[tuple[list[int], list[int], list[int], bool]], alpha: float
) -> None:
    features = [
        Feature(
            str(n),
            True,
            Counts((900, 900, 900, 900)),
            Counts(tuple(a)),
            newest=Counts(tuple(b)),
            slices=(Counts(tuple(a)), Counts(tuple(c))) if sliced else (),
        )
        for n, (a, b, c, sliced) in enumerate(columns)
    ]
    settings = Settings(
        3_600, 3_600, 1e7, alpha, minimum_samples=1, missing=None, out_of_range=None,
        unseen_category=None, constant=False,
    )  # fmt: skip
    report = judge_drift(features, settings, {})
    for span in ("Window", "Newest"):
        ours = [f for f in report.features if f.span == span]
        rejected = [p <= report.alpha for p in holm([f.p for f in ours])]
        plain = [no and f.score >= f.need for f, no in zip(ours, rejected, strict=True)]
        assert [f.drifted for f in ours] == plain
    spans = [[f for f in report.features if f.span == span] for span in ("Window", "Newest")]
    suspects = {
        f.feature
        for ours in spans
        for f, q in zip(ours, benjamini_hochberg([f.p for f in ours]), strict=True)
        if q <= 0.01
    }
    assert set(report.suspects) == suspects
