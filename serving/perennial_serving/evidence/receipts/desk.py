"""Receipts of one model: given with its answers, taken back with what became known."""

from __future__ import annotations

from typing import Any

from perennial_artifact.buckets import Buckets
from perennial_artifact.outcomes import Outcomes, add_outcomes
from perennial_serving.evidence.receipts import receipt
from perennial_serving.evidence.receipts.duplicates import Duplicates
from perennial_serving.evidence.receipts.issuer import Issuer
from perennial_serving.evidence.receipts.keys import Keys
from perennial_serving.evidence.receipts.outcomes import MAXIMUM_BYTES, OutcomeCounts
from perennial_serving.evidence.receipts.receipt import Receipt
from perennial_serving.evidence.receipts.settings import ReceiptSettings
from perennial_serving.model.loaded import Model


class Desk:
    """Gives receipts and counts what comes back."""

    def __init__(self, settings: ReceiptSettings, model: Model) -> None:
        """Read the keys.

        Raises:
            NoKey: there are none.
        """
        self._keys = Keys(settings.directory)
        issuer = Issuer(model, self._keys)
        self._issuer, self.give = issuer, issuer.give
        remembered = Duplicates(settings.duplicates)
        self._classes = list(model.classes)
        self.outcomes = OutcomeCounts(model.classes, settings.reward, remembered)

    @property
    def buckets(self) -> list[Buckets[Any]]:
        """The counts by time."""
        return [self._issuer.given, self.outcomes.buckets]

    @property
    def maximum_bytes(self) -> int:
        """What all counts take at most."""
        counts = sum(b.maximum_bytes for b in self.buckets) + MAXIMUM_BYTES
        return counts + Duplicates.BYTES

    def read(self, text: str) -> Receipt | None:
        """Return what a receipt says, None where it is none of this deployment's."""
        return receipt.read(text, self._keys)

    def between(self, start: int, end: int, now: float) -> list[Outcomes]:
        """Return the outcomes of ``[start, end)``, bounds of closed buckets.

        The model's own version is among them, also where nothing was given.
        """
        given = self._issuer.between(start, end, now)
        own = Outcomes(
            version=self._issuer.version,
            score=self._issuer.score,
            given=given,
            classes=self._classes,
        )
        return add_outcomes([[own], self.outcomes.between(start, end, now)])
