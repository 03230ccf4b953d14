"""The shop case in short, on a real node: rewards decide what takes over.

The bad release and the retraining take minutes more: ``make shop`` has them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shop import demo
from shop.diary import Counted, Diary


@dataclass(frozen=True)
class Played:
    """What came of it."""

    diary: Diary
    answered: Counted


@pytest.fixture(scope="module")
def played(values: str) -> Iterator[Played]:
    diary = Diary()
    try:
        demo.begin(values, demo.months())
        demo.compete(diary)
        yield Played(diary, demo.end_traffic()[-1])
    finally:
        demo.clear()


def test_no_request_failed_though_models_came_and_went(played: Played) -> None:
    assert played.answered.failed == 0, played.answered.why
    assert set(played.answered.versions) == {"popularity", "shop-1"}


def test_what_was_learned_won_by_its_rewards(played: Played) -> None:
    words = [note.words for note in played.diary.notes]
    assert words.index("regression wins") < words.index("it takes over")
    assert played.diary.looks[-1].best["regression"] > 0.95
