"""The page of a report, out of the logs of pods that anybody may have labelled."""

import base64
import gzip
from typing import Any, cast

import pytest

from perennial.cli import reports
from perennial.cli.connection import Connection
from perennial.cli.problem import Problem
from perennial_artifact.report import PAGE_BEGINS, PAGE_ENDS

MONITOR = {
    "apiVersion": "perennial.dev/v1alpha1",
    "kind": "DriftMonitor",
    "metadata": {"name": "fraud", "namespace": "team"},
    "spec": {"report": {}},
}


def pod(number: int, phase: str = "Succeeded", job: str = "") -> dict[str, Any]:
    owner = {"kind": "Job", "name": job or f"fraud-report-{number}", "controller": True}
    return {
        "metadata": {
            "name": f"p{number}",
            "namespace": "team",
            "labels": {"perennial.dev/report": str(number)},
            "ownerReferences": [owner],
        },
        "status": {"phase": phase},
    }


def log(page: str) -> str:
    packed = base64.b64encode(gzip.compress(page.encode())).decode()
    lines = [packed[n : n + 40] for n in range(0, len(packed), 40)]
    return "\n".join(["a warning", PAGE_BEGINS, *lines, PAGE_ENDS, ""])


class Logs:
    """The pods of a namespace, and what they wrote."""

    def __init__(self, *found: tuple[dict[str, Any], str]) -> None:
        self._found = found

    def report_pods_of(self, monitor: Any) -> list[dict[str, Any]]:
        return [p for p, _ in self._found]

    def log_of(self, asked: dict[str, Any]) -> str:
        return next(text for p, text in self._found if p is asked)


def fetched(*found: tuple[dict[str, Any], str], monitor: Any = MONITOR) -> tuple[int, bytes]:
    return reports.newest_page(cast(Connection, Logs(*found)), monitor)


def test_its_marks_are_those_of_the_trainer() -> None:
    assert (reports.BEGINS, reports.ENDS) == (PAGE_BEGINS, PAGE_ENDS)


def test_the_newest_that_ended_is_fetched() -> None:
    pods = [(pod(9), log("nine")), (pod(10), log("ten")), (pod(11, "Running"), "")]
    assert fetched(*pods) == (10, b"ten")


def test_of_one_whose_page_was_cut_the_one_before_is_fetched() -> None:
    cut = log("a page" * 1000)
    for broken in (cut[:60], cut.replace(PAGE_ENDS, ""), f"{PAGE_BEGINS}\nx\n{PAGE_ENDS}", ""):
        assert fetched((pod(2), broken), (pod(1), log("one"))) == (1, b"one")


def test_a_pod_of_somebody_elses_is_passed_over() -> None:
    assert fetched((pod(7, job="theirs"), log("theirs")), (pod(1), log("one"))) == (1, b"one")


def test_of_jobs_of_one_name_that_which_published_is_believed() -> None:
    """Anybody may make a Job of a later number, and a pod with a page of their own."""
    ours, theirs = pod(7), pod(8)
    ours["metadata"]["ownerReferences"][0]["uid"] = "ours"
    theirs["metadata"]["ownerReferences"][0]["uid"] = "theirs"
    monitor = {**MONITOR, "status": {"report": {"number": 7, "publishedJob": "ours"}}}
    assert fetched((theirs, log("theirs")), (ours, log("seven")), monitor=monitor) == (7, b"seven")


def test_where_there_is_none_it_is_said_why() -> None:
    with pytest.raises(Problem, match=r"set its spec\.report"):
        fetched(monitor={**MONITOR, "spec": {}})
    told = {"type": "Reported", "status": "Unknown", "reason": "X", "message": "logs no requests"}
    with pytest.raises(Problem, match="logs no requests"):
        fetched(monitor={**MONITOR, "status": {"conditions": [told]}})
    there = {"conditions": [{**told, "status": "True"}], "report": {"uri": "s3://x/1/report.html"}}
    with pytest.raises(Problem, match="it is at s3://x/1/report"):
        fetched(monitor={**MONITOR, "status": there})
    nowhere = {"conditions": [{**told, "status": "True", "reason": "PageNotStored"}]}
    with pytest.raises(Problem, match="is gone, and no store took its page"):
        fetched(monitor={**MONITOR, "status": nowhere})
