"""Replay real flights as requests: ``python traffic.py FILE URL [--requests N] [--rows R]``.

Prints how many answers each model version gave, and how many requests failed.
"""

import argparse
import collections
import json
import math
import time
import urllib.error
import urllib.request
from pathlib import Path

import pandas as pd

TEXT = ("origin", "carrier")
NUMBERS = ("hour", "distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")


def body(rows: pd.DataFrame) -> bytes:
    """Return rows as one Open Inference Protocol request."""
    inputs = []
    for name in (*TEXT, *NUMBERS):
        values = rows[name].tolist()
        if name in NUMBERS:
            values = [None if math.isnan(v) else v for v in values]
        datatype = "BYTES" if name in TEXT else "FP32"
        inputs.append({"name": name, "shape": [len(rows), 1], "datatype": datatype, "data": values})
    return json.dumps({"inputs": inputs}).encode()


def replay(
    rows: pd.DataFrame, url: str, requests: int, rows_each: int, per_second: float
) -> collections.Counter[str]:
    """Send a bounded number of requests; return how many answers came, by version or 'failed'."""
    answers: collections.Counter[str] = collections.Counter()
    for n in range(requests):
        chosen = rows.sample(rows_each, random_state=n)
        request = urllib.request.Request(url, data=body(chosen))
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                answers[json.load(answer)["model_version"]] += 1
        except (urllib.error.URLError, OSError, ValueError):
            answers["failed"] += 1
        time.sleep(1 / per_second)
    return answers


def main() -> None:
    """Replay what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("url")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--per-second", type=float, default=20)
    chosen = parser.parse_args()
    rows = pd.read_parquet(chosen.file)
    print(dict(replay(rows, chosen.url, chosen.requests, chosen.rows, chosen.per_second)))


if __name__ == "__main__":
    main()
