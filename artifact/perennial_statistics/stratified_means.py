"""Means of several arms, compared within strata only: least squares with an effect of each stratum.

A stratum is what is alike but for the arm: what became known in one batch of predictions of one
age. Its own level cancels out, so that neither a level that moves while the shares do, nor
outcomes that come late, looks like a difference of arms. Pooled over strata, two equal arms are
told apart every time. For two arms this is Mantel's and Haenszel's weighting.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import combinations_with_replacement

from perennial_statistics.means import Moments
from perennial_statistics.numbers import as_list, from_list, kept

Matrix = list[list[float]]
SINGULAR = 1e-9


@dataclass(frozen=True)
class Effects:
    """By how much each arm's mean is above the first one's, and how sure that is."""

    arms: tuple[int, ...]
    """Those that can be compared with one another."""
    differences: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]

    def between(self, a: int, b: int) -> tuple[float, float]:
        """Return by how much arm ``a`` is above arm ``b``, and the variance of that.

        Raises:
            ValueError: one of them cannot be compared.
        """
        i, j = self.arms.index(a), self.arms.index(b)
        c = self.covariance
        variance = c[i][i] + c[j][j] - 2 * c[i][j]
        return self.differences[i] - self.differences[j], max(0.0, variance)

    def only(self, arms: Sequence[int]) -> "Effects":
        """Return the same of some of the arms, the first of which is what others are above.

        Raises:
            ValueError: one of them cannot be compared.
        """
        at = [self.arms.index(a) for a in arms]
        d, c, r = self.differences, self.covariance, at[0]
        return Effects(
            tuple(arms),
            tuple(d[i] - d[r] for i in at),
            tuple(tuple(c[i][j] - c[i][r] - c[r][j] + c[r][r] for j in at) for i in at),
        )


@dataclass(frozen=True)
class StratifiedMeans:
    """What is carried on of ``k`` arms: a few numbers, however many strata there were."""

    rows: tuple[float, ...]
    """Rows of each arm in strata that had rows of another one, too."""
    total: tuple[float, ...]
    """The sum of their values."""
    above: tuple[float, ...]
    """Sum of each arm's total less what it would be at its strata's means."""
    within: tuple[float, ...]
    """Sum of squares around the means of each arm in each stratum."""
    freedom: tuple[float, ...]
    """Rows less means, of ``within``."""
    pairs: tuple[float, ...]
    """Sum over strata of n_a n_b / N, for a <= b."""
    triples: tuple[float, ...]
    """Sum over strata of n_a n_b n_c / N^2, for a <= b <= c."""

    @classmethod
    def none(cls, arms: int) -> "StratifiedMeans":
        """Return that nothing is known of so many arms."""
        zeros = (0.0,) * arms
        return cls(
            *(zeros,) * 5,
            (0.0,) * math.comb(arms + 1, 2),
            (0.0,) * math.comb(arms + 2, 3),
        )

    @property
    def arms(self) -> int:
        """How many arms there are."""
        return len(self.rows)

    def after(self, stratum: Sequence[Moments]) -> "StratifiedMeans":
        """Return what is known after one more stratum, with the moments of each arm in it."""
        n = [m.rows for m in stratum]
        whole = sum(n)
        if sum(1 for rows in n if rows > 0) < 2:
            return self  # nothing to compare with
        level = sum(m.total for m in stratum) / whole

        def plus(old: tuple[float, ...], more: Sequence[float]) -> tuple[float, ...]:
            return tuple(kept(a + b) for a, b in zip(old, more, strict=True))

        pairs = [n[a] * n[b] / whole for a, b in _places(self.arms, 2)]
        triples = [n[a] * n[b] * n[c] / whole**2 for a, b, c in _places(self.arms, 3)]
        return StratifiedMeans(
            plus(self.rows, n),
            plus(self.total, [m.total for m in stratum]),
            plus(self.above, [m.total - m.rows * level for m in stratum]),
            plus(self.within, [m.within for m in stratum]),
            plus(self.freedom, [max(0.0, m.rows - 1) for m in stratum]),
            plus(self.pairs, pairs),
            plus(self.triples, triples),
        )

    def fading(self, factor: float) -> "StratifiedMeans":
        """Return the same, worth less by a factor: what is told later outweighs it."""
        values = {f.name: tuple(kept(factor * v) for v in getattr(self, f.name))
                  for f in fields(self)}  # fmt: skip
        return replace(self, **values)

    @property
    def variances(self) -> tuple[float, ...]:
        """The variance of single values of each arm, drawn a little towards that of all."""
        common = self.common_variance
        each = zip(self.within, self.freedom, strict=True)
        return tuple((within + common) / (freedom + 1) for within, freedom in each)

    @property
    def common_variance(self) -> float:
        """The variance of single values within strata and arms."""
        freedom = sum(self.freedom)
        return sum(self.within) / freedom if freedom > 0 else 0.0

    def effects(self) -> Effects | None:
        """Return the arms' differences, None where fewer than two can be compared."""
        index = [a for a in range(self.arms) if self.rows[a] > 0]
        if len(index) < 2:
            return None
        others = index[1:]
        normal = [[self._normal(a, b) for b in others] for a in others]
        inverse = _inverse(normal)
        if inverse is None:
            return None
        above = [self.above[a] for a in others]
        found = [math.fsum(x * y for x, y in zip(row, above, strict=True)) for row in inverse]
        noise = [[self._noise(a, b) for b in others] for a in others]
        covariance = _times(_times(inverse, noise), inverse)
        zeros = (0.0,) * len(index)
        rows = (zeros, *((0.0, *row) for row in covariance))
        return Effects(tuple(index), (0.0, *found), tuple(tuple(row) for row in rows))

    def means(self, effects: Effects) -> dict[int, float]:
        """Return each arm's mean, as it would be had all arms had the same strata."""
        index = effects.arms
        rows = sum(self.rows[a] for a in index)
        level = sum(self.total[a] for a in index) / rows
        weighted = sum(
            self.rows[a] * d for a, d in zip(index, effects.differences, strict=True)
        ) / rows  # fmt: skip
        return {a: level + d - weighted for a, d in zip(index, effects.differences, strict=True)}

    def errors(self, effects: Effects) -> dict[int, float]:
        """Return the standard error of each arm's mean, beside what the level of all is."""
        index, c = effects.arms, effects.covariance
        rows = sum(self.rows[a] for a in index)
        shares = [self.rows[a] / rows for a in index]
        found = {}
        for i, arm in enumerate(index):
            e = [float(i == j) - share for j, share in enumerate(shares)]
            variance = math.fsum(
                e[x] * e[y] * c[x][y] for x in range(len(e)) for y in range(len(e))
            )
            found[arm] = math.sqrt(max(0.0, variance))
        return found

    def _normal(self, a: int, b: int) -> float:
        return (self.rows[a] if a == b else 0.0) - self._pair(a, b)

    def _noise(self, a: int, b: int) -> float:
        """Return the covariance of ``above`` of two arms, each arm's values having a variance."""
        found = 0.0
        for c, variance in enumerate(self.variances):
            part = self._triple(a, b, c)
            part -= (self._pair(c, b) if a == c else 0.0) + (self._pair(c, a) if b == c else 0.0)
            part += self.rows[c] if a == b == c else 0.0
            found += variance * part
        return found

    def _pair(self, a: int, b: int) -> float:
        return self.pairs[_places(self.arms, 2)[(a, b) if a < b else (b, a)]]

    def _triple(self, a: int, b: int, c: int) -> float:
        return self.triples[_places(self.arms, 3)[tuple(sorted((a, b, c)))]]

    def to_list(self) -> list[float]:
        """Return the numbers for JSON."""
        return as_list([v for f in fields(self) for v in getattr(self, f.name)])

    @classmethod
    def from_list(cls, values: Sequence[float], arms: int) -> "StratifiedMeans":
        """Return what ``to_list`` wrote.

        Raises:
            ValueError: it is something else; begin anew.
        """
        sizes = [len(getattr(cls.none(arms), f.name)) for f in fields(cls)]
        numbers = from_list(values, sum(sizes))
        parts, at = [], 0
        for size in sizes:
            parts.append(numbers[at : at + size])
            at += size
        return cls(*parts)


@lru_cache
def _places(arms: int, of: int) -> dict[tuple[int, ...], int]:
    """Return at which place a sum over strata is kept of so many arms at a time, in order."""
    return {
        several: at for at, several in enumerate(combinations_with_replacement(range(arms), of))
    }


def _times(a: Matrix, b: Matrix) -> Matrix:
    columns = list(zip(*b, strict=True))
    return [[math.fsum(x * y for x, y in zip(row, c, strict=True)) for c in columns] for row in a]


def _inverse(matrix: Matrix) -> Matrix | None:
    """Return the inverse by Gauss and Jordan, None where there is none."""
    size = len(matrix)
    rows = [[*row, *(float(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for at in range(size):
        pivot = max(range(at, size), key=lambda r: abs(rows[r][at]))
        if abs(rows[pivot][at]) <= SINGULAR * max(1.0, abs(matrix[at][at])):
            return None
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [v / rows[at][at] for v in rows[at]]
        for other in range(size):
            if other != at and rows[other][at]:
                factor = rows[other][at]
                rows[other] = [v - factor * w for v, w in zip(rows[other], rows[at], strict=True)]
    return [row[size:] for row in rows]
