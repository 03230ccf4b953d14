"""People, trainings, pods and kills in any order: what must never happen, and where it ends."""

from typing import Any, ClassVar

from api_server import Refusal
from builders import later
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from rollout_world import USUAL, World, signature, wanted_sha

from effort import tried
from perennial.plan.rollout import plan_deployment

SHAS = st.sampled_from([letter * 64 for letter in "abcd"])
STEPS = st.lists(
    st.one_of(
        st.sampled_from([0, 10, 25, 50, 75, 100]).map(lambda w: {"setWeight": w}),
        st.sampled_from([{"duration": "3s"}, {"duration": "9s"}, {}]).map(lambda p: {"pause": p}),
    ),
    min_size=1,
    max_size=4,
)
PAUSES = st.sampled_from([{}, {"pause": {"duration": "9s"}}, {"pause": {}}])
RAMPS = st.sampled_from([[50], [10, 75], [100]]).map(lambda r: {"ramp": r, "every": "3s"})
STRATEGIES = st.one_of(
    STEPS.map(lambda steps: {"canary": {"steps": steps}}),
    RAMPS.map(lambda ramp: {"canary": ramp}),
    PAUSES.map(lambda pause: {"blueGreen": pause}),
)
ANALYSES: list[dict[str, Any]] = [
    {"none": {}},
    {"planned": 100, "waitAtMost": "20s"},  # errors and refusals beside stable's
    {
        "planned": 60,
        "waitAtMost": "20s",
        "undecided": "Promote",
        "metrics": [
            {"name": "errors", "errorRate": {"maximum": 0.1}},
            {"name": "slow", "latency": {"quantile": 0.9, "maximum": "250ms"}},
            {"name": "beside", "latency": {"againstStable": {}}, "warmUp": "5s"},
            {"name": "seen", "refusalRate": {"maximum": 0}, "mode": "Observe"},
        ],
    },
]
VERBS = st.sampled_from(
    ["promote", "promote-full", "pause", "resume", "abort", "retry", "undo", "dance", "refresh"]
)
SIGNATURES = [USUAL, signature("hour"), signature("hour", "distance", "carrier"), None]
CLUSTERS = ("node", "quota", "image", "secret", "controllers")


class Rollouts(RuleBasedStateMachine):
    """One ModelDeployment's life."""

    WORLD: ClassVar[type[World]] = World
    world: World

    @initialize(
        replicas=st.sampled_from([0, 1, 2, 4, 5]),
        strategy=STRATEGIES,
        analysis=st.sampled_from(ANALYSES),
        follows=st.booleans(),
        on_new=st.sampled_from(["Finish", "Restart"]),
        surge=st.sampled_from(["100%", "25%", 1]),
        kept=st.sampled_from(["0s", "30s", "5m"]),
        bake=st.sampled_from([None, "0s", "20s"]),
        kept_failed=st.sampled_from([None, "1m"]),
        tells_room=st.booleans(),
    )
    def begin(
        self,
        replicas: int,
        strategy: dict[str, Any],
        analysis: Any,
        follows: bool,
        on_new: str,
        surge: int | str,
        kept: str,
        bake: str | None,
        kept_failed: str | None,
        tells_room: bool,
    ) -> None:
        rollout: dict[str, Any] = {**strategy, "progressDeadline": "20s"}
        rollout |= {"bake": bake, "keepFailed": kept_failed}
        rollout["onNewVersion"] = on_new
        rollout |= {"analysis": analysis, "maxSurge": surge, "keepReplaced": kept}
        spec: dict[str, Any] = {"rollout": rollout, "replicas": replicas}
        if follows:
            spec["model"] = {"trainingRef": {"name": "flights"}}
        self.world = self.WORLD(**spec)
        self.world.instant = False
        self.world.tells_room, self.world.spares = tells_room, int(tells_room)
        self.follows = follows
        self.versions = self.tokens = 0
        self.world.train(0, "a" * 64)
        self.world.settle()

    @rule(cut=st.integers(0, 4), seconds=st.sampled_from([0.0, 0.5, 2.0, 5.0, 31.0]))
    def look(self, cut: int, seconds: float) -> None:
        """Let the operator look once, and kill it after some writes."""
        self.world.step(cut, seconds)

    @rule()
    def fall_asleep(self) -> None:
        """A leader decides, and is stopped before it writes; another one leads from now on."""
        self.asleep = (self.world.deployment, plan_deployment(self.world.snapshot()))

    @precondition(lambda self: hasattr(self, "asleep"))
    @rule(cut=st.integers(1, 5))
    def wake_up(self, cut: int) -> None:
        """It writes what it decided then, beside the new leader's writes."""
        owner, plan = self.asleep
        self.world.carry_out(plan, cut, owner)

    @rule(passes=st.integers(1, 40), verb=st.sampled_from(["", "abort", "promote"]))
    def lead_beside_another(self, passes: int, verb: str) -> None:
        """Each plan of an old leader lands after the new one's next writes."""
        if verb:
            self.ask(verb)
        for _ in range(passes):
            owner, plan = self.world.deployment, plan_deployment(self.world.snapshot())
            self.work(1)
            self.world.carry_out(plan, 99, owner)

    @rule(passes=st.integers(1, 12))
    def work(self, passes: int) -> None:
        """Let the operator and the pods go on for a while."""
        for _ in range(passes):
            self.world.step()
            self.world.grow(1)

    @rule(pods=st.integers(1, 5))
    def start_pods(self, pods: int) -> None:
        self.world.grow(pods)

    @rule(
        sha=SHAS,
        passes=st.integers(0, 40),
        broken=st.sampled_from(["", "", "", "silent", "crash", "store", *CLUSTERS]),
    )
    def new_model(self, sha: str, passes: int, broken: str) -> None:
        if broken:
            self.break_model(sha, broken)
        if self.follows:
            self.versions += 1
            self.world.train(self.versions, sha)
        else:
            self.world.wish(sha)
        self.work(passes)

    @precondition(lambda self: self.follows)
    @rule()
    def delete_the_training(self) -> None:
        self.world.training = None

    @rule(cpu=st.sampled_from(["1", "2"]))
    def new_settings(self, cpu: str) -> None:
        self.world.change(serving={"resources": {"requests": {"cpu": cpu}}})

    @rule(replicas=st.sampled_from([0, 1, 3, 4]))
    def scale(self, replicas: int) -> None:
        self.world.change(replicas=replicas)

    @rule(pods=st.integers(0, 6))
    def scale_a_child_by_hand(self, pods: int) -> None:
        """A hand that does not know better, or an autoscaler on the wrong object."""
        for revision in sorted(self.world.workloads)[:1]:
            self.world.scale_child(revision, pods)

    @rule(room=st.sampled_from([3, 5, 7, 1000]))
    def fill_the_node(self, room: int) -> None:
        self.world.room = room

    @rule(verb=VERBS)
    def ask(self, verb: str) -> None:
        self.tokens += 1
        self.world.ask(f"{verb}/{self.tokens}")

    @rule(ago=st.sampled_from([0, 5, 890]))
    def a_monitor_asks_for_what_served_before(self, ago: int) -> None:
        """It stays there, whatever becomes of it."""
        self.world.ask_back(time=later(self.world.seconds - ago))

    def break_model(self, sha: str, how: str) -> None:
        """Let a model's new pods fail; those that answer go on."""
        if all(wanted_sha(live) != sha for live in self.world.workloads.values()):
            self.world.broken[sha] = how

    @rule(sha=SHAS, how=st.sampled_from(SIGNATURES))
    def other_signature(self, sha: str, how: Any) -> None:
        """Let a model that is not there yet take or give something else, or not tell what."""
        if all(wanted_sha(live) != sha for live in self.world.workloads.values()):
            self.world.signatures[sha] = how

    @rule(sha=SHAS)
    def mend_model(self, sha: str) -> None:
        self.world.broken.pop(sha, None)

    @rule(image=st.sampled_from(["perennial/serving:a", "perennial/serving:b"]))
    def upgrade(self, image: str) -> None:
        self.world.upgrade(serving_image=image, image_pull_secrets=(image[-1],))

    @rule(strategy=STRATEGIES)
    def other_strategy(self, strategy: dict[str, Any]) -> None:
        rollout = self.world.deployment.spec.rollout.to_json()
        kept = {k: v for k, v in rollout.items() if k not in ("canary", "blueGreen")}
        self.world.change(rollout={**kept, **strategy})

    @rule(
        what=st.sampled_from(["Deployment", "Service", "ControllerRevision", "canary", "deletion"]),
        code=st.sampled_from([403, 409, 422, 429, 500]),
        passes=st.integers(1, 8),
    )
    def refuse(self, what: str, code: int, passes: int) -> None:
        """Let the API server refuse some writes for a while."""
        self.world.refused[what] = Refusal(code, "no")
        self.work(passes)
        self.world.refused.clear()

    @rule(
        rate=st.sampled_from([0.0, 0.05, 0.5]),
        refused=st.sampled_from([0.0, 0.5]),
        seconds=st.sampled_from([0.01, 0.3]),
        requests=st.sampled_from([0.0, 3.0, 40.0]),
        stable=st.sampled_from([0.0, 40.0]),
    )
    def traffic(
        self, rate: float, refused: float, seconds: float, requests: float, stable: float
    ) -> None:
        self.world.error_rate, self.world.refusal_rate = rate, refused
        self.world.requests_per_pass, self.world.stable_requests = requests, stable
        self.world.seconds_each = seconds

    @rule(silent=st.sets(st.sampled_from(["stable", "canary"])), pods=st.integers(1, 3))
    def block_metrics(self, silent: set[str], pods: int) -> None:
        """Let no pod of an arm answer, or all but one of them."""
        self.world.silent, self.world.pods_each = silent, pods

    @rule(
        behind=st.dictionaries(st.sampled_from(["stable", "canary"]), st.integers(1, 20)),
        skewed=st.dictionaries(st.sampled_from(["stable", "canary"]), st.sampled_from([-9.0, 9.0])),
    )
    def set_clocks(self, behind: dict[str, int], skewed: dict[str, float]) -> None:
        self.world.behind = {role: 2 * seconds for role, seconds in behind.items()}
        self.world.skewed = skewed

    @rule()
    def restart_the_canary(self) -> None:
        """What its containers counted is lost."""
        canary = self.world.deployment.status.canary
        if canary is not None:
            self.world.restart(canary.revision)

    @rule(analysis=st.sampled_from(ANALYSES))
    def other_analysis(self, analysis: Any) -> None:
        rollout = {**self.world.deployment.spec.rollout.to_json(), "analysis": analysis}
        self.world.change(rollout=rollout)

    @rule()
    def crash_a_pod(self) -> None:
        canary = self.world.deployment.status.canary
        if canary is not None:
            self.world.crash(canary.revision)

    @rule(surge=st.sampled_from(["100%", "50%", 1]))
    def other_surge(self, surge: int | str) -> None:
        rollout = {**self.world.deployment.spec.rollout.to_json(), "maxSurge": surge}
        self.world.change(rollout=rollout)

    @rule()
    def lose_status(self) -> None:
        self.world.lose_status()

    @rule()
    def delete_the_service(self) -> None:
        self.world.service = None

    @rule()
    def delete_the_canary_by_hand(self) -> None:
        canary = self.world.deployment.status.canary
        if canary is not None:
            self.world.workloads.pop(canary.revision, None)

    @invariant()
    def a_rejected_revision_is_not_on_trial(self) -> None:
        status = self.world.deployment.status
        rejected = {r.revision for r in status.rejected}
        assert status.canary is None or status.canary.revision not in rejected

    @rule()
    def delete_a_record_by_hand(self) -> None:
        for name in sorted(self.world.records)[:1]:
            del self.world.records[name]

    @invariant()
    def shares_sum_to_100(self) -> None:
        status = self.world.deployment.status
        shares = [r.share for r in status.revisions if r.share is not None]
        assert all(0 <= share.asked <= 100 and 0 <= share.actual <= 100 for share in shares)
        whole = 100 if status.stable is not None else 0
        assert sum(share.asked for share in shares) == whole
        assert sum(share.actual for share in shares) == whole

    @invariant()
    def what_was_recorded_is_what_is_applied(self) -> None:
        for revision, live in self.world.workloads.items():
            record = self.world.records.get(f"flights-{revision}")
            if record is not None:
                assert live["spec"]["template"] == record["data"]["template"]

    @invariant()
    def no_answer_is_counted_twice(self) -> None:
        status = self.world.deployment.status
        judged = status.canary or (status.stable if status.baking else None)
        for metric in status.analysis.metrics if status.analysis is not None else ():
            assert judged is not None
            assert metric.requests <= self.world.requests_of(judged.revision)

    @invariant()
    def what_serves_is_rejected_only_while_it_is_undone(self) -> None:
        status = self.world.deployment.status
        rejected = {r.revision for r in status.rejected}
        if status.stable is not None and status.stable.revision in rejected:
            assert status.canary is not None and status.canary.start_time is not None

    def teardown(self) -> None:
        """Left alone, it comes to rest where it should, and then writes nothing."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.room = 1000
        world.broken = {
            sha: how for sha, how in world.broken.items() if how not in ("store", *CLUSTERS)
        }
        world.settle()
        status = world.deployment.status
        writes = world.writes
        world.seconds += 100_000
        plan = plan_deployment(world.snapshot())
        world.carry_out(plan)
        if status.canary is not None:
            waits = status.paused or world.deployment.spec.replicas == 0
            assert waits, "a canary neither goes on nor waits for a person, or for pods"
            return
        assert world.writes == writes and not plan.events
        assert status.stable is not None
        stable = status.stable
        if stable.artifact.sha256 in world.broken:
            return  # whatever else still answers goes on, for want of better
        retired = set(world.workloads) - {stable.revision}
        assert retired <= {status.replaced.revision if status.replaced else ""}
        assert all(world.workloads[r]["spec"]["replicas"] == 0 for r in retired)
        assert world.service is not None
        assert world.service["spec"]["selector"]["perennial.dev/revision"] == stable.revision
        live = world.workloads[stable.revision]["spec"]["replicas"]
        assert live == world.deployment.spec.replicas
        model = world.deployment.spec.model
        wish = model.artifact.sha256 if model.artifact is not None else ""
        if world.training is not None and world.training.status.champion and self.follows:
            wish = world.training.status.champion.sha256
        if wish and stable.artifact.sha256 != wish:
            assert status.rejected, f"{wish[:1]} is wanted, {stable.artifact.sha256[:1]} serves"


TestRollouts = Rollouts.TestCase
TestRollouts.settings = settings(tried(120), stateful_step_count=30, derandomize=True)
