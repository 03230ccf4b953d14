"""Gates: what a candidate must prove before it becomes a version."""

from collections.abc import Sequence

from perennial.api.training import Gate
from perennial_artifact.manifest import Metric
from perennial_artifact.result import CandidateResult


def value_of(metrics: Sequence[Metric], name: str) -> float | None:
    """Return a metric over all held-out rows, None where it was not measured."""
    return next((m.value for m in metrics if m.name == name and not m.slice), None)


def failures(gates: Sequence[Gate], result: CandidateResult, has_champion: bool) -> list[str]:
    """Return a sentence for each gate that the candidate fails; none means that it passed."""
    return [text for gate in gates if (text := _failure(gate, result, has_champion))]


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
        champion = value_of(result.champion_metrics, gate.metric)
        if champion is None:
            why = result.champion_failure or "its metric is missing"
            return (
                f"{gate.metric} of the champion was not measured on the same rows: {why}; take "
                "the gate away for one run to begin anew"
            )
        allowed = gate.against_champion.maximum_loss
        if champion - value > allowed:
            return (
                f"{gate.metric} {value:.4g} is worse than the champion's {champion:.4g} on the "
                f"same rows by {champion - value:.3g}; {allowed:g} is allowed"
            )
    return ""
