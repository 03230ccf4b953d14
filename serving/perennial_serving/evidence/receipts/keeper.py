"""Keeps some answers of one model, to be compared with another version's to the same requests."""

from __future__ import annotations

import time
from typing import Any

from perennial_artifact.buckets import Buckets
from perennial_artifact.pairs import Pairs
from perennial_serving.evidence.receipts.issuer import short
from perennial_serving.evidence.receipts.keys import Keys
from perennial_serving.evidence.receipts.pairs import PairCounts
from perennial_serving.evidence.receipts.receipt import first
from perennial_serving.evidence.receipts.scorer import scorer
from perennial_serving.model.datatypes import Arrays
from perennial_serving.model.loaded import Model


class Keeper:
    """Keeps the first row's answer to some requests; it belongs to the event loop's thread."""

    def __init__(self, model: Model, keys: Keys) -> None:
        """Keep answers of a model by hashes that all pods with these keys have."""
        self._scorer = scorer(model)
        score, classes = self._scorer.score, self._scorer.classes
        self._counts = PairCounts(short(model), score, keys.for_pairs, classes)

    @property
    def buckets(self) -> Buckets[Any]:
        """The answers by time."""
        return self._counts.buckets

    def keep(self, name: bytes, results: Arrays, rows: int) -> None:
        """Keep the answer to a request of this name, or not."""
        now = time.time()
        request = self._counts.number(name)
        if rows > 0 and self._counts.wants(request, now):  # else it need not be read
            self._counts.add(request, self._first(results, rows), now)

    def between(self, start: int, end: int, now: float) -> Pairs:
        """Return the answers of ``[start, end)``, bounds of closed buckets."""
        return self._counts.between(start, end, now)

    def _first(self, results: Arrays, rows: int) -> float:
        if rows > 1:  # a number alone is exact
            results = {name: values[:1] for name, values in results.items()}
        return first(self._scorer.score, *self._scorer.read(results, 1))
