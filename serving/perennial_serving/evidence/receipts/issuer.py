"""Gives receipts, and counts for how many rows of which score."""

from __future__ import annotations

import hashlib
import time
from collections import Counter

import numpy as np

from perennial_artifact.buckets import Buckets, Counts
from perennial_artifact.outcomes import VERSION_LENGTH
from perennial_artifact.scores import SIZES
from perennial_artifact.sketch import TIERS
from perennial_serving.evidence.receipts.keys import Keys
from perennial_serving.evidence.receipts.receipt import MAXIMUM_ROWS, Head, written
from perennial_serving.evidence.receipts.scorer import scorer
from perennial_serving.model.datatypes import Arrays
from perennial_serving.model.loaded import Model


class Issuer:
    """Gives the receipts of one model; it belongs to the event loop's thread."""

    def __init__(self, model: Model, keys: Keys) -> None:
        self._keys, self._scorer = keys, scorer(model)
        self.version = short(model)
        """What stands for the version."""
        self.score = self._scorer.score
        """What the bytes of its receipts say."""
        self._size = SIZES[self.score]
        self.given: Buckets[Counts] = Buckets.of_counts(self._size, TIERS)
        """Rows by score and time; numbers are all counted as one."""
        self._head = Head(self.version, self.score)
        # A second's part of all receipts, and the bucket of now: neither is looked for each time.
        self._second, self._begin = 0, b""
        self._open = [0] * self._size

    def give(self, results: Arrays, rows: int) -> str | None:
        """Return the receipt of a response, None where it has too many rows for one."""
        if not 0 < rows <= MAXIMUM_ROWS:
            return None
        second = int(time.time())
        if second != self._second:
            self._close(second)
        before, scores = self._scorer(results, rows)
        if self._size == 1:
            self._open[0] += rows
        elif rows == 1:
            self._open[scores[0]] += 1
        else:
            for byte, count in Counter(scores).items():
                self._open[byte] += count
        return written(self._begin + before + scores, self._keys)

    def between(self, start: int, end: int, now: float) -> dict[int, int]:
        """Return the rows by score of ``[start, end)``, bounds of closed buckets."""
        self._close(int(now))
        total = np.zeros(self._size, np.int64)
        for _, _, counts in self.given.between(start, end, now):
            total += counts
        return {byte: count for byte, count in enumerate(total.tolist()) if count}

    def _close(self, second: int) -> None:
        if any(self._open):
            self.given.at(self._second)[:] += np.array(self._open)
            self._open = [0] * self._size
        self._second, self._begin = second, self._head(second)


def short(model: Model) -> str:
    """Return what stands for a model's version: of the manifest's SHA-256, else of its name's."""
    digest = model.sha256 or hashlib.sha256(model.version.encode()).hexdigest()
    return digest[:VERSION_LENGTH]
