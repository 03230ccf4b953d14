"""Gives receipts, and counts for how many rows of which score."""

from __future__ import annotations

import hashlib
import time

import numpy as np

from perennial_artifact.buckets import Buckets, Counts
from perennial_artifact.outcomes import VERSION_LENGTH
from perennial_artifact.scores import SIZES
from perennial_artifact.sketch import TIERS
from perennial_serving.evidence.receipts.keys import Keys
from perennial_serving.evidence.receipts.receipt import MAXIMUM_ROWS, Head
from perennial_serving.evidence.receipts.scorer import scorer
from perennial_serving.model.datatypes import Arrays
from perennial_serving.model.loaded import Model

# Scores that wait to be counted, about as many at most.
_MOST = 64 * 1024


class Issuer:
    """Gives the receipts of one model; it belongs to the event loop's thread."""

    def __init__(self, model: Model, keys: Keys) -> None:
        reads = scorer(model)
        self._seal, self._read = keys.seal, reads.read
        self.version = short(model)
        """What stands for the version."""
        self.score = reads.score
        """What the bytes of its receipts say."""
        self._size = SIZES[self.score]
        self.given: Buckets[Counts] = Buckets.of_counts(self._size, TIERS)
        """Rows by score and time; numbers are all counted as one."""
        self._head = Head(self.version, self.score)
        # A second's part of all receipts, and the scores that were given in it. What is compared
        # for each answer are floats, as the clock's are: with an int it takes twice as long.
        self._since, self._until, self._begin = 0.0, 0.0, b""
        self._scores = bytearray()

    def give(self, results: Arrays, rows: int) -> str | None:
        """Return the receipt of a response, None where it has too many rows for one."""
        if not 0 < rows <= MAXIMUM_ROWS:
            return None
        now = time.time()
        if not self._since <= now < self._until or len(self._scores) > _MOST:
            self._close(int(now))
        before, scores = self._read(results, rows)
        self._scores += scores
        return self._seal(self._begin + before + scores)

    def between(self, start: int, end: int, now: float) -> dict[int, int]:
        """Return the rows by score of ``[start, end)``, bounds of closed buckets."""
        self._close(int(now))
        total = np.zeros(self._size, np.int64)
        for _, _, counts in self.given.between(start, end, now):
            total += counts
        return {byte: count for byte, count in enumerate(total.tolist()) if count}

    def _close(self, second: int) -> None:
        if self._scores:
            found = np.frombuffer(self._scores, np.uint8)
            counts = self.given.at(self._since)
            if self._size == 1:
                counts[0] += len(found)
            else:
                counts += np.bincount(found, minlength=self._size)
            self._scores = bytearray()
        self._since, self._until, self._begin = float(second), second + 1.0, self._head(second)


def short(model: Model) -> str:
    """Return what stands for a model's version: of the manifest's SHA-256, else of its name's."""
    digest = model.sha256 or hashlib.sha256(model.version.encode()).hexdigest()
    return digest[:VERSION_LENGTH]
