"""An experiment: variants beside spec.model, and what decides among them."""

from typing import Literal

from pydantic import Field

from perennial.api.common import ApiModel, LocalRef
from perennial.api.deployment.experiment.allocation import Allocation, Fixed, ThompsonSampling
from perennial.api.deployment.model import ArtifactSource, ModelSource
from perennial.api.values import Duration, Name, one_of, rule, within

MOST_VARIANTS = 4
FEWEST_OUTCOMES = 50
"""Outcomes of an arm below which normal approximations say nothing."""


class VariantModel(ApiModel):
    """Which model a variant is: exactly one of versionRef, artifact."""

    model_config = {
        "json_schema_extra": {"x-kubernetes-validations": [one_of("versionRef", "artifact")]}
    }

    version_ref: LocalRef | None = Field(None, description="This ModelVersion.")
    artifact: ArtifactSource | None = Field(None, description="The artifact at this place.")

    @property
    def source(self) -> ModelSource:
        """Return it as spec.model would name it."""
        return ModelSource(version_ref=self.version_ref, artifact=self.artifact)


class Variant(ApiModel):
    """A model that is tried beside spec.model."""

    name: Name = Field(
        description="What the status calls it.",
        json_schema_extra={
            "x-kubernetes-validations": [
                rule("self != 'stable'", "stable is what spec.model is called: take another name")
            ]
        },
    )
    model: VariantModel = Field(description="Which model it is.")


class Reward(ApiModel):
    """The reward that feedback quotes a receipt with: the model with the highest mean is best."""


class Outcomes(ApiModel):
    """What the models are compared by: reward, the only one that there is."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                rule("has(self.reward)", "write reward: {}, by which models are compared")
            ]
        }
    }

    reward: Reward | None = Field(
        None,
        description=(
            "The mean of the rewards that feedback tells by receipt. Tell a reward of every "
            "decision, 0 too, and all at about the same delay: of many rows, of the chosen one."
        ),
    )


class Stop(ApiModel):
    """When the experiment ends."""

    probability_best: float = Field(
        0.99,
        ge=0.8,
        lt=1,
        description=(
            "A model wins once it is better than every other with this certainty, at all looks "
            "together: of experiments with equal models, so few name a winner."
        ),
    )
    minimum_outcomes: int = Field(
        200,
        ge=FEWEST_OUTCOMES,
        le=1_000_000_000,
        description="Outcomes of each model before any share moves, and anything is decided.",
    )
    value_remaining: float = Field(
        0.01,
        ge=0,
        le=1,
        description=(
            "It ends without a winner, too, once the models that may be the best differ, with 95 % "
            "certainty, by less than this part of their mean. 0 never ends it so."
        ),
    )
    after: Duration = Field(
        "336h",
        description="It ends after so long, winner or not.",
        json_schema_extra=within("1m", "8760h"),
    )


class Experiment(ApiModel):
    """Several models on live traffic for a time; spec.model is one of them, called stable."""

    model_config = {
        "json_schema_extra": {
            "x-kubernetes-validations": [
                rule(
                    "!has(self.allocation) || !has(self.allocation.thompsonSampling)"
                    " || self.allocation.thompsonSampling.minimumShare"
                    " * double(size(self.variants) + 1) <= 1.0",
                    "minimumShare times the number of models, spec.model counted, is above 1",
                ),
                rule(
                    "!has(self.allocation) || !has(self.allocation.fixed)"
                    " || !has(self.allocation.fixed.shares)"
                    " || size(self.allocation.fixed.shares) == size(self.variants)"
                    " && self.allocation.fixed.shares.all(s,"
                    " self.variants.exists(v, v.name == s.name))",
                    "fixed.shares must name each variant; spec.model has the rest",
                ),
            ]
        }
    }

    variants: list[Variant] = Field(
        description=(
            "The models that are tried beside spec.model, each of another artifact: rewards are "
            "told apart by its digest."
        ),
        min_length=1,
        max_length=MOST_VARIANTS,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    )
    allocation: Allocation | None = Field(
        None,
        description="How much of the traffic each model gets; by default thompsonSampling.",
    )
    outcome: Outcomes = Field(description="What the models are compared by.")
    batch: Duration = Field(
        "10m",
        description=(
            "How often shares may move. Outcomes are compared with those of the same batch and of "
            "predictions of the same age only."
        ),
        json_schema_extra=within("10s", "24h"),
    )
    stop: Stop = Field(Stop(), description="When it ends.")
    then: Literal["Report", "Promote"] = Field(
        "Report",
        description=(
            "What becomes of the winner. Report: the status and an Event tell it. Promote: it "
            "takes over by the rollout's own strategy, and serves until spec.model asks for "
            "another model than it does now."
        ),
    )

    @property
    def sampling(self) -> ThompsonSampling | None:
        """Return how shares move, None where they are fixed."""
        if self.allocation is None:
            return ThompsonSampling()
        return self.allocation.thompson_sampling

    @property
    def fixed(self) -> Fixed | None:
        """Return the fixed shares, None where they move."""
        return self.allocation.fixed if self.allocation is not None else None
