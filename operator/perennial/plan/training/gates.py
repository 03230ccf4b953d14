"""Gates: what a candidate must prove before it becomes a version."""

from collections.abc import Sequence

from perennial.api.training import Gate
from perennial_artifact.manifest import Metric
from perennial_artifact.result import CandidateResult, Comparison


def value_of(metrics: Sequence[Metric], name: str) -> float | None:
    """Return a metric over all held-out rows, None where it was not measured."""
    return next((m.value for m in metrics if m.name == name and not m.slice), None)


def failures(gates: Sequence[Gate], result: CandidateResult, has_champion: bool) -> list[str]:
    """Return a sentence for each gate that the candidate fails; none means that it passed."""
    found = [(gate.name, _failure(gate, result, has_champion)) for gate in gates]
    return [f"{name}: {text}" for name, text in found if text]


def _failure(gate: Gate, result: CandidateResult, has_champion: bool) -> str:
    value = value_of(result.metrics, gate.metric)
    if value is None:
        return f"{gate.metric} was not measured, so its gate cannot pass"
    if gate.minimum is not None and value < gate.minimum:
        short = gate.minimum - value
        return f"{gate.metric} {value:.4g} is below the minimum {gate.minimum:g} by {short:.3g}"
    if gate.maximum is not None and value > gate.maximum:
        over = value - gate.maximum
        return f"{gate.metric} {value:.4g} is above the maximum {gate.maximum:g} by {over:.3g}"
    if gate.against_champion is not None and has_champion:
        return _lost(gate.metric, gate.against_champion.maximum_decrease, result)
    return ""


def _lost(metric: str, allowed: float, result: CandidateResult) -> str:
    """Return a sentence where the candidate is worse than the champion by more than is allowed.

    Not where it only happens to be worse on these rows: an equal candidate would be refused by a
    coin. It is worse where even the upper end of the difference's interval is below the allowed.
    """
    found = comparison_of(result, metric)
    if found is None:
        why = result.champion_failure or "its metric is missing"
        return (
            f"{metric} of the champion was not measured on the same rows: {why}; take "
            "the gate away for one run to begin anew"
        )
    at_best = found.value - found.champion if found.high is None else found.high
    if at_best >= -allowed:
        return ""
    return (
        f"{metric} {found.value:.4g} is worse than the champion's {found.champion:.4g} on the same "
        f"rows by {found.champion - found.value:.3g}{_interval(found)}; {allowed:g} is allowed"
    )


def _interval(found: Comparison) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" ({-found.high:.3g} to {-found.low:.3g} at 90 %)"


def comparison_of(result: CandidateResult, metric: str) -> Comparison | None:
    """Return how a metric compares with the champion's, None where it was not measured."""
    return next((c for c in result.comparisons if c.name == metric), None)


def against_champion(result: CandidateResult, metric: str) -> str:
    """Return in a few words how a candidate did beside the champion; empty without one."""
    found = comparison_of(result, metric)
    if found is None:
        why = result.champion_failure
        return f"not held against the champion ({why})" if why else ""
    beside = f"{found.value:.4g} beside the champion's {found.champion:.4g} on the same rows"
    if found.low is not None and found.low > 0:
        return f"{metric} {beside}: better"
    return f"{metric} {beside}: not shown to be better"
