"""What is observed of a ModelDeployment, and what follows from that alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from perennial.api.deployment import (
    AnalysisStatus,
    DeploymentStatus,
    ExperimentStatus,
    ModelDeployment,
    ModelSource,
)
from perennial.api.monitor import DriftMonitor
from perennial.api.training import ModelTraining
from perennial.api.values import Json, seconds
from perennial.api.version import ModelVersion
from perennial.plan.core import Finding, Settings
from perennial.plan.core.golden import GoldenAnswer
from perennial.plan.core.outside import Measurement
from perennial.plan.core.questions import Answers
from perennial.plan.core.signature import SignatureAnswer
from perennial.plan.pods.health import lacking_for, refused, trouble, unattended
from perennial.plan.serving.children import child_name
from perennial.plan.serving.revision import Record

REVISION_LABEL = "perennial.dev/revision"
ROLE_LABEL = "perennial.dev/role"
REPLACED = "replaced"
"""The role of what served before."""
FAILED = "failed"
"""The role of what was rolled back."""


@dataclass(frozen=True)
class DeploymentSnapshot:
    """All that a decision about a ModelDeployment depends on."""

    deployment: ModelDeployment
    now: datetime
    settings: Settings
    training: ModelTraining | None = None
    version: ModelVersion | None = None
    """The version that the spec names; or that its training names, where it would be untried."""
    variant_versions: Mapping[str, ModelVersion] = field(default_factory=dict)
    """The versions of an experiment's variants, and of its winner, by their names."""
    stable_version: ModelVersion | None = None
    """The version that is stable, where another would be served untried."""
    versions: tuple[ModelVersion, ...] = ()
    """The versions of the training, where nothing serves and the one that it names is refuted."""
    records: tuple[Record, ...] = ()
    workloads: tuple[Json, ...] = ()
    service: Json | None = None
    services: tuple[Json, ...] = ()
    """Our other Services: not the one that is called as the ModelDeployment."""
    routes: tuple[Json, ...] = ()
    """What a Gateway is told, where requests come through one."""
    budgets: tuple[Json, ...] = ()
    """Our PodDisruptionBudgets: at most one."""
    no_routes: Finding | None = None
    """Why nothing is known of routes, where they are wanted."""
    policies: tuple[Json, ...] = ()
    """What keeps users at one version: at most one."""
    no_policies: Finding | None = None
    """Why nothing is known of such policies, where they are wanted."""
    taken: frozenset[str] = frozenset()
    """Names for Services of ours that somebody else's have."""
    pods: tuple[Json, ...] = ()
    answers: Answers | None = None
    """What stable's and the canary's pods counted, or an experiment's; None where they were not
    asked in this pass."""

    outcomes: Answers | None = None
    """What became known of their predictions; None where it was not asked in this pass."""

    signatures: tuple[SignatureAnswer, ...] = ()
    """What their models take and give; empty where they were not asked in this pass."""

    measurements: tuple[tuple[str, Measurement], ...] = ()
    """The numbers of others that came since the last pass, by their questions' ids."""

    golden: tuple[GoldenAnswer, ...] = ()
    """What pods of both arms made of the golden requests; empty where that is not known yet."""

    golden_map: Json | None = None
    """The ConfigMap with the golden requests, None where there is none, or none is asked for."""

    measured: AnalysisStatus | None = None
    """What was found of the canary since the status was written."""

    measured_experiment: ExperimentStatus | None = None
    """What was found of an experiment's arms since the status was written."""

    monitors: tuple[DriftMonitor, ...] = ()
    """DriftMonitors that watch it and asked for a rollback, where there is a way back."""

    no_receipts: Finding | None = None
    """Why there is no key for receipts, where they are wanted."""

    @property
    def status(self) -> DeploymentStatus:
        """Return the status as it was written, with what was measured since."""
        written = self.deployment.status
        if self.measured is not None:
            written = written.having(analysis=self.measured)
        if self.measured_experiment is not None:
            written = written.having(experiment=self.measured_experiment)
        return written

    def as_if(self, model: ModelSource) -> "DeploymentSnapshot":
        """Return what is observed as it would be if the spec named another model."""
        ref = model.version_ref
        version = self.variant_versions.get(ref.name) if ref is not None else None
        spec = self.deployment.spec.model_copy(update={"model": model})
        deployment = self.deployment.model_copy(update={"spec": spec})
        return replace(self, deployment=deployment, version=version, training=None)

    @property
    def beside(self) -> tuple[Json, ...]:
        """Return what is ours beside Deployments and the Service; what is unwanted is deleted."""
        return (*self.routes, *self.policies, *self.services, *self.budgets)

    @property
    def replicas(self) -> int:
        """Return the pods wanted: a person or an autoscaler writes them."""
        return self.deployment.spec.replicas

    @property
    def likely_stable(self) -> Json | None:
        """Return the Deployment that serves, as far as its labels and the Service tell."""
        answering = self.selection

        def likely(live: Json) -> tuple[bool, bool, int]:
            labels = live["metadata"]["labels"]
            # The replaced one is still called stable too: whom the Service names is the right one.
            is_stable = labels.get(ROLE_LABEL) == "stable"
            return labels.get(REVISION_LABEL) == answering, is_stable, ready_pods(live)

        return max(self.workloads, key=likely, default=None)

    @property
    def selection(self) -> str | None:
        """Return the one revision that the Service was seen to name; None: all, or no Service."""
        found = (self.service or {}).get("spec", {}).get("selector", {}).get(REVISION_LABEL)
        return None if found is None else str(found)

    @property
    def populated(self) -> frozenset[str]:
        """Return the revisions whose Deployments ask for pods, or have some."""
        return frozenset(
            str(live["metadata"]["labels"][REVISION_LABEL])
            for live in self.workloads
            if int(live["spec"].get("replicas", 1)) > 0 or ready_pods(live) > 0
        )

    def workload(self, revision: str) -> Json | None:
        """Return a revision's Deployment."""
        name = child_name(self.deployment, revision)
        return next((w for w in self.workloads if w["metadata"]["name"] == name), None)

    def record(self, revision: str) -> Record | None:
        """Return what a revision was made of, as it was recorded."""
        return next((r for r in self.records if r.name == revision), None)

    def asked(self, revision: str) -> int:
        """Return the pods that a revision's Deployment asks for."""
        live = self.workload(revision)
        return int(live["spec"].get("replicas", 1)) if live is not None else 0

    def pods_of(self, revision: str) -> list[Json]:
        """Return a revision's pods."""
        label = REVISION_LABEL
        return [p for p in self.pods if p["metadata"].get("labels", {}).get(label) == revision]

    def has_ending_pods(self, revision: str) -> bool:
        """Tell whether pods of a revision are about to be gone, and hold their room yet."""
        return any("deletionTimestamp" in p["metadata"] for p in self.pods_of(revision))

    def trouble(self, revision: str) -> Finding | None:
        """Return why a revision's pods do not become ready, as far as anything tells."""
        live = self.workload(revision)
        found = refused(live) or trouble(self.pods_of(revision), self.now)
        return found or unattended(live, self.now)

    def gets_ready(self, revision: str) -> bool:
        """Tell whether the pods that a revision lacks may come yet: nothing is in their way."""
        lasts = lacking_for(self.workload(revision), self.now)
        late = lasts > seconds(self.deployment.spec.rollout.progress_deadline)
        return not late and self.trouble(revision) is None

    def ready(self, revision: str) -> int:
        """Return the ready pods of a revision, 0 while its Deployment's newest wish is unseen."""
        live = self.workload(revision)
        if live is None:
            return 0
        status = live.get("status", {})
        if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
            return 0
        return min(int(status.get("readyReplicas", 0)), int(status.get("updatedReplicas", 0)))

    def ready_as_reported(self, revision: str) -> int:
        """Return the ready pods of a revision as they were last told."""
        live = self.workload(revision)
        return ready_pods(live) if live is not None else 0

    def is_asked_at(self, index: int) -> bool:
        """Tell whether what is on trial gets requests at a step, be it copies of them."""
        return self.weight_at(index) > 0 or self.deployment.spec.rollout.shadow is not None

    def weight_at(self, index: int) -> int:
        """Return the weight in force at a step: that of the newest setWeight up to it."""
        steps = self.deployment.spec.rollout.steps[: index + 1]
        return next((st.set_weight for st in reversed(steps) if st.set_weight is not None), 0)


def ready_pods(live: Json) -> int:
    """Return the ready pods of a Deployment, as it was last told."""
    return int(live.get("status", {}).get("readyReplicas", 0))


def other_models(deployment: ModelDeployment) -> list[ModelSource]:
    """Return the models that are wanted beside the one that the spec names, or instead of it."""
    experiment, status = deployment.spec.experiment, deployment.status.experiment
    found = [v.model.source for v in experiment.variants] if experiment is not None else []
    won = status.promoted if status is not None else None
    promoted = won.source if won is not None else None
    return [*found, *([promoted] if promoted is not None and promoted not in found else [])]
