"""The tail of Fisher's F."""

from perennial_statistics.beta_distribution import beta_lower_tail


def f_tail(f: float, df1: float, df2: float) -> float:
    """Return P(F > f) with ``df1`` and ``df2`` degrees of freedom.

    I_x(df2/2, df1/2) at x = df2 / (df2 + df1 f) (Abramowitz & Stegun 26.6.2).

    Raises:
        ValueError: a number of degrees of freedom is not positive.
    """
    return beta_lower_tail(df2 / (df2 + df1 * max(0.0, f)), df2 / 2, df1 / 2)
