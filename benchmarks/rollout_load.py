"""Ask a model so many times a second; print each answer's time and version, or ``failed``.

Runs inside the cluster: ``python rollout_load.py URL PER_SECOND SECONDS``.
"""

import json
import sys
import threading
import time
import urllib.request

URL, PER_SECOND, SECONDS = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
TEXT = {"origin": "JFK", "carrier": "AA"}
NUMBERS = ("hour", "distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")


def ask(hour: float) -> None:
    """Ask once, and tell."""
    values = {**TEXT, **dict.fromkeys(NUMBERS, 1.0), "hour": hour}
    inputs = [
        {"name": n, "shape": [1, 1], "data": [v], "datatype": "BYTES" if n in TEXT else "FP32"}
        for n, v in values.items()
    ]
    began = time.time()
    try:
        with urllib.request.urlopen(URL, json.dumps({"inputs": inputs}).encode(), 5) as answer:
            found = json.load(answer)["model_version"]
    except (OSError, ValueError):
        found = "failed"
    sys.stdout.write(json.dumps([began, found]) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Ask until the time is over."""
    due = time.time()
    end, n = due + SECONDS, 0
    while time.time() < end:
        threading.Thread(target=ask, args=(float(n % 20),)).start()
        n += 1
        due += 1 / PER_SECOND
        time.sleep(max(0.0, due - time.time()))


if __name__ == "__main__":
    main()
