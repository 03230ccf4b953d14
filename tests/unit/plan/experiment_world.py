"""A cluster in which several models answer, and rewards are told later."""

import random
from dataclasses import replace
from typing import Any

from builders import SHA, deployment
from gateway_world import GatewayWorld
from rollout_world import World, wanted_sha

from perennial.plan.core.questions import Answer, Answers
from perennial.plan.core.signature import SignatureAnswer
from perennial.plan.rollout import DeploymentSnapshot
from perennial.plan.rollout.experiment import is_on, questions
from perennial_artifact.outcomes import AGES, Known, Outcomes, Rewards
from perennial_artifact.windows import Window

LETTERS = "bcde"


def variants(count: int = 1) -> list[dict[str, Any]]:
    """Return variants called b, c, … whose digests are made of these letters."""
    return [
        {"name": x, "model": {"artifact": {"uri": f"s3://models/{x}/", "sha256": x * 64}}}
        for x in LETTERS[:count]
    ]


def spec(count: int = 1, **experiment: Any) -> dict[str, Any]:
    """Return the spec of a ModelDeployment with an experiment."""
    more = {"variants": variants(count), "outcome": {"reward": {}}, "batch": "1m", **experiment}
    return {"serving": {"receipts": {}}, "replicas": 4, "experiment": more}


class ExperimentWorld(World):
    """Each pod has as many of ``requests`` a second as any other.

    ``rewards`` are the chances of a reward of 1, by digest; all are told ``delay`` seconds later.
    """

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.requests, self.delay = 40.0, 5.0
        self.rewards = {letter * 64: 0.1 for letter in f"a{LETTERS}"}
        self.drawn = random.Random(1)
        self.arrivals: list[tuple[float, str, int, int]] = []  # when, digest, how many, rewarded
        self.bad_variants: dict[str, float] = {}  # the share of errors, by digest
        self.unheard: set[str] = set()  # revisions whose pods do not tell outcomes

    def _serve(self) -> None:
        super()._serve()
        self._earn(1.0)
        for revision in self.selected():
            bad = self.bad_variants.get(wanted_sha(self.workloads[revision]), 0.0)
            if bad and self.ready(revision):
                self._count(revision, 20.0, bad, 0.0, 0.01)

    def _earn(self, seconds: float) -> None:
        parts = self.parts()
        for revision, part in parts.items():
            exact = seconds * self.requests * part / sum(parts.values())
            n = int(exact) + (self.drawn.random() < exact % 1)
            sha = wanted_sha(self.workloads[revision])
            hits = sum(self.drawn.random() < self.rewards[sha] for _ in range(n))
            self.arrivals.append((self.now() + self.delay, sha, n, hits))

    def parts(self) -> dict[str, int]:
        """Return how requests are divided among revisions with pods."""
        return {r: self.ready(r) for r in self.selected() if self.ready(r)}

    def now(self) -> float:
        return self._observed().now.timestamp()

    def snapshot(self) -> DeploymentSnapshot:
        s = super().snapshot()
        known = s.status.experiment
        if is_on(s.status) and known is not None and known.waiting_since is not None:
            s = replace(s, signatures=tuple(self._variants_told(s)))
        asked = questions(s)
        if "requests" in asked:
            s = replace(s, answers=self.answers(s.now))
        if "outcomes" in asked:
            s = replace(s, outcomes=self._rewarded(s, asked["outcomes"]))
        return s

    def _variants_told(self, s: DeploymentSnapshot) -> list[SignatureAnswer]:
        assert s.status.stable is not None
        names = [r.revision for r in (s.status.stable, *s.status.variants)]
        return [
            SignatureAnswer(f"pod-{r}", r, self.signature_of(r)) for r in names if self.ready(r)
        ]

    def _rewarded(self, s: DeploymentSnapshot, asked: Any) -> Answers:
        known = s.status.experiment
        assert known is not None and known.judged_until is not None
        start, until = known.judged_until.timestamp(), asked.until
        age = next(a for a in AGES if self.delay <= a)
        found: dict[str, list[int]] = {}
        for when, sha, n, hits in self.arrivals:
            if start <= when < until:
                sums = found.setdefault(sha, [0, 0])
                sums[0], sums[1] = sums[0] + n, sums[1] + hits
        told = [
            Outcomes(
                version=sha[:12], score="None", known=[Known(age=age, rewards=Rewards(n, x, x))]
            )
            for sha, (n, x) in found.items()
        ]
        ready = {r: (f"pod-{r}",) for r in self.workloads if self.ready(r)}
        teller = next((r for r in ready if r not in self.unheard), None)
        heard = []
        for r in ready:
            if r in self.unheard:
                heard.append(Answer(f"pod-{r}", r, problem="did not answer"))
                continue
            window = Window(
                model="m", version="1", since=0, clock=s.now.timestamp(), start=int(start),
                end=until, outcomes=told if r == teller else [],
            )  # fmt: skip
            heard.append(Answer(f"pod-{r}", r, window))
        return Answers(ready, until, tuple(heard))

    @property
    def experiment(self) -> Any:
        return self.deployment.status.experiment

    def run(self, seconds: float, each: float = 5.0) -> list[str]:
        """Let time pass; return the reasons of the events."""
        reasons: list[str] = []
        for _ in range(round(seconds / each)):
            self._earn(each - 1)
            reasons += [event.reason for event in self.step(seconds=each).events]
        return reasons


class GatewayExperimentWorld(ExperimentWorld, GatewayWorld):
    """The same behind a Gateway: requests are divided as its route says."""

    def parts(self) -> dict[str, int]:
        return {r: n for r, n in self.in_force.items() if self.ready(r)} or super().parts()


def world(count: int = 1, **experiment: Any) -> ExperimentWorld:
    """Return a world whose first model serves."""
    made = ExperimentWorld(**spec(count, **experiment))
    assert deployment().spec.model.artifact is not None and SHA == "a" * 64
    made.run(30)
    return made
