"""Which features drifted, which have bad values, and what is usual."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_statistics.drift import (
    Counts,
    Feature,
    Settings,
    added,
    judge_drift,
    learned,
)
from perennial_statistics.quality import missing_values, out_of_range
from perennial_statistics.usual_drift import DAY, UsualDrift, needed

HOUR = 3_600.0
SETTINGS = Settings(window=HOUR, interval=300, watched=30 * DAY)
DECILES = Counts((1_000.0,) * 10)


def number(reference: Counts, window: Counts, **more: object) -> Feature:
    return Feature("amount", True, reference, window, **more)  # type: ignore[arg-type]


def category(reference: Counts, window: Counts, **more: object) -> Feature:
    return Feature("kind", False, reference, window, **more)  # type: ignore[arg-type]


def test_a_column_that_is_all_missing_drifted_and_breaks_its_limit() -> None:
    report = judge_drift([number(DECILES, Counts((0,) * 10, missing=500))], SETTINGS, {})
    assert report.drifted == ("amount",)
    assert [(b.check, b.share) for b in report.breaches] == [("Missing", 1.0)]
    assert not report.features[0].enough


def test_a_flag_that_is_always_on_drifted() -> None:
    report = judge_drift([number(Counts((9_500, 500)), Counts((0, 500)))], SETTINGS, {})
    assert report.drifted == ("amount",)


def test_a_column_that_is_always_missing_is_no_news() -> None:
    report = judge_drift(
        [number(Counts((40,) * 10, missing=19_600), Counts((1,) * 10, missing=490))], SETTINGS, {}
    )
    assert report.drifted == () and report.breaches == ()


def test_fewer_missing_values_are_no_breach() -> None:
    assert missing_values(500, 1_000, 0, 1_000).p == 1


def test_garbage_in_a_column_with_a_tail_is_drift() -> None:
    reference = Counts((5_000, 3_000, 1_500), other=500)
    report = judge_drift([category(reference, Counts((0, 0, 0), other=500))], SETTINGS, {})
    assert report.drifted == ("kind",)


def test_new_categories_beyond_chance_break_their_limit() -> None:
    reference = Counts((5_000, 3_000, 2_000))
    report = judge_drift([category(reference, Counts((240, 150, 90), other=20))], SETTINGS, {})
    assert [b.check for b in report.breaches] == ["UnseenCategory"]
    assert report.breaches[0].share == pytest.approx(0.04)


def test_values_beyond_the_range_break_their_limit_once_chance_cannot_put_them_there() -> None:
    few = number(Counts((4,) * 10), Counts((50,) * 10, out_of_range=25))
    many = number(DECILES, Counts((50,) * 10, out_of_range=25))
    assert judge_drift([few], SETTINGS, {}).breaches == ()
    assert [b.check for b in judge_drift([many], SETTINGS, {}).breaches] == ["OutOfRange"]
    assert out_of_range(25, 500, 10_000, phi=25).p > out_of_range(25, 500, 10_000).p


SHIFTED = Counts((35, 38, 42, 45, 48, 52, 55, 58, 62, 65))


def test_a_threshold_replaces_the_need_and_not_the_p_value() -> None:
    assert judge_drift([number(DECILES, SHIFTED)], SETTINGS, {}).drifted == ()
    slight = number(DECILES, SHIFTED, threshold=0.001)
    assert judge_drift([slight], SETTINGS, {}).drifted == ()  # 500 rows could be like this
    more = Counts(tuple(10 * n for n in SHIFTED.values))
    assert judge_drift([number(DECILES, more)], SETTINGS, {}).drifted == ("amount",)
    high = number(DECILES, more, threshold=0.2)
    report = judge_drift([high], SETTINGS, {})
    assert report.drifted == () and report.suspects == ("amount",)


def test_more_is_needed_at_first() -> None:
    new = Settings(window=HOUR, interval=300, watched=HOUR)
    more = Counts(tuple(10 * n for n in SHIFTED.values))
    report = judge_drift([number(DECILES, more)], new, {})
    assert (report.features[0].need, report.drifted) == (0.1, ())


def test_rows_that_come_in_bursts_say_less() -> None:
    one = Counts((100, 0, 0, 0, 0)), Counts((0, 100, 0, 0, 0)), Counts((0, 0, 100, 0, 0))
    slices = tuple(one[i % 3] for i in range(24))
    reference = Counts((2_000,) * 5)
    window = added(slices)
    alone = judge_drift([number(reference, window)], SETTINGS, {})
    sliced = judge_drift([number(reference, window, slices=slices)], SETTINGS, {})
    assert alone.features[0].phi == 1 and sliced.features[0].phi > 50
    assert sliced.features[0].p > alone.features[0].p
    assert sliced.features[0].score < alone.features[0].score


def test_the_newest_quarter_shows_a_shift_before_the_window_does() -> None:
    before, after = Counts((20,) * 10), Counts((2, 4, 8, 12, 18, 22, 26, 32, 36, 40))
    slices = (before,) * 20 + (after,) * 4
    newest = added(slices[-6:])
    settings = Settings(window=HOUR, interval=300, watched=30 * DAY)
    feature = number(DECILES, added(slices), newest=newest, slices=slices)
    spans = {f.span: f.drifted for f in judge_drift([feature], settings, {}).features}
    assert spans == {"Window": False, "Newest": True}


cells = st.lists(st.integers(0, 30), min_size=4, max_size=4)


@given(st.lists(st.lists(cells, min_size=24, max_size=24), min_size=1, max_size=4))
def test_slices_are_needed_only_of_features_that_alarm_without(
    windows: list[list[list[int]]],
) -> None:
    reference = Counts((3_000.0, 2_000.0, 1_000.0, 500.0))
    sliced, plain = [], []
    for i, rows in enumerate(windows):
        slices = tuple(Counts(tuple(row)) for row in rows)
        sliced.append(Feature(str(i), True, reference, added(slices), None, slices))
        plain.append(Feature(str(i), True, reference, added(slices)))
    first = set(judge_drift(plain, SETTINGS, {}).drifted)
    asked = [s if s.name in first else p for s, p in zip(sliced, plain, strict=True)]
    assert set(judge_drift(asked, SETTINGS, {}).drifted) == set(
        judge_drift(sliced, SETTINGS, {}).drifted
    )


def test_what_comes_and_goes_every_day_stops_alarming() -> None:
    usual = UsualDrift()
    alarms = []
    for hour in range(14 * 24):
        score = 0.12 if 8 <= hour % 24 < 12 else 0.0
        drifted = score >= needed(usual, 0.02, hour * HOUR, HOUR) and score > 0
        alarms.append(drifted)
        if hour and hour % 24 == 0:
            usual = usual.days_later(1)
        usual = usual.after(score, drifted)
        usual = UsualDrift.from_list(json.loads(json.dumps(usual.to_list())))
    assert any(alarms[:24]) and not any(alarms[24:])
    assert needed(usual, 0.02, 30 * DAY, HOUR) < 0.25
    assert needed(UsualDrift(0.9), 0.02, 30 * DAY, HOUR) == 0.5  # never deaf


def test_what_alarmed_is_usual_from_the_day_after_its_end() -> None:
    more = Counts(tuple(10 * n for n in SHIFTED.values))
    drifted = judge_drift([number(DECILES, more)], SETTINGS, {})
    quiet = judge_drift([number(DECILES, DECILES)], SETTINGS, {})
    key = ("amount", "Window")
    alarm = learned(drifted, {})[key]
    assert alarm.usual == 0 and alarm.peak == pytest.approx(drifted.features[0].score)
    assert learned(drifted, {key: alarm.days_later(1)})[key] == alarm  # it goes on
    after = learned(quiet, {key: alarm})[key]
    assert (after.usual, after.recent, after.peak) == (0, alarm.peak, 0)
    assert after.days_later(1).usual == alarm.peak
    assert after.days_later(8).days_later(7).usual == pytest.approx(alarm.peak / 2)


def test_a_slow_drift_does_not_become_usual_as_it_grows() -> None:
    """A mean that rises by a tenth of a deviation a day: scores grow by the square."""
    usual, alarmed = UsualDrift(), None
    for hour in range(8 * 24):
        if hour and hour % 24 == 0:
            usual = usual.days_later(1)
        score = (0.1 * hour / 24) ** 2
        if score >= needed(usual, 0.02, hour * HOUR, HOUR):
            alarmed = score
            break
        usual = usual.after(score, False)
    assert alarmed is not None and alarmed < 0.1


def test_what_a_quarter_is_off_by_chance_says_nothing_of_the_whole_window() -> None:
    few = Counts(tuple(n / 2 for n in SHIFTED.values))
    usual = {("amount", "Newest"): UsualDrift(0.06), ("amount", "Window"): UsualDrift(0.01)}
    report = judge_drift([number(DECILES, SHIFTED, newest=few)], SETTINGS, usual)
    needs = {f.span: f.need for f in report.features}
    assert needs["Newest"] > 0.09 and needs["Window"] < 0.02 + 1e-9


def test_nothing_to_judge() -> None:
    assert judge_drift([], SETTINGS, {}).features == ()
    empty = judge_drift([number(DECILES, Counts((0,) * 10))], SETTINGS, {})
    assert (empty.features[0].p, empty.drifted) == (1, ())
    with pytest.raises(ValueError, match="no counts"):
        added(())
