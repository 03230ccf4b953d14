"""The PodDisruptionBudget of a ModelDeployment."""

from collections.abc import Iterable

from perennial.api.deployment import DisruptionBudget, ModelDeployment
from perennial.api.values import Json
from perennial.plan.serving.children import metadata


def disruption_budget(
    deployment: ModelDeployment, budget: DisruptionBudget, revisions: Iterable[str]
) -> Json:
    """Return the PodDisruptionBudget over the pods of some revisions.

    Of one object for all of them, since a pod that two budgets cover can never be evicted.
    """
    mine = {"perennial.dev/deployment": deployment.metadata.name}
    one_of = {"key": "perennial.dev/revision", "operator": "In", "values": sorted(revisions)}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(deployment, deployment.metadata.name, {}),
        "spec": {
            **budget.to_json(),
            "selector": {"matchLabels": mine, "matchExpressions": [one_of]},
            # A pod that is not ready has no requests: to keep it would only hold up a drain.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
