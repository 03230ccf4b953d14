"""How often a score was right, counted by the bytes that a server counts by."""

import numpy as np
import pytest
from answered import labels, numbers, several, two

from perennial_artifact.profile import Profile
from perennial_artifact.scores import EDGES, of_probability
from perennial_training.prove.held_out import held_out
from perennial_training.prove.profile import profile


def test_labels_are_counted_by_the_bytes_of_their_scores() -> None:
    rng = np.random.default_rng(1)
    # Near the edges, too, where single precision is rounded.
    high = np.concatenate([rng.random(2_000), np.array(EDGES), [0.0, 1.0]])
    truth = rng.integers(0, 2, len(high))
    found = held_out(two(high), truth)
    assert found is not None and found.classes == ["0", "1"] and found.score == "Probability"
    wanted: dict[str, dict[int, int]] = {"0": {}, "1": {}}
    for share, label in zip(two(high).probabilities[:, 1].tolist(), truth, strict=True):  # type: ignore[index]
        counts = wanted[str(label)]
        counts[of_probability(share)] = counts.get(of_probability(share), 0) + 1
    assert found.labels == wanted


def test_it_is_of_two_classes_with_probabilities_alone() -> None:
    assert held_out(numbers([1.0, 2.0]), np.array([1.0, 2.0])) is None
    assert held_out(labels(["a", "b"], ("a", "b")), np.array(["a", "b"])) is None
    assert held_out(several([[0.2, 0.3, 0.5]], ("a", "b", "c")), np.array(["a"])) is None
    with pytest.raises(ValueError, match="2 targets beside 1 answers"):
        held_out(two([0.5]), np.array([0, 1]))


def test_a_profile_holds_it_and_one_from_before_has_none() -> None:
    import pandas as pd

    answers = two([0.2, 0.9, 0.9])
    made = profile([], pd.DataFrame(index=range(3)), answers, pd.Series([0, 1, 0]))
    read = Profile.from_json(made.to_json())
    assert read.held_out is not None and read.held_out == held_out(answers, np.array([0, 1, 0]))
    assert profile([], pd.DataFrame(index=range(3)), answers).held_out is None
    assert Profile.from_json(b'{"rows": 3, "features": []}').held_out is None
