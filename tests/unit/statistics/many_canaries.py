"""The sequential tests once more, for many rollouts at a time; one run is checked against the pure
functions, look by look."""

import math

import numpy as np
from numpy.typing import NDArray

from perennial_statistics.against_stable import HIGHEST_FOR, PRIOR_EVENTS, PRIOR_REQUESTS
from perennial_statistics.bursts import CLEAR, LOOKS, PHI_AT_FIRST
from perennial_statistics.e_process import LOOKS_BETWEEN_STARTS, RESERVE
from perennial_statistics.proportions import ODDS_RATIOS

Floats = NDArray[np.float64]
RATIOS = np.array(ODDS_RATIOS)[:, None, None]


def odds_times(share: Floats, ratio: Floats) -> Floats:
    return np.asarray(ratio * share / (1 - share + ratio * share))


def ratio(x: Floats, n: Floats, share: Floats, null: Floats) -> Floats:
    return np.asarray(x * np.log(share / null) + (n - x) * (np.log1p(-share) - np.log1p(-null)))


def stakes(gains: Floats) -> Floats:
    """Log stakes after each look, of gains by alternative, run and look."""
    path = np.cumsum(gains, axis=-1)
    looks = path.shape[-1]
    entered = np.full(path.shape, -np.inf)
    at = np.arange(LOOKS_BETWEEN_STARTS, looks + 1, LOOKS_BETWEEN_STARTS)
    k = at / LOOKS_BETWEEN_STARTS
    entered[..., at - 1] = np.log(RESERVE / (k * (k + 1))) - path[..., at - 1]
    entered[..., 0] = np.logaddexp(entered[..., 0], math.log1p(-RESERVE))
    return path + np.logaddexp.accumulate(entered, axis=-1)


def log_mean(logs: Floats) -> Floats:
    top = logs.max(axis=0)
    return np.asarray(top + np.log(np.exp(logs - top).mean(axis=0)))


def past_shares(x: Floats, n: Floats, events: float, requests: float) -> Floats:
    before_x = np.cumsum(x, axis=-1) - x + events + PRIOR_EVENTS
    before_n = np.cumsum(n, axis=-1) - n + requests + PRIOR_REQUESTS
    return np.asarray(before_x / before_n)


def phis(x: Floats, n: Floats) -> Floats:
    """phi before each look; the number of looks is a multiple of 20."""
    runs, looks = x.shape
    blocks = x.reshape(runs, looks // LOOKS, LOOKS), n.reshape(runs, looks // LOOKS, LOOKS)
    bx, bn = np.cumsum(blocks[0], axis=-1), np.cumsum(blocks[1], axis=-1)
    squares = np.cumsum(blocks[0] ** 2 / blocks[1], axis=-1)
    share, seen = bx / bn, np.arange(1, LOOKS + 1)
    spread, expected = squares - bx * share, (seen - 1) * share * (1 - share)
    for part in (spread, expected):
        part[..., 0] = 0
        part[:, 1:] += np.cumsum(part[:, :-1, -1], axis=1)[..., None]
    spread, expected = spread.reshape(runs, looks), expected.reshape(runs, looks)
    t = np.arange(1, looks + 1)
    limit = 1 + CLEAR * np.sqrt(2 / np.maximum(1, t - np.ceil(t / LOOKS)))
    found = np.divide(spread, expected, out=np.ones_like(spread), where=expected > 0)
    after = np.where(t < LOOKS, PHI_AT_FIRST, np.where(found > limit, found, 1.0))
    return np.concatenate([np.full((runs, 1), PHI_AT_FIRST), after[:, :-1]], axis=1)


def log_worse(
    xc: Floats, nc: Floats, xs: Floats, ns: Floats, history_x: Floats, history_n: Floats
) -> Floats:
    """Log e-values of the canary being worse, by run and look; ``history`` is stable's before."""
    whole_x = np.concatenate([history_x, xs], axis=1)
    whole_n = np.concatenate([history_n, ns], axis=1)
    own = past_shares(whole_x, whole_n, 0, 0)[:, history_x.shape[1] :]
    theirs = odds_times(own, RATIOS)
    both = (nc * theirs + ns * own) / (nc + ns)
    gains = ratio(xc, nc, theirs, both) + ratio(xs, ns, own, both)
    phi = phis(whole_x, whole_n)[:, history_x.shape[1] :]
    return log_mean(stakes(gains / phi))


def log_no_worse(
    xc: Floats, nc: Floats, xs: Floats, ns: Floats, history_x: Floats, margin: float
) -> Floats:
    """Log e-values of its being no worse by more than the margin, not tempered."""
    looks = history_x.shape[1]
    whole_n = np.concatenate([np.broadcast_to(ns[:, :1], history_x.shape), ns], axis=1)
    own = past_shares(np.concatenate([history_x, xs], axis=1), whole_n, 0, 0)[:, looks:]
    low, high = np.maximum(0, own - margin), own.copy()
    for _ in range(50):
        u = (low + high) / 2
        c = u + margin
        slope = ns * (u - own) / (u * (1 - u)) + nc * (c - own) / (c * (1 - c))
        low, high = np.where(slope < 0, u, low), np.where(slope < 0, high, u)
    u = (low + high) / 2
    gains = ratio(xc, nc, own, u + margin) + ratio(xs, ns, own, u)
    found = np.zeros(gains.shape)
    log_e = np.zeros(len(gains))
    for t in range(gains.shape[1]):
        log_e = np.minimum(HIGHEST_FOR, log_e + gains[:, t])
        found[:, t] = log_e
    return found


def log_limit(x: Floats, n: Floats, limit: float, above: bool) -> Floats:
    """Log e-values of a share being above, or below, a limit; without the cap."""
    theirs = odds_times(np.array(limit), RATIOS if above else 1 / RATIOS)
    return log_mean(stakes(ratio(x, n, theirs, np.array(limit))))


def ever(log_e: Floats, threshold: float) -> float:
    """Share of runs that ever reach a threshold."""
    return float((log_e >= math.log(threshold)).any(axis=-1).mean())


def median_requests(log_e: Floats, threshold: float, requests: Floats) -> float:
    """Median of the canary's requests until a threshold is reached."""
    reached = log_e >= math.log(threshold)
    first = np.where(reached.any(axis=-1), reached.argmax(axis=-1), log_e.shape[-1] * 10)
    spent = np.cumsum(requests, axis=-1)
    last = np.minimum(first, log_e.shape[-1] - 1)
    found = np.where(first < log_e.shape[-1], spent[np.arange(len(first)), last], np.inf)
    return float(np.median(found))
