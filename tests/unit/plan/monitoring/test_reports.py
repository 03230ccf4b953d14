import json
from datetime import timedelta
from typing import Any

import pytest
from api_server import Refusal
from builders import NOW, SETTINGS, training
from report_world import FROM_LOG, RECALL, SHA, ReportWorld, serving, told

from perennial.api import DriftMonitor
from perennial.api.monitor import ReportStatus
from perennial_artifact.report import CohortCounts, EqualRows, ReportResult, ReportSpec, SliceValue
from perennial_artifact.result import MESSAGE_LIMIT, Failure, Note

JOB = "flights-report-1"


def document(job: dict[str, Any]) -> ReportSpec:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    found = {e["name"]: e["value"] for e in container["env"]}
    return ReportSpec.from_json(found["PERENNIAL_REPORT"])


def test_a_report_is_recorded_and_then_made_once() -> None:
    world = ReportWorld()
    world.step()
    assert (world.number, world.made) == (1, [])
    for _ in range(5):
        world.step()
    assert world.made == [JOB]
    assert world.condition() == ("Unknown", "UnderWay")


def test_two_monitors_of_one_deployment_have_jobs_and_pages_of_their_own() -> None:
    jobs, places = [], []
    for name in ("flights", "flights-report"):
        world = ReportWorld()
        meta = world.monitor.metadata.model_copy(update={"name": name})
        world.monitor = world.monitor.model_copy(update={"metadata": meta})
        world.step()
        world.step()
        (job,) = world.objects.values()
        jobs.append((job["metadata"]["name"], job["metadata"]["labels"]["perennial.dev/monitor"]))
        places.append(document(job).into)
    assert jobs == [(JOB, "flights"), ("flights-report-report-1", "flights-report")]
    log = "s3://logs/logs/team/flights/reports"
    assert places == [f"{log}/flights", f"{log}/flights-report"]


def test_its_job_has_the_rights_of_the_pods_of_the_training() -> None:
    world = ReportWorld()
    world.training = training({"job": {"serviceAccountName": "trainer"}})
    world.step()
    world.step()
    job = world.objects[JOB]
    pod = job["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "trainer"
    assert {v["name"]: v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v} == {
        "log": "log-key",
        "store": "model-key",
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert job["metadata"]["ownerReferences"][0]["kind"] == "DriftMonitor"
    assert job["spec"]["activeDeadlineSeconds"] == 3600
    assert job["spec"]["ttlSecondsAfterFinished"] >= 2 * 3600
    spec = document(job)
    assert (spec.version, spec.artifact_sha256) == ("flights-1", SHA)
    assert spec.log_uri == "s3://logs/logs/team/flights"
    assert (spec.window_seconds, spec.cohort_seconds, spec.maturity_seconds) == (1440, 60, 600)
    assert [(m.name, m.kind, m.minimum) for m in spec.metrics] == [("caught", "recall", 0.5)]


@pytest.mark.parametrize(("zone", "told"), [("Europe/Berlin", "Europe/Berlin"), ("Mars/X", None)])
def test_it_is_told_which_hours_are_asked_for(zone: str, told: str | None) -> None:
    """Of a zone that is none the monitor's own looks tell."""
    for spec, expected in (({"reference": {"sameHours": {"timeZone": zone}}}, told), (None, None)):
        world = ReportWorld(spec)
        world.step()
        world.step()
        assert document(world.objects[JOB]).same_hours == expected


def test_a_message_with_a_dollar_is_told_as_it_is() -> None:
    world = ReportWorld()
    world.step()
    conditions = world.monitor.status.conditions
    paid = [c.model_copy(update={"message": "it costs $(OMP_NUM_THREADS) and $$5"})
            for c in conditions]  # fmt: skip
    status = world.monitor.status.model_copy(update={"conditions": paid})
    world.monitor = world.monitor.model_copy(update={"status": status})
    world.step()
    (container,) = world.objects[JOB]["spec"]["template"]["spec"]["containers"]
    assert "$" not in json.dumps(container["env"])
    assert "it costs $(OMP_NUM_THREADS) and $$5" in {
        c.message for c in document(world.objects[JOB]).story.conditions
    }


def test_what_it_tells_is_judged_as_windows_are() -> None:
    world = ReportWorld()
    world.report(missed=0.2)
    assert world.condition() == ("True", "Published")
    world.step(after=300)
    assert world.condition("PerformanceKept") == ("True", "WithinLimits")
    metric = world.monitor.status.performance.metrics[0]  # type: ignore[union-attr]
    assert metric.value == pytest.approx(0.8) and metric.rows == 24 * 40
    assert "caught: recall 80% of 960 labels" in metric.message


def test_what_became_worse_is_broken_and_retrained_for() -> None:
    world = ReportWorld()
    world.training = training()
    world.report(missed=0.9)
    world.step(after=300)
    assert world.condition("PerformanceKept")[0] == "False"
    action = world.monitor.status.last_action
    assert action is not None and action.test == "performance"
    assert "caught: recall 10%" in action.message


def test_what_it_tells_is_judged_as_soon_as_its_job_has_ended() -> None:
    """And not with the next look at the traffic, which may be an hour away."""
    world = ReportWorld({"interval": "1h"})
    world.training = training()
    world.step()
    looked = world.monitor.status.checked_time
    drifted = world.condition("Drifted")
    world.report(missed=0.9)
    assert world.condition("PerformanceKept") == ("False", "AskedToRetrain")
    assert [e.reason for e in world.told].count("PerformanceBroken") == 1
    assert world.monitor.status.checked_time == looked
    assert world.condition("Drifted") == drifted
    world.step(after=60)
    assert world.monitor.status.retrainings == 1


def test_the_next_one_begins_when_it_is_due_and_the_last_has_ended() -> None:
    world = ReportWorld()
    world.report()
    world.step(after=3000)
    assert world.made == [JOB]
    world.step(after=600)
    world.step()
    assert world.made == [JOB, "flights-report-2"]
    for _ in range(5):
        world.step(after=7200)
    assert len(world.made) == 2  # it goes on
    assert world.condition() == ("True", "Published")  # of the first, and still so


def begun(worlds: list[ReportWorld]) -> list[float]:
    """Let all go on until each has begun a report; return when, in seconds from now."""
    found = []
    for world in worlds:
        start, number = world.now, world.number
        while world.number == number:
            plan = world.step(after=0)
            assert plan.requeue_after is not None
            world.step(after=plan.requeue_after)
        found.append((world.now - start).total_seconds())
    return found


def many(uids: int, **report: str) -> list[ReportWorld]:
    worlds = [ReportWorld({"report": report, "interval": "24h"}) for _ in range(uids)]
    for n, world in enumerate(worlds):
        world.call(f"0b87{n:04x}-6f1c-4d6e-9d5e-3b0a7c1e2f55")
    return worlds


def most_at_once(times: list[float], width: float = 60) -> int:
    return max(sum(t <= other < t + width for other in times) for t in times)


def test_first_reports_of_many_new_monitors_are_spread() -> None:
    times = begun(many(300, every="24h"))
    assert max(times) <= 901 and most_at_once(times) < 40  # 20 a minute on the average
    assert len({round(t) for t in times}) > 200


def test_the_first_report_comes_soon_where_they_come_often() -> None:
    assert max(begun(many(50, every="7s"))) <= 3
    assert max(begun(many(50, every="4m"))) <= 61


def test_reports_that_are_overdue_as_the_operator_was_away_are_spread_too() -> None:
    worlds = many(200, every="1h")
    for world in worlds:
        begun([world])
        world.step()
        world.finish(told(world.number, world.now))
        world.step()
        world.now = NOW + timedelta(hours=30)
    times = begun(worlds)
    assert max(times) <= 901 and most_at_once(times) < 35


def test_an_operator_that_asks_more_of_all_reports_makes_them_by_and_by() -> None:
    """Nobody has edited anything: what is hashed has changed."""
    worlds = many(100, every="24h")
    for world in worlds:
        begun([world])
        world.step()
        world.finish(told(world.number, world.now))
        world.step()
        report = world.monitor.status.report
        assert report is not None and world.condition() == ("True", "Published")
        older = {"report": report.model_copy(update={"asked": "by others"})}
        status = world.monitor.status.model_copy(update=older)
        world.monitor = world.monitor.model_copy(update={"status": status})
    times = begun(worlds)
    assert max(times) <= 901 and len({round(t) for t in times}) > 70


def test_a_moment_that_the_operator_slept_through_is_followed_by_another() -> None:
    (world,) = many(1, every="24h")
    world.step()
    world.now += timedelta(hours=9)
    world.step()
    report = world.monitor.status.report
    assert world.number == 0 and report is not None and report.due_time is not None
    assert timedelta() < report.due_time - world.now <= timedelta(seconds=900)
    assert world.condition() == ("Unknown", "NotDueYet")
    assert f"the first report is begun at {report.due_time:%Y-%m-%d %H:%M:%S}" in world.message()
    world.now = report.due_time
    world.step(after=0)
    assert world.number == 1 and world.monitor.status.report is not None
    assert world.monitor.status.report.due_time is None


def test_a_changed_spec_is_reported_on_at_once() -> None:
    world = ReportWorld()
    world.report()
    world.change(performance={**FROM_LOG, "metrics": [RECALL, {**RECALL, "name": "again"}]})
    world.step(after=5)
    world.step()
    assert world.made == [JOB, "flights-report-2"]
    assert world.condition("PerformanceKept") == ("Unknown", "NothingReported")


def test_what_a_report_tells_of_a_spec_that_has_changed_is_not_judged() -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    world.change(performance={**FROM_LOG, "metrics": [{**RECALL, "name": "other"}]})
    world.finish(told(1, world.now))
    world.step()
    world.step(after=300)
    assert world.condition("PerformanceKept") == ("Unknown", "NothingReported")
    assert world.number == 2


def test_of_another_version_nothing_is_said_until_it_is_reported_on() -> None:
    world = ReportWorld()
    world.report()
    world.deployment = serving(version="flights-2", sha="b" * 64)
    world.step(after=300)
    assert world.condition("PerformanceKept") == ("Unknown", "NothingReported")


@pytest.mark.parametrize("cut", range(4))
def test_an_operator_killed_at_any_write_converges(cut: int) -> None:
    whole, killed = ReportWorld(), ReportWorld()
    whole.report()
    for _ in range(3):
        killed.step(cut)
        killed.step()
    killed.finish(told(1, killed.now))
    killed.step(cut)
    killed.step()
    assert killed.made == whole.made == [JOB]
    assert killed.condition() == ("True", "Published")


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no JSON",
        "{}",
        told(7, ReportWorld().now),
        told(1, ReportWorld().now, cohort_seconds=61),
        told(1, ReportWorld().now, cohorts=[CohortCounts(9, 1, 1, 0, [1.0])]),
        told(1, ReportWorld().now, cohorts=[CohortCounts(9, -1, 1, 0, [1.0, 1.0, 0.0])]),
        told(1, ReportWorld().now, cohorts=[CohortCounts(9, 1, 1, 0, [-5.0, 1.0, 0.0])]),
        told(1, ReportWorld().now, lacks=["", ""]),
        told(1, ReportWorld().now, until=2**60),
        told(1, ReportWorld().now, until=-1),
        told(1, ReportWorld().now, cohorts=[CohortCounts(2**60, 1, 1, 0, [5.0, 1.0, 0.0])]),
        told(1, ReportWorld().now, cohorts=[CohortCounts(9, 2**63, 1, 0, [5.0, 1.0, 0.0])]),
        told(1, ReportWorld().now, cohorts=[CohortCounts(9, 9, 9, 0, [5.0, 6.0, 0.0])]),
        told(1, ReportWorld().now, cohorts=[CohortCounts(9, 4, 4, 0, [5.0, 1.0, 0.0])]),
        told(1, ReportWorld().now, cohorts=[CohortCounts(9, 9, 10, 0, [5.0, 1.0, 0.0])]),
        told(1, ReportWorld().now).replace("[40,8,0]", "[40,1e999,0]", 1),
        told(1, ReportWorld().now, maturity_seconds=-600),
        told(1, ReportWorld().now, past=[1, 2**62, 0]),
        told(1, ReportWorld().now, uri="https://elsewhere/reports/flights/2/report.html"),
        told(1, ReportWorld().now, uri="s3://theirs/reports/flights/1/report.html"),
        told(1, ReportWorld().now, equal_rows=EqualRows(rows=9, found=1.5, usual=0.0, p=0.0)),
        told(1, ReportWorld().now, equal_rows=EqualRows(rows=-9, found=0.5, usual=0.0, p=0.0)),
    ],
    ids=[
        *("empty", "text", "nothing", "number", "span", "short", "given", "negative", "lacks"),
        *("to come", "before all", "far", "beyond int64", "too many events", "too many rows"),
        *(
            "too many labels",
            "infinite",
            "maturity",
            "past",
            "elsewhere",
            "another store",
            "no share",
        ),
        "below none",
    ],
)
def test_rubbish_is_a_failure_and_never_kept(message: str) -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    world.finish(message)
    world.step()
    world.step(after=300)
    assert world.condition() == ("False", "ReportFailed")
    assert world.condition("PerformanceKept") == ("Unknown", "NothingReported")
    assert "ReportFailed: its container ended with" in world.message()


def test_what_it_counted_of_equal_rows_is_kept_until_the_next_one_says_otherwise() -> None:
    world = ReportWorld()
    world.report(equal_rows=EqualRows(rows=2_000, found=0.41234, usual=0.04, p=1.23456e-9))
    report = world.monitor.status.report
    assert report is not None and report.equal_rows is not None
    assert report.equal_rows.version == SHA[:12]
    assert (report.equal_rows.fraction, report.equal_rows.p) == (0.4123, 1.23e-9)
    world.step(after=3600)
    world.report()
    assert world.monitor.status.report.equal_rows is None


def test_a_page_that_the_store_refused_is_told_and_what_was_counted_is_judged() -> None:
    world = ReportWorld()
    refused = "s3://logs/reports/flights cannot be written: check the Secret's credentials"
    world.report(missed=0.9, uri="", notes=[Note(check="page", message=refused)])
    assert world.condition() == ("True", "PageNotStored")
    assert world.message() == (
        "report 1 is of 34000 predictions; its page is in its pod's log alone (kubectl perennial "
        f"report flights fetches it); {refused}"
    )
    assert world.condition("PerformanceKept")[0] == "False"


def test_what_a_report_could_not_read_is_said_and_never_at_length() -> None:
    world = ReportWorld()
    broken = Note(check="log", message="2 files cannot be read and were left out, such as a")
    world.report(notes=[broken])
    assert world.message().endswith(f"/1/report.html; {broken.message}")
    world.step(after=3600)
    world.report(notes=[Note(check="log", message="m" * 512)] * 3)
    assert len(world.message()) < 800 and world.message().endswith("m…")


def test_a_failure_is_told_with_its_reason_and_the_second_as_again() -> None:
    world = ReportWorld()
    failure = Failure(reason="StoreUnreachable", message="s3://logs cannot be read")
    for number in (1, 2):
        for _ in range(3):
            world.step()
        result = ReportResult(number=number, failure=failure)
        world.finish(result.to_message().decode())
        world.step()
        expected = "ReportFailed" if number == 1 else "FailsAgain"
        assert world.condition() == ("False", expected)
        assert "StoreUnreachable: s3://logs cannot be read" in world.message()
        world.step(after=3600)
    assert [e.reason for e in world.told].count("ReportFailed") == 2
    world.report()
    assert world.condition() == ("True", "Published")


def test_only_pods_of_our_job_are_believed() -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    world.finish(told(1, world.now), owner="uid-of-somebody")
    world.step()
    assert world.condition() == ("Unknown", "UnderWay")  # its pods may be seen later
    world.step(after=30)
    assert world.condition() == ("False", "ReportFailed")
    assert "no pod of Job flights-report-1 told anything" in world.message()


def test_a_deadline_is_told_in_the_jobs_own_words() -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    world.finish(None, how="Failed")
    world.objects[JOB]["status"]["conditions"][0]["message"] = "Job was active too long"
    world.step(after=30)
    assert "told anything (Job was active too long)" in world.message()


def test_a_foreign_job_of_its_name_is_not_believed_and_the_next_is_tried() -> None:
    world = ReportWorld()
    world.step()
    world.objects[JOB] = {"metadata": {"name": JOB, "labels": {}}, "status": {}}
    world.step()
    assert world.condition() == ("False", "ReportFailed")
    assert "NameConflict" in world.message()
    world.step(after=3600)
    world.step()
    assert world.made == ["flights-report-2"]


def test_a_job_that_was_deleted_has_failed() -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    world.objects.clear()
    world.step()
    assert "JobGone: Job flights-report-1 was deleted" in world.message()
    assert world.made == [JOB]


def test_a_lost_status_begins_anew_and_believes_no_job_that_is_there() -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    lost = world.monitor.status.model_copy(update={"report": None})
    world.monitor = world.monitor.model_copy(update={"status": lost})
    for _ in range(3):
        world.step()
    assert (world.number, world.made) == (2, [JOB, "flights-report-2"])
    world.finish(told(2, world.now))
    world.step()
    assert world.condition() == ("True", "Published")


def forged(world: ReportWorld, number: int, name: str = "", uid: str = "forged") -> dict[str, Any]:
    """Return a Job that somebody made, and that names our monitor as its owner."""
    owner = {"controller": True, "uid": world.monitor.metadata.uid}
    labels = {"perennial.dev/monitor": "flights", "perennial.dev/report": str(number)}
    name = name or f"flights-report-{number}"
    return {
        "metadata": {"name": name, "uid": uid, "labels": labels, "ownerReferences": [owner]},
        "status": {},
    }


@pytest.mark.parametrize("number", [1, 2, 7, 10**30])
def test_a_job_that_names_our_monitor_numbers_no_report_and_answers_for_none(number: int) -> None:
    world = ReportWorld()
    job = forged(world, number)
    world.objects[job["metadata"]["name"]] = job
    world.finish(told(1, world.now))
    job["metadata"]["creationTimestamp"] = world.now.isoformat()
    for _ in range(3):
        world.step()
    ours = 2 if number == 1 else 1
    assert (world.number, world.made) == (ours, [f"flights-report-{ours}"])
    assert world.condition() == ("Unknown", "UnderWay")
    assert world.monitor.status.report.job == f"uid-flights-report-{ours}"  # type: ignore[union-attr]


def test_a_job_that_took_the_place_of_ours_is_not_believed() -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    world.objects[JOB] = forged(world, 1)
    world.finish(told(1, world.now))
    world.step()
    assert world.condition() == ("False", "ReportFailed")
    assert "JobGone: Job flights-report-1 was deleted" in world.message()


def test_a_report_that_an_older_operator_began_is_followed_to_its_end() -> None:
    """It recorded that the Job was seen, and not which one."""
    world = ReportWorld()
    for _ in range(3):
        world.step()
    known = world.monitor.status.report.model_copy(update={"job": ""})  # type: ignore[union-attr]
    status = world.monitor.status.model_copy(update={"report": known})
    world.monitor = world.monitor.model_copy(update={"status": status})
    world.finish(told(1, world.now))
    world.step()
    assert world.condition() == ("True", "Published")


def test_a_refused_job_is_told_and_made_later() -> None:
    world = ReportWorld()
    world.step()
    world.refused["Job"] = Refusal(403, "exceeded quota: jobs")
    world.step()
    ready = next(c for c in world.monitor.status.conditions if c.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "QuotaExceeded")
    world.refused.clear()
    world.step()
    assert world.made == [JOB]


def without_log() -> Any:
    return serving(logs=False)


def nothing_logged() -> Any:
    found = serving()
    (stable,) = found.status.revisions
    silent = stable.model_copy(update={"request_log": None})
    status = found.status.model_copy(update={"revisions": [silent]})
    return found.model_copy(update={"status": status})


@pytest.mark.parametrize(
    ("deployment", "reason", "words"),
    [
        (lambda: None, "DeploymentNotFound", "create it"),
        (without_log, "NoRequestLog", "set its spec.serving.requestLog"),
        (nothing_logged, "NothingLogged", "its next revision will"),
    ],
)
def test_what_is_lacking_is_told_with_what_to_do(deployment: Any, reason: str, words: str) -> None:
    world = ReportWorld()
    world.deployment = deployment()
    world.step()
    assert world.condition() == ("Unknown", reason)
    assert words in world.message()
    assert world.made == [] and world.number == 0


def test_a_namespace_that_may_not_have_the_store_makes_no_job() -> None:
    from perennial.plan.pods.stores import not_allowed

    world = ReportWorld()
    denied = not_allowed("team", True)
    world.settings = type(SETTINGS)(store_secret="log-key", store_denied=denied)
    world.step()
    assert world.condition() == ("Unknown", "StoreNotAllowed") and world.made == []


def test_without_a_report_in_the_spec_nothing_is_said_of_one() -> None:
    world = ReportWorld()
    world.report()
    world.change(report=None, performance=None)
    world.step()
    assert "Reported" not in {c.type for c in world.monitor.status.conditions}
    assert world.monitor.status.report == ReportStatus(number=1)
    fresh = ReportWorld()
    fresh.change(report=None, performance=None)
    fresh.step()
    assert fresh.monitor.status.report is None


def asked_again(world: ReportWorld, after: float = 60) -> None:
    """Take the report out of the spec, and give it back later."""
    spec = world.monitor.spec.to_json()
    world.change(report=None, performance=None)
    for _ in range(3):
        world.step()
    world.change(report=spec["report"], performance=spec["performance"])
    world.step(after=after)


def test_numbers_go_on_where_reports_are_asked_for_again() -> None:
    world = ReportWorld()
    world.report()
    world.objects.clear()  # its time to live is over
    asked_again(world)
    world.step()
    assert world.made == [JOB, "flights-report-2"]


def test_a_job_that_goes_on_is_followed_where_reports_are_asked_for_again() -> None:
    """One at a time: it is known by its uid."""
    world = ReportWorld()
    for _ in range(3):
        world.step()
    asked_again(world)
    for _ in range(3):
        world.step()
    assert world.made == [JOB] and world.condition() == ("Unknown", "UnderWay")
    world.finish(told(1, world.now))
    world.step()
    assert world.condition() == ("True", "Published")


def test_what_was_made_of_another_spec_meanwhile_is_not_judged() -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    asked_again(world)
    world.change(performance={**FROM_LOG, "window": "48m"})
    world.finish(told(1, world.now, missed=0.9))
    for _ in range(3):
        world.step()
    assert world.made == [JOB, "flights-report-2"]
    assert world.condition("PerformanceKept") == ("Unknown", "NothingReported")


@pytest.mark.parametrize("replaced", [False, True])
def test_of_a_job_that_ended_meanwhile_no_failure_is_told(replaced: bool) -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    world.objects.clear()
    if replaced:
        world.objects[JOB] = forged(world, 1)
    asked_again(world, after=9_000)
    for _ in range(3):
        world.step()
    assert world.made == [JOB, "flights-report-2"]
    assert "ReportFailed" not in {e.reason for e in world.told}


@pytest.mark.parametrize("cut", [0, 1, 99])
def test_a_job_that_nobody_has_seen_yet_is_waited_for(cut: int) -> None:
    world = ReportWorld()
    world.step()
    world.step(cut)  # recorded; its Job is made, or not
    made = cut > 0
    asked_again(world, after=9_000)
    for _ in range(3):
        world.step()
    assert world.made == ([JOB] if made else ["flights-report-2"])
    if made:
        assert world.condition() == ("Unknown", "UnderWay")
        assert "flights-report-1 of an earlier report goes on" in world.message()
        world.finish(told(1, world.now))
        for _ in range(3):
            world.step()
        assert world.made == [JOB, "flights-report-2"]


def test_why_a_pod_does_not_start_is_told_while_it_waits() -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    owner = [{"controller": True, "uid": world.objects[JOB]["metadata"]["uid"]}]
    world.pods = [
        {
            "metadata": {"name": "x", "ownerReferences": owner},
            "status": {
                "phase": "Pending",
                "containerStatuses": [{"name": "report", "state": {"waiting": waiting}}],
            },
        }
    ]
    world.step()
    assert world.condition() == ("Unknown", "ImagePullFailed")


def test_slices_stand_in_the_status_with_their_sentence() -> None:
    world = ReportWorld()
    found = SliceValue("customer", "first-time", "caught", 0.31, 0.62, 84, 0.0004)
    world.report(slices=[found])
    world.step(after=300)
    (told_of,) = world.monitor.status.performance.slices  # type: ignore[union-attr]
    assert told_of.message == "customer first-time: caught 31% of 84 labels, all 62%"


def test_what_the_log_lacks_is_told() -> None:
    world = ReportWorld()
    world.report(lacks=["the model answers with no class"], cohorts=[])
    world.step(after=300)
    assert world.condition("PerformanceKept") == ("Unknown", "TooLittleKnown")
    assert "caught: the model answers with no class" in world.message("PerformanceKept")


def test_windows_of_seconds_have_cohorts_of_seconds() -> None:
    world = ReportWorld({"performance": {**FROM_LOG, "window": "15s", "maturity": "6s"}})
    world.step()
    world.step()
    assert document(world.objects[JOB]).cohort_seconds == 1


def test_a_message_always_fits() -> None:
    cohorts = [
        CohortCounts(30_000_000 + n, 123_456, 123_456, 123_456, [123456.789] * 24)
        for n in range(96)
    ]
    notes = [Note(check="x", message="m" * 512)] * 16
    lacks = ["l" * 512] * 8
    found = ReportResult(
        number=1, version=SHA, cohorts=cohorts, notes=notes, lacks=lacks, uri="s3://x"
    )
    message = found.to_message()
    again = ReportResult.from_json(message)
    assert len(message) <= MESSAGE_LIMIT and again.failure is None
    kept = again.cohorts
    assert kept == cohorts[-len(kept) :] and len(kept) > 4
    assert again.past[0] == (96 - len(kept)) * 123_456


def test_it_is_looked_at_again_when_the_next_is_due() -> None:
    world = ReportWorld({"interval": "6h"})
    world.report()
    plan = world.step(after=60)
    assert plan.requeue_after is not None and 3000 < plan.requeue_after < 3600
    assert timedelta(seconds=plan.requeue_after) < timedelta(hours=1)


def test_what_was_good_when_reports_still_came_is_not_called_good_today() -> None:
    world = ReportWorld({"report": {"every": "1h", "deadline": "10m"}})
    world.report()
    world.step(after=300)
    assert world.condition("PerformanceKept")[0] == "True"
    world.deployment = without_log()
    for _ in range(12):
        world.step(after=900)
    assert world.condition("PerformanceKept") == ("Unknown", "Outdated")
    assert "no report has told anything since" in world.message("PerformanceKept")
    metric = world.monitor.status.performance.metrics[0]  # type: ignore[union-attr]
    assert (metric.verdict, metric.value) == ("Unknown", None)


def test_what_broke_is_acted_on_each_day_though_no_pod_counts_windows() -> None:
    asked = {"retrain": {"cooldown": "60s", "dailyLimit": 1}}
    world = ReportWorld({"actions": asked, "report": {"every": "1h"}})
    world.training = training()
    for _ in range(2):
        world.report(missed=0.9)
        assert world.condition("PerformanceKept") == ("False", "AskedToRetrain")
        world.step(after=300)
        assert world.condition("PerformanceKept") == ("False", "DailyLimitReached")
        world.step(after=26 * 3600)
    assert world.monitor.status.retrainings == 2


def test_a_clock_that_was_ahead_delays_no_look_and_no_report() -> None:
    world = ReportWorld()
    world.report()
    world.now -= timedelta(days=30)
    world.step()
    world.step()
    assert world.monitor.status.checked_time == world.now - timedelta(seconds=1)
    assert world.made == [JOB, "flights-report-2"]


def test_a_job_that_does_not_say_when_it_ended_has_ended() -> None:
    world = ReportWorld()
    for _ in range(3):
        world.step()
    world.finish(None, how="Failed")
    del world.objects[JOB]["status"]["conditions"][0]["lastTransitionTime"]
    world.step()
    assert world.condition() == ("False", "ReportFailed")


def test_an_edit_of_what_no_report_reads_starts_none_and_discards_none() -> None:
    world = ReportWorld()
    world.step()
    world.step()
    cooled = {"retrain": {"cooldown": "7h", "dailyLimit": 2}}
    world.change(actions=cooled, interval="6m")  # while it is made
    world.step()
    world.finish(told(1, world.now, missed=0.9))
    world.step()
    assert world.condition("PerformanceKept")[0] == "False"
    world.change(actions={"retrain": {"cooldown": "8h", "dailyLimit": 2}})
    for _ in range(3):
        world.step()
    assert world.made == [JOB]
    world.change(performance={**FROM_LOG, "window": "48m"})
    for _ in range(3):
        world.step()
    assert world.made == [JOB, "flights-report-2"]


def test_what_an_older_operator_began_is_of_its_generation() -> None:
    world = ReportWorld()
    world.report()
    body = world.monitor.to_json()
    del body["status"]["report"]["asked"]
    world.monitor = DriftMonitor.read(body)
    for _ in range(3):
        world.step()
    assert world.made == [JOB]
    world.change(interval="6m")
    for _ in range(3):
        world.step()
    assert world.made == [JOB, "flights-report-2"]
