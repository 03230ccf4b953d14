"""How hard properties are tried: a little while one works, thoroughly by ``make test-thorough``."""

import os

from hypothesis import settings

_THOROUGH = "PERENNIAL_THOROUGH" in os.environ


def examples(most: int) -> int:
    """Return how many examples to try, of the most that pay."""
    return most if _THOROUGH else most // 4


def tried(most: int) -> settings:
    """Return the settings of a property that is tried on so many examples at most."""
    return settings(max_examples=examples(most))
