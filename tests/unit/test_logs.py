"""What a log pipeline reads: one JSON object a line."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

FAILS = """
import asyncio
from perennial.__main__ import log_as_json
from perennial.cluster.queue import Key, WorkQueue

async def fail(key):
    raise RuntimeError("two lines:\\nthe API server is away")

def nothing():
    return []

async def main():
    queue = WorkQueue(fail, nothing)
    queue.start()
    queue.add(Key("ModelTraining", "team", "flights"))
    await asyncio.sleep(0.05)
    await queue.stop()

log_as_json()
asyncio.run(main())
"""


def test_a_failed_reconcile_is_one_line_with_what_a_pipeline_wants() -> None:
    done = subprocess.run([sys.executable, "-c", FAILS], capture_output=True, text=True)
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert said["level"] == "ERROR" and said["logger"] == "perennial.queue"
    assert said["message"] == "reconcile failed"
    assert (said["kind"], said["object"]) == ("ModelTraining", "team/flights")
    assert said["exc_info"].endswith("two lines:\nthe API server is away")
    age = datetime.now(UTC) - datetime.fromisoformat(said["time"])
    assert timedelta() <= age < timedelta(minutes=1)
