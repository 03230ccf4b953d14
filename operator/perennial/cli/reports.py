"""The page of a monitor's newest report: out of the log of the pod that made it.

So it needs no right on any store: who may read the logs of pods, may read it.
"""

from __future__ import annotations

import base64
import binascii
import zlib

from perennial.api.values import Json
from perennial.cli.connection import Connection
from perennial.cli.kinds import called
from perennial.cli.lenient import at, condition, entries, meta, text
from perennial.cli.problem import Problem

BEGINS = "-----BEGIN PERENNIAL REPORT-----"
ENDS = "-----END PERENNIAL REPORT-----"
"""Lines between which it is, packed by gzip, in base64."""
LONGEST = 64 * 1024 * 1024
"""Bytes of a page at most; what a pod wrote is not trusted."""


def newest_page(api: Connection, monitor: Json) -> tuple[int, bytes]:
    """Return the number and the page of the newest report whose pod is there yet.

    Raises:
        Problem: there is none, or its log may not be read, or has no page.
    """
    pods = sorted(api.report_pods_of(monitor), key=_number, reverse=True)
    ended = [p for p in pods if _is_of(monitor, p) and at(p, "status.phase") == "Succeeded"]
    for pod in ended:
        page = _page(api.log_of(pod))
        if page is not None:
            return _number(pod), page
    raise Problem(f"{called(monitor)} has no report that can be fetched: {_why(monitor)}")


def _number(pod: Json) -> int:
    written = text((at(pod, "metadata.labels") or {}).get("perennial.dev/report"))
    return int(written) if written.isdecimal() else 0


def _is_of(monitor: Json, pod: Json) -> bool:
    """Tell whether a pod is of the Job that published: anybody may put our labels on another.

    What a stranger wrote is not opened in a browser. Older operators did not record the Job.
    """
    job = f"{meta(monitor, 'name')}-report-{_number(pod)}"
    published = text(at(monitor, "status.report.publishedJob"))
    owners = [o for o in entries(at(pod, "metadata.ownerReferences")) if o.get("controller")]
    return any(o.get("name") == job and published in ("", o.get("uid")) for o in owners)


def _page(log: str) -> bytes | None:
    """Return the page in a pod's log, None where there is none."""
    packed = log.rpartition(BEGINS)[2].partition(ENDS)[0] if ENDS in log else ""
    try:
        unpacking = zlib.decompressobj(wbits=31)
        found = unpacking.decompress(base64.b64decode("".join(packed.split())), LONGEST)
        return found if unpacking.eof else None
    except (zlib.error, binascii.Error, ValueError):
        return None


def _why(monitor: Json) -> str:
    """Return what the monitor says of its reports, and what to do."""
    if at(monitor, "spec.report") is None:
        return "set its spec.report"
    status, reason, message = condition(monitor, "Reported")
    where = text(at(monitor, "status.report.uri"))
    if status == "True":
        gone = "the pod that made the newest is gone"
        return f"{gone}; it is at {where}" if where else f"{gone}, and no store took its page"
    return message or reason or "the first is being made"
