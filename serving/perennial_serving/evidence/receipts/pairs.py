"""Answers that are kept by their requests' names, to be compared with another version's."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from typing import Self

from perennial_artifact.buckets import Buckets, Tier
from perennial_artifact.pairs import Answered, Pairs, add_pairs
from perennial_artifact.scores import Score

TIERS = (Tier(5, 600),)
KEPT = 128
"""Answers of one bucket of time."""
_BYTES = 200
_BITS = 53


class Kept:
    """The answers of one bucket of time: to those requests whose names' hashes are smallest."""

    __slots__ = ("_largest", "answers")

    def __init__(self) -> None:
        self.answers: dict[int, float | None] = {}
        self._largest: list[int] = []

    def wants(self, request: int) -> bool:
        """Tell whether an answer to a request with this hash would change anything."""
        return len(self.answers) < KEPT or request <= -self._largest[0]

    def add(self, request: int, answer: float | None) -> None:
        """Keep an answer, if its request's hash is small enough; None where it came before."""
        if request in self.answers:
            self.answers[request] = None
            return
        if len(self.answers) < KEPT:
            heapq.heappush(self._largest, -request)
        elif -self._largest[0] > request:
            del self.answers[-heapq.heapreplace(self._largest, -request)]
        else:
            return
        self.answers[request] = answer

    def __add__(self, other: Self, /) -> Self:
        """Return what both keep together, as if one had got all requests."""
        found = type(self)()
        for request, answer in (*self.answers.items(), *other.answers.items()):
            found.add(request, answer)
        return found


class PairCounts:
    """Answers by time; it belongs to the event loop's thread."""

    def __init__(self, version: str, score: Score, key: bytes, classes: Sequence[str] = ()) -> None:
        """Keep answers of a version, by hashes with this key; ``classes`` are what they number."""
        self._key = key
        self._empty = Pairs(version=version, score=score, classes=list(classes))
        self.buckets: Buckets[Kept] = Buckets(Kept, KEPT * _BYTES, TIERS)

    def number(self, name: bytes) -> int:
        """Return the hash of a request's name."""
        digest = hashlib.blake2b(name, key=self._key, digest_size=8).digest()
        return int.from_bytes(digest, "big") >> (64 - _BITS)

    def wants(self, request: int, now: float) -> bool:
        """Tell whether the answer to a request with this hash would be kept."""
        return self.buckets.at(now).wants(request)

    def add(self, request: int, answer: float, now: float) -> None:
        """Keep the answer to a request with this hash, or not."""
        self.buckets.at(now).add(request, answer)

    def between(self, start: int, end: int, now: float) -> Pairs:
        """Return the answers of ``[start, end)``, bounds of closed buckets."""
        found = [
            self._empty.replace(answers=[Answered(*item) for item in kept.answers.items()])
            for _, _, kept in self.buckets.between(start, end, now)
        ]
        return add_pairs([self._empty, *found])
