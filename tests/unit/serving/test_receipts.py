"""What a receipt says, to whom, and what it gives away."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_artifact.manifest import Tensor
from perennial_artifact.scores import class_of, of_probability, probabilities
from perennial_serving.evidence.receipts import issuer as issuer_of
from perennial_serving.evidence.receipts import keys as keys_of
from perennial_serving.evidence.receipts.issuer import Issuer
from perennial_serving.evidence.receipts.keys import Keys, NoKey
from perennial_serving.evidence.receipts.receipt import MAXIMUM_ROWS, Receipt, read
from perennial_serving.model.loaded import Model

SECRET = bytes(range(32))


def keyed(directory: Path, **texts: bytes) -> Path:
    directory.mkdir(exist_ok=True)
    for name, text in (texts or {"key": SECRET}).items():
        (directory / name).write_bytes(text)
    return directory


def model(*outputs: tuple[str, str, list[int]], classes: tuple[str, ...] = ()) -> Model:
    found = tuple(Tensor(name=n, datatype=d, shape=s) for n, d, s in outputs)
    return Model("m", "1", "ab" * 32, (), found, (), None, None, classes=classes)


BINARY = model(("label", "INT64", [-1]), ("probabilities", "FP32", [-1, 2]), classes=("0", "1"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(keyed(tmp_path_factory.mktemp("keys")))


def given_for(model: Model, keys: Keys, rows: int, **results: Any) -> Receipt:
    text = Issuer(model, keys).give({k: np.asarray(v) for k, v in results.items()}, rows)
    assert text is not None
    found = read(text, keys)
    assert found is not None
    return found


def test_it_says_which_version_predicted_what_and_when(keys: Keys) -> None:
    shares = np.array([[0.7, 0.3], [0.5, 0.5], [np.nan, 0.1], [0.1, np.nan]], np.float32)
    found = given_for(BINARY, keys, 4, probabilities=shares)
    assert (found.version, found.score) == ("abababababab", "Probability")
    expected = [of_probability(float(np.float32(p))) for p in (0.3, 0.5, 0.1)]
    assert list(found.scores[:3]) == expected and probabilities(found.scores[3]) is None
    (one,) = given_for(BINARY, keys, 1, probabilities=shares[:1]).scores
    assert one == found.scores[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "5b9f6f894ad2461a476ad126ba58f5f197dda103ad709d099ce5676b9e016a20"
            "b5caef8511cf8fa9f33c7a40ff",
            ("Probability", bytes(map(of_probability, (0.3, 0.9))), 0.0, 0.0),
        ),
        (
            "722eb8890f699054b45f6c48f189c24e7e0ea6618685f0b14ba5ad948b4e998b"
            "7a461fe9f9a397e1a43c0295082b8f0f3616e39eb2e4f991d2cd07e5",
            ("Number", b"\x01", 3.25, 3.25),
        ),
    ],
)
def test_one_of_a_server_before_is_read(keys: Keys, text: str, expected: tuple[Any, ...]) -> None:
    """As the first format was written; whatever seals since, these come back for a day."""
    score, scores, low, high = expected
    found = read(text, keys)
    assert found is not None and found.name == bytes.fromhex(text)[:15]
    told = ("abababababab", score, 1_790_000_000, scores, low, high)
    assert found[1:] == told


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40))
def test_one_row_and_many_get_the_same_bytes(keys: Keys, values: list[float]) -> None:
    shares = np.array([[1 - p, p] for p in values], np.float32)
    found = given_for(BINARY, keys, len(values), probabilities=shares)
    assert list(found.scores) == [of_probability(p) for p in values]


def test_of_several_classes_it_says_which_and_how_surely(keys: Keys) -> None:
    several = model(("probabilities", "FP32", [-1, 3]))
    shares = np.array([[0.1, 0.2, 0.7], [0.34, 0.33, 0.33], [np.nan, 1, 0]], np.float32)
    found = given_for(several, keys, 3, probabilities=shares)
    assert found.score == "Class" and found.scores[2] == 0
    assert [class_of(b, 3) for b in found.scores[:2]] == [2, 0]
    assert found.scores[0] - 2 * 8 > found.scores[1]  # surer
    labels = model(("label", "BYTES", [-1]), classes=("cat", "dog"))
    words = np.array(["dog", "cat", "cow"], object)
    found = given_for(labels, keys, 3, label=words)
    assert [class_of(b, 2) for b in found.scores[:2]] == [1, 0] and found.scores[2] == 0


def test_a_number_is_exact_alone_and_close_in_company(keys: Keys) -> None:
    numbers = model(("prediction", "FP32", [-1, 1]))
    found = given_for(numbers, keys, 1, prediction=np.array([[3.25]], np.float32))
    assert found.score == "Number" and found.number(0) == 3.25
    values = np.array([-10.0, 0.1, 3.0, np.inf, 90.0, np.nan], np.float32)
    found = given_for(numbers, keys, 6, prediction=values)
    told = [found.number(n) for n in range(6)]
    assert (told[0], told[3], told[5]) == (-10.0, None, None) and told[4] == pytest.approx(90.0)
    assert told[1] == pytest.approx(0.1, abs=100 / 508) and told[2] != told[1]


@pytest.mark.parametrize(
    ("outputs", "results"),
    [
        ([("embedding", "FP32", [-1, 8])], {"embedding": np.zeros((2, 8))}),
        ([("label", "INT64", [-1])], {"label": np.zeros(2)}),
        ([("probabilities", "FP32", [-1, 300])], {"probabilities": np.zeros((2, 300))}),
        ([("probabilities", "FP32", [-1, 2])], {"probabilities": np.zeros((3, 2))}),
        ([("y", "FP32", [-1])], {"y": np.zeros(5)}),
    ],
)
def test_what_is_no_score_is_none_and_rewards_still_can_be_told(
    keys: Keys, outputs: list[tuple[str, str, list[int]]], results: dict[str, Any]
) -> None:
    assert given_for(model(*outputs), keys, 2, **results).scores == bytes(2)


def test_a_response_of_very_many_rows_has_none(keys: Keys) -> None:
    shares = np.full((MAXIMUM_ROWS + 1, 2), 0.5, np.float32)
    assert Issuer(BINARY, keys).give({"probabilities": shares}, len(shares)) is None
    assert len(given_for(BINARY, keys, MAXIMUM_ROWS, probabilities=shares[:-1]).scores) == len(
        shares[:-1]
    )


def test_no_two_have_the_same_nonce(keys: Keys, tmp_path: Path) -> None:
    """Whoever seals under this key: another process, or one that has taken its nonces anew."""
    texts = [keys.seal(b"x") for _ in range(1_000)]
    again = Keys(keyed(tmp_path))
    texts += [again.seal(b"x") for _ in range(1_000)]
    assert len({text[: 2 * keys_of.NONCE] for text in texts}) == len(texts)


def test_all_scores_are_counted_however_many_come_in_a_second(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_of, "_MOST", 10)
    moment = 1_000_000.0
    monkeypatch.setattr(issuer_of, "time", SimpleNamespace(time=lambda: moment))
    issuer, expected = Issuer(BINARY, keys), dict[int, int]()
    for n in range(100):
        share = n / 100
        rows = 1 + n % 5
        issuer.give({"probabilities": np.array([[1 - share, share]] * rows, np.float32)}, rows)
        byte = of_probability(float(np.float32(share)))
        expected[byte] = expected.get(byte, 0) + rows
        moment += 0.01
    assert issuer.between(1_000_000, 1_000_005, 1_000_010) == expected


def test_it_gives_away_nothing_but_its_length(keys: Keys) -> None:
    """Equal predictions look as different as any two, whichever pod and moment they are of."""
    same = {"probabilities": np.array([[0.5, 0.5]], np.float32)}
    texts = {Issuer(BINARY, keys).give(same, 1) for _ in range(3)}
    issuer = Issuer(BINARY, keys)
    texts |= {issuer.give(same, 1) for _ in range(200)}
    raw = np.array([list(bytes.fromhex(text or "")) for text in texts])
    assert len(texts) == 203 and len({len(text or "") for text in texts}) == 1
    # No byte is the same in all, or nearly so; by chance the commonest value comes 9 times.
    assert max(np.bincount(column).max() for column in raw.T) < 20


def test_who_has_another_key_neither_reads_nor_makes_one(keys: Keys, tmp_path: Path) -> None:
    other = Keys(keyed(tmp_path, key=bytes(32)))
    text = Issuer(BINARY, keys).give({"probabilities": np.array([[0.5, 0.5]])}, 1)
    assert text is not None and read(text, other) is None
    for n in range(len(text)):  # all of it is authenticated
        flipped = text[:n] + ("a" if text[n] != "a" else "b") + text[n + 1 :]
        assert read(flipped, keys) is None
    for nonsense in ("", "x", "é", text + "aa", "a" * 100_000, text[:-2]):
        assert read(nonsense, keys) is None


def test_keys_are_rotated_without_losing_a_receipt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = keyed(tmp_path)
    old = Keys(place)
    before = Issuer(BINARY, old).give({"probabilities": np.array([[0.5, 0.5]])}, 1)
    keyed(place, key=b"n" * 32, previous=SECRET)
    new = Keys(place)  # of a pod that began since
    after = Issuer(BINARY, new).give({"probabilities": np.array([[0.5, 0.5]])}, 1)
    assert before is not None and after is not None
    assert read(before, new) is not None
    assert read(after, old) is None  # it has just looked
    monkeypatch.setattr(keys_of, "_AGAIN_SECONDS", 0.0)
    assert read(after, old) is not None and read(before, old) is not None
    (place / "previous").unlink()
    assert read(before, Keys(place)) is None


@pytest.mark.parametrize("texts", [{"key": b"short"}, {"other": SECRET}, {}])
def test_without_a_key_there_are_none(tmp_path: Path, texts: dict[str, bytes]) -> None:
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text)
    with pytest.raises(NoKey, match="'key' of at least 32 bytes"):
        Keys(tmp_path)
    with pytest.raises(NoKey, match="cannot be read"):
        Keys(tmp_path / "absent")
