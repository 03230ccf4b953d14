"""Replay a year of payments in accelerated time: ``python stream.py URL FILE --begin SECOND …``.

A day of the year is ``--day-seconds`` of the clock, so payments are asked about at the moments that
their times are mapped onto, in batches with an id; where that is not kept up with, the year slows
down, and what comes late in it stays as late. What becomes known is told by id when it is: a
fraud when it is reported, all other payments of a batch as honest once they are 30 days old. Prints
a JSON line a day. FILE and ``--answers`` are paths, or s3:// URIs with the store's settings in the
environment.
"""

import argparse
import collections
import contextlib
import http.client
import io
import json
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

SETTLED_DAYS = 30
"""A payment of this age that nobody reported is told as honest."""
BATCH = 100
TRIES = 8
NOT_INPUTS = ("day", "known_day")


def body(rows: pd.DataFrame, name: str) -> bytes:
    """Return payments as one request of the Open Inference Protocol."""
    inputs = []
    for column in (c for c in rows if c not in (*NOT_INPUTS, "fraud")):
        values = rows[column].tolist()
        kind = "FP32" if pd.api.types.is_numeric_dtype(rows[column]) else "BYTES"
        inputs.append({"name": column, "shape": [len(rows), 1], "datatype": kind, "data": values})
    return json.dumps({"id": name, "inputs": inputs}).encode()


@dataclass(frozen=True)
class Batch:
    """Payments that were asked about in one request."""

    name: str
    day: int
    """Of the last of them."""
    known_day: np.ndarray
    """When each is reported; NaN where it never is."""


@dataclass
class Labels:
    """What is to be told of the payments that were asked about, by the day when it is known."""

    by_day: dict[int, list[dict[str, Any]]] = field(
        default_factory=lambda: collections.defaultdict(list)
    )

    def add(self, batch: Batch) -> None:
        """Take a batch in: its reports, and what nobody has reported after ``SETTLED_DAYS``."""
        settled = batch.day + SETTLED_DAYS
        for row, known in enumerate(batch.known_day):
            if not np.isnan(known):
                item = {"id": batch.name, "row": row, "label": 1}
                self.by_day[int(np.ceil(known))].append(item)
        is_silent = ~(batch.known_day <= settled)
        labels = [0 if silent else None for silent in is_silent]
        if is_silent.any():
            self.by_day[settled].append({"id": batch.name, "label": labels})

    def known_on(self, day: int) -> list[dict[str, Any]]:
        """Return what is to be told on a day, reports last, and forget it."""
        found = self.by_day.pop(day, [])
        return sorted(found, key=lambda item: "row" in item)


class Model:
    """A model, asked over HTTP; a request that fails is tried again."""

    def __init__(self, url: str) -> None:
        self._url = urllib.parse.urlsplit(url)
        self.failed = 0
        """Tries that were not answered with 200."""

    def infer(self, content: bytes) -> tuple[str, np.ndarray]:
        """Return the version that answered, and the probability of fraud of each row."""
        told = self._post("infer", content)
        output = next(o for o in told["outputs"] if o["name"] == "probabilities")
        return told["model_version"], np.array(output["data"]).reshape(output["shape"])[:, 1]

    def tell(self, items: list[dict[str, Any]]) -> None:
        """Tell labels by id."""
        self._post("feedback", json.dumps(items).encode())

    def _post(self, verb: str, content: bytes) -> dict[str, Any]:
        for n in range(TRIES):
            # A connection each, so that they are spread over all pods.
            connection = http.client.HTTPConnection(self._url.netloc, timeout=5)
            with contextlib.suppress(http.client.HTTPException, OSError, ValueError):
                connection.request("POST", f"{self._url.path}/{verb}", content)
                answer = connection.getresponse()
                told: dict[str, Any] = json.loads(answer.read())
                connection.close()
                if answer.status == 200:
                    return told
                print(json.dumps({"refused": str(told)[:300]}), flush=True)
            connection.close()
            self.failed += 1
            time.sleep(0.05 * 2**n)
        raise RuntimeError(f"{verb} was not answered {TRIES} times")


def replay(
    model: Model, rows: pd.DataFrame, begin: float, day_seconds: float
) -> list[pd.DataFrame]:
    """Ask about each day's payments at its time, and tell what is known by then.

    Returns for each batch the payments' places in ``rows``, with ``score`` and ``version``.

    Args:
        model: asked and told.
        rows: payments in order of time; the first day begins at ``begin``.
        begin: in seconds since 1970.
        day_seconds: how long a day lasts, or more where it is not kept up with.
    """
    labels, answers = Labels(), []
    days = np.floor(rows["day"]).astype(int)
    for day, whole in rows.groupby(days):
        versions: collections.Counter[str] = collections.Counter()
        for n in range(0, len(whole), BATCH):
            part = whole[n : n + BATCH]
            # A batch is asked about when the last of its payments has come.
            due = begin + (part["day"].iloc[-1] - int(day)) * day_seconds
            time.sleep(max(0.0, due - time.time()))
            name = f"payments-{day}-{n // BATCH}"
            version, scores = model.infer(body(part, name))
            versions[version] += len(part)
            labels.add(Batch(name, int(day), part["known_day"].to_numpy()))
            found = {"row": part.index, "score": scores, "version": version}
            answers.append(pd.DataFrame(found))
        if known := labels.known_on(int(day)):
            model.tell(known)
        begin = max(begin + day_seconds, time.time() - day_seconds)
        told = {"day": day + 1, "versions": versions, "failed": model.failed}
        print(json.dumps(told, default=int), flush=True)
    return answers


def read(file: str) -> pd.DataFrame:
    """Read a Parquet file."""
    if not file.startswith("s3://"):
        return pd.read_parquet(file)
    import obstore

    return pd.read_parquet(io.BytesIO(bytes(obstore.get(*_place(file)).bytes())))


def write(rows: pd.DataFrame, file: str) -> None:
    """Write a Parquet file."""
    if not file.startswith("s3://"):
        rows.to_parquet(file, index=False)
        return
    import obstore

    content = io.BytesIO()
    rows.to_parquet(content, index=False)
    obstore.put(*_place(file), content.getvalue())


def _place(file: str) -> tuple[Any, str]:
    from obstore.store import S3Store

    bucket, _, key = file.removeprefix("s3://").partition("/")
    # Its other settings are the AWS_ variables of the environment.
    return S3Store(bucket, client_options={"allow_http": True}), key


def main() -> None:
    """Replay what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of the model, as http://fraud/v2/models/fraud")
    parser.add_argument("file", help="payments: day, known_day, fraud and the model's inputs")
    parser.add_argument("--begin", type=float, required=True)
    parser.add_argument("--day-seconds", type=float, required=True)
    parser.add_argument("--answers", required=True, help="the file to write")
    chosen = parser.parse_args()
    answers = replay(Model(chosen.url), read(chosen.file), chosen.begin, chosen.day_seconds)
    write(pd.concat(answers, ignore_index=True), chosen.answers)


if __name__ == "__main__":
    main()
