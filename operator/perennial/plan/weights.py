"""Traffic by the ratio of replicas."""


def split(replicas: int, weight: int) -> tuple[int, int]:
    """Return (stable, canary) pods whose ratio comes closest to a weight in percent.

    Neither has more than ``replicas``, and together they have at least that many, so capacity
    never falls below what was asked for. Among equally close ratios the larger total wins.
    """
    whole = max(1, replicas)
    if weight <= 0:
        return whole, 1
    if weight >= 100:
        return whole, whole
    pairs = [(s, c) for s in range(1, whole + 1) for c in range(1, whole + 1) if s + c >= replicas]
    return min(pairs, key=lambda p: (abs(p[1] / sum(p) - weight / 100), -sum(p)))


def actual(stable: int, canary: int) -> int:
    """Return the canary's share in percent."""
    total = stable + canary
    return round(100 * canary / total) if total else 0
