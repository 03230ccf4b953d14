"""Whether a run that nobody asked for in person found anything new.

Live traffic may differ from the rows for good: without this, drift would ask for a run after
every cooldown, and each would ship the same model again.
"""

from perennial.api.training import RunStatus, TrainingSpec
from perennial.api.version import DatasetRecord
from perennial_artifact.manifest import DatasetRecord as Learned
from perennial_artifact.result import CandidateResult

BY_ITSELF = frozenset({"Drift", "Schedule"})


def _rows(dataset: DatasetRecord | Learned) -> tuple[str, int, int]:
    """Return what tells rows apart: of the same files fewer may be new enough than before."""
    return dataset.sha256, dataset.rows, dataset.feedback_rows or 0


def nothing_new(run: RunStatus, spec: TrainingSpec, result: CandidateResult) -> str:
    """Return why the winner is not shipped, '' where it is."""
    champion = run.champion
    if champion is None or run.trigger not in BY_ITSELF:
        return ""
    dataset, before = result.dataset, champion.dataset
    if dataset is not None and before is not None and _rows(dataset) == _rows(before):
        return f"the rows are those that {champion.version} learned from"
    metric = spec.objective.metric
    for comparison in result.comparisons:
        if comparison.name == metric and comparison.value == comparison.champion:
            message = (
                f"{metric} {comparison.value:.4g} is that of {champion.version} on the same rows"
            )
            return f"{result.candidate} is no better: {message}"
    return ""
