"""Ask which product to show first, request by request: ``python traffic.py URL FILE...``.

A FILE is a path, or an s3:// URI with the store's settings in the environment. A request are the
candidates of one customer at one time; the one with the highest score is shown. What it earned is
told ``--delay`` requests later, by the receipt of the row that was shown: one reward a request.

Asks what is in the first FILE, again and again; goes on to the next one on SIGUSR1. Prints a JSON
line a second: of each version how many requests it answered and what they earned, and how many
requests failed. Ends on SIGTERM with a last line.
"""

import argparse
import collections
import http.client
import io
import json
import signal
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd

CANDIDATES = 100
TOLD_TOGETHER = 10
"""Rewards in one body."""
BESIDE = ("time", "bought")
"""Columns that are no inputs; nobody knows yet what will be bought."""


def body(rows: pd.DataFrame) -> bytes:
    """Return candidates as one Open Inference Protocol request."""
    inputs = [
        {"name": name, "shape": [len(rows), 1], "datatype": "FP32", "data": rows[name].tolist()}
        for name in rows.columns
        if name not in BESIDE
    ]
    return json.dumps({"inputs": inputs}).encode()


def shown(answer: dict[str, Any]) -> int:
    """Return the row of an answer with the highest probability of being bought."""
    outputs = {output["name"]: output for output in answer["outputs"]}
    return int(np.reshape(outputs["probabilities"]["data"], (-1, 2))[:, 1].argmax())


def reward(answer: dict[str, Any], rows: pd.DataFrame) -> dict[str, Any]:
    """Return the feedback of an answer: 1 if what it shows first was bought, told of that row."""
    row = shown(answer)
    receipt = answer["parameters"]["receipt"]
    return {"receipt": f"{receipt}.{row}", "reward": float(rows["bought"].iloc[row])}


class Client:
    """Asks and tells, each time by a connection of its own, and counts."""

    def __init__(self, url: str) -> None:
        """Ask the model at a URL."""
        found = urllib.parse.urlsplit(url)
        self._host, self._path = found.netloc, found.path
        self.requests: collections.Counter[str] = collections.Counter()
        self.rewards: collections.Counter[str] = collections.Counter()
        self.failed = 0
        self.why = ""
        """Of the last request that failed."""

    def ask(self, rows: pd.DataFrame) -> dict[str, Any] | None:
        """Return what is to be told of the answer, None where there was none."""
        answer = self._post("infer", body(rows))
        if answer is None:
            return None
        if "receipt" not in answer.get("parameters", {}):
            self.failed += 1
            self.why = "the answer has no receipt to tell a reward by"
            return None
        told = reward(answer, rows)
        version = str(answer["model_version"])
        self.requests[version] += 1
        self.rewards[version] += int(told["reward"])
        return told

    def tell(self, items: list[dict[str, Any]]) -> None:
        """Tell rewards."""
        self._post("feedback", json.dumps(items).encode())

    def _post(self, verb: str, content: bytes) -> dict[str, Any] | None:
        connection = http.client.HTTPConnection(self._host, timeout=5)
        try:
            connection.request("POST", f"{self._path}/{verb}", content)
            answer = connection.getresponse()
            told = answer.read()
            if answer.status == 200:
                found: dict[str, Any] = json.loads(told)
                return found
            self.why = f"{answer.status} {told[:300].decode('utf-8', 'replace')}"
        except (http.client.HTTPException, OSError, ValueError) as error:
            self.why = f"{type(error).__name__}: {error}"
        finally:
            connection.close()
        self.failed += 1
        return None

    def line(self) -> str:
        """Return what was counted."""
        counted = {v: [self.requests[v], self.rewards[v]] for v in sorted(self.requests)}
        told = {"time": time.time(), "versions": counted, "failed": self.failed, "why": self.why}
        return json.dumps(told)


def read(file: str) -> pd.DataFrame:
    """Read a Parquet file."""
    if not file.startswith("s3://"):
        return pd.read_parquet(file)
    import obstore
    from obstore.store import S3Store

    bucket, _, key = file.removeprefix("s3://").partition("/")
    # Its other settings are the AWS_ variables of the environment.
    content = obstore.get(S3Store(bucket, client_options={"allow_http": True}), key).bytes()
    return pd.read_parquet(io.BytesIO(bytes(content)))


def in_order(files: Sequence[str], which: Callable[[], int]) -> Iterator[pd.DataFrame]:
    """Yield the candidates of one request after the other, without an end.

    Args:
        files: each is read when it is its turn.
        which: returns the number of the file that is asked now; beyond the last one it is that.
    """
    reads, table, n = -1, pd.DataFrame(), 0
    while True:
        wanted = min(which(), len(files) - 1)
        if wanted != reads:
            reads, table, n = wanted, read(files[wanted]), 0
        yield table[n : n + CANDIDATES]
        n = (n + CANDIDATES) % len(table)


def main() -> None:
    """Ask and tell as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--delay", type=int, default=150)
    parser.add_argument("--per-second", type=float, default=50)
    chosen = parser.parse_args()
    stopped, part = False, 0

    def stop(_: int, __: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    def go_on(_: int, __: FrameType | None) -> None:
        nonlocal part
        part += 1

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, go_on)
    client = Client(chosen.url)
    waiting: collections.deque[dict[str, Any] | None] = collections.deque()
    due: list[dict[str, Any]] = []
    said = next_at = time.monotonic()
    for rows in in_order(chosen.files, lambda: part):
        waiting.append(client.ask(rows))
        if len(waiting) > chosen.delay and (told := waiting.popleft()) is not None:
            due.append(told)
        if len(due) == TOLD_TOGETHER:
            client.tell(due)
            due = []
        next_at = max(next_at + 1 / chosen.per_second, time.monotonic() - 1)
        time.sleep(max(0.0, next_at - time.monotonic()))
        if time.monotonic() - said >= 1:
            said = time.monotonic()
            print(client.line(), flush=True)
        if stopped:
            break
    print(client.line(), flush=True)


if __name__ == "__main__":
    main()
