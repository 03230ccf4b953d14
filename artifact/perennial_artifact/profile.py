"""profile.json: the reference distribution of every feature and of the predictions.

Read leniently: what a newer trainer adds, an older server and operator skip.
"""

from collections.abc import Sequence
from typing import Literal

from perennial_artifact.base import Document
from perennial_artifact.outcomes import Counts

MAXIMUM_CATEGORIES = 64
HOURS = 24
FEWEST_AT_HOURS = 200
"""Rows of some hours of the day below which all rows say more."""


class FeatureProfile(Document, forbid_unknown_fields=False, kw_only=True):
    """How one feature was distributed.

    A numeric value ``x`` falls into bin ``bisect_right(edges, x)`` of ``len(edges) + 1`` bins; a
    categorical one is counted beside its category, or in ``other`` beyond the listed ones.
    """

    name: str
    kind: Literal["Numeric", "Categorical"]
    edges: list[float] = []
    categories: list[str] = []
    counts: list[int]
    other: int = 0
    missing: int = 0
    minimum: float | None = None
    maximum: float | None = None
    deviation: float | None = None
    """Standard deviation of the numbers that are finite; older trainers tell none."""
    hours: list[list[int]] = []
    """The same counts, other and missing last, for each hour of the day (UTC); empty where it is
    not known when rows happened."""

    def __post_init__(self) -> None:
        """Check that bins and counts fit.

        Raises:
            ValueError: they do not.
        """
        bins = len(self.edges) + 1 if self.kind == "Numeric" else len(self.categories)
        if len(self.counts) != bins:
            raise ValueError(f"{self.name} has {bins} bins but {len(self.counts)} counts")
        if any(a >= b for a, b in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError(f"the edges of {self.name} must increase")
        if self.hours and [len(hour) for hour in self.hours] != [bins + 2] * HOURS:
            raise ValueError(f"the hours of {self.name} must be {HOURS}, of {bins + 2} counts each")

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(self.counts) + self.other + self.missing

    def at(self, hours: Sequence[int]) -> "FeatureProfile":
        """Return how it was distributed at some hours of the day, of which it has counts."""
        columns = zip(*(self.hours[hour] for hour in hours), strict=True)
        *counts, other, missing = (sum(column) for column in columns)
        return self.replace(counts=counts, other=other, missing=missing)


class HeldOut(Document, forbid_unknown_fields=False, kw_only=True):
    """Rows that the model did not learn from: how many had each label, by the byte of the score.

    Bytes are those of :mod:`perennial_artifact.scores`, as pods count what they answer.
    """

    score: str
    classes: list[str]
    labels: dict[str, Counts]


class Profile(Document, forbid_unknown_fields=False):
    """The reference: every feature of ``rows`` rows, and the model's predictions.

    Those are of the held-out rows alone, as a model is surer of rows that it learned from.
    """

    rows: int
    features: list[FeatureProfile]
    predictions: list[FeatureProfile] = []
    held_out: HeldOut | None = None
    equal_rows: list[tuple[int, int]] = []
    """How often a row occurs with all its features, and how many distinct ones occur so often;
    empty where an older trainer told none."""

    def distinct(self) -> "Profile":
        """Return the same, with no prediction called as a feature is.

        Trainers call predictions label, probability or prediction, and so may a column be called.
        """
        taken = {p.name for p in self.features}
        found = []
        for p in self.predictions:
            name = p.name
            while name in taken:
                name = f"predicted {name}"
            taken.add(name)
            found.append(p.replace(name=name))
        return self.replace(predictions=found)
