"""A year of payments on a real cluster, its fraud changing its ways: who notices, and what is done.

``python -m fraud.demo --values FILE`` trains on the first four months, serves the other eight in
accelerated time, tells labels as late as they come, and shows what came of it beside a model that
is never retrained, one that is retrained by the calendar, and one that knows all at once.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
import pandas as pd
import yaml
from obstore.store import S3Store

from flights.demo import install, kubectl, remove, run_script, say, store_settings, wait
from fraud.asked import of_monitor
from fraud.clock import Clock, scaled
from fraud.data import FEATURES, MONTH, START, Shift, Year, payments, training_rows
from fraud.measured import by_month
from fraud.news import News, State, news, state_of
from fraud.policies import (
    LIVE,
    TRAINED_DAYS,
    Policy,
    by_calendar,
    live_rows,
    never,
    oracle,
    with_days,
)
from fraud.table import comparison

EXAMPLES = Path(__file__).resolve().parent
NAMESPACE = "fraud"
SETUP_SECONDS = 30.0
"""From the upload to the first payment that is asked about, at least: the history ends then."""
LOOK_SECONDS, WORK_SECONDS = 2.0, 0.3
USUAL, SLOWEST = 1.2, 6.0
"""Slowness that days are meant for, and how many times as long they last at most."""


@dataclass(frozen=True)
class Asked:
    """What is played."""

    customers: int = 2000
    seed: int = 7
    shift: Shift = "fraud"
    months: range = LIVE
    """Those that are asked about."""
    day_seconds: float = 0.85
    """Of a machine that has nothing else to do."""


@dataclass
class Played:
    """What came of it."""

    rows: pd.DataFrame
    """The payments that were asked about, with ``score`` and ``version``."""
    news: list[News]
    failed: int
    """Tries of the client that were not answered."""

    @property
    def policy(self) -> Policy:
        """Return what came of it beside other policies."""
        promotions = sum(n.kind == "promotion" for n in self.news)
        return Policy("by Perennial", self.rows["score"].to_numpy(), promotions)


def slowness() -> float:
    """Return how much longer work takes now than the processor is at it: 1 where nobody else is."""
    began, worked = time.monotonic(), time.process_time()
    while time.process_time() - worked < WORK_SECONDS:
        pass
    return (time.monotonic() - began) / WORK_SECONDS


def objects() -> list[dict[str, Any]]:
    """Return our objects and pods as they are, by one question: each costs as much as a request."""
    found = json.loads(kubectl("get", "mt,md,dm,pods", "-n", NAMESPACE, "-o", "json"))
    items: list[dict[str, Any]] = found["items"]
    return items


def is_ready(kind: str) -> bool:
    """Tell whether the object of a kind is ready."""
    conditions = [
        c
        for item in objects()
        if item["kind"] == kind
        for c in item.get("status", {}).get("conditions", [])
    ]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def put(files: dict[str, pd.DataFrame]) -> None:
    """Upload tables into the store, below ``data/fraud/``."""
    with store_settings() as settings:
        bucket = S3Store("data", config=settings, client_options={"allow_http": True})
        for name, rows in files.items():
            content = io.BytesIO()
            rows.to_parquet(content, index=False)
            obstore.put(bucket, f"fraud/{name}.parquet", content.getvalue())


def answered() -> pd.DataFrame:
    """Return what the client was answered."""
    with store_settings() as settings:
        bucket = S3Store("data", config=settings, client_options={"allow_http": True})
        content = obstore.get(bucket, "fraud/answers.parquet").bytes()
    return pd.read_parquet(io.BytesIO(bytes(content)))


def clear() -> None:
    """Remove what an earlier run has left."""
    remove(NAMESPACE, [("data", "fraud/"), ("models", "logs/fraud/")])


def apply(name: str, day_seconds: float) -> None:
    """Apply a manifest of this example, its durations those of the clock."""
    manifest = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    kubectl("apply", "-f", "-", stdin=json.dumps(scaled(manifest, day_seconds)))


def history(rows: pd.DataFrame, clock: Clock, at: float) -> pd.DataFrame:
    """Return the payments of before the first live day, with the labels known on a day."""
    older = rows[rows["day"] < clock.first_day]
    moment = START + pd.Timedelta(days=at)
    known = training_rows(older, moment, at - clock.first_day + TRAINED_DAYS)
    return known[[*FEATURES, "fraud"]].assign(time=clock.moments(known["day"]))


def live_file(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the client needs of payments."""
    known = (rows["known"] - START) / pd.Timedelta(days=1)
    return rows[[*FEATURES, "day"]].assign(known_day=known)


def start_client(clock: Clock) -> None:
    """Start the pod that asks about payments and tells labels."""
    arguments = [f"http://fraud.{NAMESPACE}/v2/models/fraud", "s3://data/fraud/live.parquet"]
    arguments += ["--answers", "s3://data/fraud/answers.parquet"]
    arguments += ["--begin", f"{clock.begin:.3f}", "--day-seconds", f"{clock.day_seconds}"]
    script, cpu = EXAMPLES / "stream.py", {"cpu": "100m"}
    run_script(script, "client", arguments, NAMESPACE, "client", requests=cpu)


def phase(found: list[dict[str, Any]]) -> str:
    """Return how the client is."""
    pods = [item for item in found if item["kind"] == "Pod"]
    return next(str(p["status"]["phase"]) for p in pods if p["metadata"]["name"] == "client")


def play(asked: Asked, rows: pd.DataFrame, values: str) -> Played:
    """Play the year on the cluster; return what came of it.

    Raises:
        RuntimeError: the client failed.
        TimeoutError: the first model was not there in time.
    """
    say("Install Perennial with Helm, its request logs shipped every 2 s: a day here is a second")
    install("-f", values, "--set", "serving.requestLog.shipSeconds=2")
    clear()
    kubectl("apply", "-f", str(EXAMPLES / "namespace.yaml"))

    say("Train on the first four months, with the labels that have come by then")
    live = live_rows(rows, asked.months).reset_index(drop=True)  # as the client counts them
    first = float(asked.months.start * MONTH)
    # Where others keep the machine busy, Jobs take longer, and so must days.
    day_seconds = asked.day_seconds * min(SLOWEST, max(1.0, slowness() / USUAL))
    past = Clock(first, time.time() + SETUP_SECONDS, day_seconds)
    put({"history-1": history(rows, past, first), "live": live_file(live)})
    apply("training", day_seconds)
    apply("deployment", day_seconds)
    wait("a model was proven", lambda: is_ready("ModelTraining"), 120)
    wait("it serves", lambda: is_ready("ModelDeployment"), 60)
    apply("monitor", day_seconds)
    start_client(past.no_earlier(time.time() + 6.0))

    first_month, last_month = asked.months.start, asked.months.stop - 1
    say(f"Months {first_month} to {last_month} pass, a day in {day_seconds:.2g} s")
    client = Client(first)
    happened = follow(client, rows, past)
    wait("the client ended well", lambda: phase(objects()) == "Succeeded", 20)
    return Played(live.join(answered().set_index("row")), happened, client.failed)


class Client:
    """What the client says of itself, as it goes."""

    def __init__(self, day: float) -> None:
        wait("the client runs", lambda: phase(objects()) == "Running", 30)
        self.day, self.failed, self.has_ended = day, 0, False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        command = [os.environ.get("KUBECTL", "kubectl"), "logs", "-f", "client", "-n", NAMESPACE]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as log:
            for line in log.stdout or ():
                try:
                    told = json.loads(line)
                    self.day, self.failed = float(told["day"]), told["failed"]
                except (ValueError, KeyError):
                    print(f"  the client says: {line.strip()[:200]}", flush=True)
        self.has_ended = True


def follow(client: Client, rows: pd.DataFrame, past: Clock) -> list[News]:
    """Look at the objects until the client has ended, tell what happens, and return it.

    The table of the past keeps its clock: a row whose time is another one would be another row, and
    nobody could tell any more which rows a model has learned from.
    """
    happened, before = list[News](), State()
    month, settles = int(client.day // MONTH), client.day + MONTH
    """By then the last month before the live ones is known, and the table of it written anew."""
    while not client.has_ended:
        now, day = time.time(), client.day
        if day >= settles:
            put({"history-1": history(rows, past, settles)})
            settles = float("inf")
        after = state_of(objects())
        for one in news(before, after, day):
            happened.append(one)
            print(f"  {told(one)}", flush=True)
        if day >= (month + 1) * MONTH:
            print(f"  month {month} is over; {after.serves} serves. {after.says}", flush=True)
            month = int(day // MONTH)
        before = after
        time.sleep(max(0.0, LOOK_SECONDS - (time.time() - now)))
    return happened


def told(one: News) -> str:
    """Return something that happened as a sentence."""
    day = f"day {one.day:.0f}"
    if one.kind == "promotion":
        return f"{day}: {one.text} took over"
    if one.kind == "retraining":
        return f"{day}: a retraining was asked for"
    if one.kind == "nothing":
        return f"{day}: a run shipped nothing: {one.text}"
    return f"{day}: the monitor says: {one.text}"


def main() -> int:
    """Play a year, show it beside the other ways to keep a model; 1 where it is not as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--values", required=True, help="chart values that name the images")
    parser.add_argument("--customers", type=int, default=Asked.customers)
    parser.add_argument("--seed", type=int, default=Asked.seed)
    parser.add_argument("--shift", default=Asked.shift, choices=["fraud", "none", "customers"])
    parser.add_argument("--months", type=int, nargs=2, default=(LIVE.start, LIVE.stop))
    parser.add_argument("--day-seconds", type=float, default=Asked.day_seconds)
    parser.add_argument("--picture", type=Path, help="an SVG file to write")
    chosen = parser.parse_args()
    months = range(*chosen.months)
    asked = Asked(chosen.customers, chosen.seed, chosen.shift, months, chosen.day_seconds)
    began = time.monotonic()
    rows = with_days(payments(Year(asked.seed, asked.customers, asked.shift)))
    beside = ProcessPoolExecutor(1, initializer=os.nice, initargs=(19,))
    try:
        others: list[Future[Policy]] = [
            beside.submit(policy, rows, asked.months) for policy in (never, by_calendar, oracle)
        ]
        played = play(asked, rows, chosen.values)
        policies = [future.result() for future in others]
    finally:
        beside.shutdown(cancel_futures=True)
    policies.insert(2, played.policy)
    say("What came of it")
    print(comparison(played.rows, policies))
    frozen, ours = (
        {m.month: m.average_precision for m in by_month(played.rows, p.scores)}
        for p in (policies[0], played.policy)
    )
    # What a real year has two days for takes a month of this one.
    last_month = asked.months.stop - 1
    wrong = of_monitor(asked.shift, ours, frozen, played.news, recovered=last_month)
    if chosen.picture is not None:
        from fraud.picture import picture

        chosen.picture.write_text(picture(played.rows, policies, played.news))
    print(
        f"\n  {len(played.rows)} payments, {played.failed} tries that were not answered; "
        f"{time.monotonic() - began:.0f} s in all",
        flush=True,
    )
    for line in wrong:
        print(f"  NOT AS ASKED: {line}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
