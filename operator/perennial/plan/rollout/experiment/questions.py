"""What pods are asked for an experiment."""

from perennial.plan.core.questions import Asked
from perennial.plan.rollout.experiment.health import request_questions
from perennial.plan.rollout.experiment.told import outcome_questions
from perennial.plan.rollout.snapshot import DeploymentSnapshot
from perennial_artifact.windows import Part


def questions(s: DeploymentSnapshot) -> dict[Part, Asked]:
    """Return what pods are to be asked, by part: how arms answer, and what they earned."""
    found: dict[Part, Asked | None] = {
        "requests": request_questions(s),
        "outcomes": outcome_questions(s),
    }
    return {part: asked for part, asked in found.items() if asked is not None}
