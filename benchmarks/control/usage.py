"""What a process has used, and what was asked of the API server."""

import json
import os
import re
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from operators import USER, Operator

from localcluster.apiserver import ApiServer


@dataclass(frozen=True)
class Used:
    """What the operator has used so far, or between two moments."""

    seconds: float = 0.0
    """Of CPU."""
    peak: int = 0
    """The most memory that it ever had resident, in bytes."""
    requests: Counter[str] = field(default_factory=Counter)
    """By verb."""
    writes: int = 0
    """Without the Lease."""

    def since(self, before: "Used") -> "Used":
        """Return what was used since a moment."""
        asked = self.requests - before.requests
        return Used(self.seconds - before.seconds, self.peak, asked, self.writes - before.writes)


def cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def used(operator: Operator) -> Used:
    """Return what the operator's process and its metrics say."""
    process = Path(f"/proc/{operator.process.pid}")
    seconds = cpu(operator.process.pid)
    peak = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    assert peak is not None
    with urllib.request.urlopen(f"{operator.metrics}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    requests: Counter[str] = Counter()
    for verb, number in re.findall(
        r'^rest_client_requests_total\{.*method="(\w+)".*\} ([\d.e+]+)$', text, re.MULTILINE
    ):
        requests[verb] += int(float(number))
    written = re.findall(r"^perennial_api_writes_total\{.*\} ([\d.e+]+)$", text, re.MULTILINE)
    return Used(seconds, int(peak[1]) * 1024, requests, sum(int(float(n)) for n in written))


class Asked:
    """What the operator asks of the API server from now on, by the server's own audit log."""

    def __init__(self, server: ApiServer) -> None:
        self._path = server.audit_log
        self._file = self._path.open()
        self._file.seek(0, os.SEEK_END)

    def count(self, *apart_from: str) -> int:
        """Return the number of requests, watches and some resources not counted."""
        lines = self._file.readlines()
        if os.fstat(self._file.fileno()).st_ino != self._path.stat().st_ino:
            lines += self._path.read_text().splitlines()  # the log was rotated meanwhile
        asked = [json.loads(line) for line in lines if USER in line and line.rstrip().endswith("}")]
        return sum(
            e["user"]["username"] == USER
            and e["verb"] != "watch"
            and e.get("objectRef", {}).get("resource") not in apart_from
            for e in asked
        )
