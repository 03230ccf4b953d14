"""Replay real flights as requests: ``python traffic.py URL FILE...``.

Prints a JSON line a second with how many answers each model version gave and how many requests
failed; ends after ``--requests``, or on SIGTERM with a last line. A FILE is a path, or an s3:// URI
with the store's settings in the environment. With ``--feedback`` each flight's label is told by the
answer's receipt, and as its reward the probability that the answer gave to what came. ``--caller``
says who asks, as a header, and ``--as-text`` sends a number as a text, which is refused.
"""

import argparse
import collections
import http.client
import io
import json
import math
import signal
import time
import urllib.parse
from types import FrameType
from typing import Any

import pandas as pd

TEXT = ("origin", "carrier")
NUMBERS = ("hour", "distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
CALLER = "x-caller"


def body(rows: pd.DataFrame, as_text: str = "") -> bytes:
    """Return rows as one Open Inference Protocol request, one of the numbers ``as_text``."""
    inputs = []
    for name in (*TEXT, *NUMBERS):
        values = rows[name].tolist()
        if name in NUMBERS:
            values = [None if math.isnan(v) else v for v in values]
        if name == as_text:
            values = [str(v) for v in values]
        datatype = "BYTES" if name in (*TEXT, as_text) else "FP32"
        inputs.append({"name": name, "shape": [len(rows), 1], "datatype": datatype, "data": values})
    return json.dumps({"inputs": inputs}).encode()


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


def post(
    connection: http.client.HTTPConnection, path: str, content: bytes, headers: dict[str, str]
) -> Any:
    """Post once; return what was answered as JSON, None where it was not 200."""
    try:
        # It connects where the last answer ended it.
        connection.request("POST", path, content, headers)
        answer = connection.getresponse()
        told = answer.read()
        return json.loads(told) if answer.status == 200 else None
    except (http.client.HTTPException, OSError, ValueError):
        connection.close()
        return None


def outcomes(answer: Any, late: list[int]) -> bytes:
    """Return what became known of an answer's rows, as feedback by its receipt."""
    given = next(o["data"] for o in answer["outputs"] if o["name"] == "probabilities")
    rewards = [given[2 * row + label] for row, label in enumerate(late)]
    known = {"receipt": answer["parameters"]["receipt"], "label": late, "reward": rewards}
    return json.dumps(known).encode()


def main() -> None:
    """Replay what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=10)
    parser.add_argument("--per-second", type=float, default=20)
    parser.add_argument("--keep", action="store_true", help="keep the connection while it lasts")
    parser.add_argument("--feedback", action="store_true", help="tell labels and rewards")
    parser.add_argument("--caller", help=f"value of the header {CALLER}")
    parser.add_argument("--as-text", default="", help="a number that is sent as a text")
    chosen = parser.parse_args()
    stopped = False

    def stop(_: int, __: FrameType | None) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    rows = pd.concat([read(file) for file in chosen.files])
    answers: collections.Counter[str] = collections.Counter()
    url = urllib.parse.urlsplit(chosen.url)
    connection = http.client.HTTPConnection(url.netloc, timeout=5)
    headers = {CALLER: chosen.caller} if chosen.caller else {}
    told = due = time.monotonic()
    for n in range(chosen.requests):
        asked = rows.sample(chosen.rows, random_state=n)
        answer = post(connection, url.path, body(asked, chosen.as_text), headers)
        answers["failed" if answer is None else str(answer["model_version"])] += 1
        if chosen.feedback and answer is not None:
            known = outcomes(answer, asked["late"].astype(int).tolist())
            path = url.path.removesuffix("infer") + "feedback"
            if post(connection, path, known, headers) is None:
                answers["untold"] += 1
        if not chosen.keep:
            connection.close()
        due = max(due + 1 / chosen.per_second, time.monotonic() - 1)
        time.sleep(max(0.0, due - time.monotonic()))
        if time.monotonic() - told >= 1:
            told = time.monotonic()
            print(json.dumps(answers), flush=True)
        if stopped:
            break
    print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
