"""Train the shop's rankings and say what experiments find of them: ``python -m shop.verdicts``."""

import numpy as np

from shop.learned import BOOSTING, REGRESSION, learned
from shop.months import as_requests, months, rows
from shop.pairs import PAIRS, Found, Rewards, find, table
from shop.rankings import HABIT, POPULARITY, RANDOM, first_choice, onnx_model


def earned() -> dict[str, Rewards]:
    """Return what each ranking earns of each request of 2011, learned from 2010."""
    directory = months()
    learns = rows(directory, "2010-03", "2010-12")
    models = {
        "popularity": onnx_model(POPULARITY),
        "habit": onnx_model(HABIT),
        "random": onnx_model(RANDOM),
        "regression": learned(REGRESSION, learns),
        "boosting": learned(BOOSTING, learns),
    }
    live = as_requests(rows(directory, "2011-01", "2011-12"))
    each = np.arange(len(live.inputs))
    return {name: live.bought[each, first_choice(m, live.inputs)] for name, m in models.items()}


def verdicts() -> list[Found]:
    """Return what is found of each pair."""
    rewards = earned()
    return [find(pair, rewards) for pair in PAIRS]


if __name__ == "__main__":
    print(table(verdicts()))
