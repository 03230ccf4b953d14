"""Ask a model through a Gateway; print what came of it, as one JSON object.

Runs inside the cluster: ``python3 -c SCRIPT URL HOST --requests N``. It asks at least so often, and
then until a line comes, or the end, of its standard input.
"""

import argparse
import collections
import http.client
import itertools
import json
import sys
import threading
import time
import urllib.parse

TEXT = {"origin": "JFK", "carrier": "AA"}
NUMBERS = ("hour", "distance", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
INPUTS = [
    *({"name": n, "shape": [1, 1], "datatype": "BYTES", "data": [v]} for n, v in TEXT.items()),
    *({"name": n, "shape": [1, 1], "datatype": "FP32", "data": [1.0]} for n in NUMBERS),
]
BODY = json.dumps({"inputs": INPUTS}).encode()
USER = "x-user-id"


def options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("host", help="the name that the route answers to")
    parser.add_argument("--requests", type=int, default=0, help="at least")
    parser.add_argument("--connections", type=int, default=4, help="kept, one request at a time")
    parser.add_argument("--per-second", type=float, default=0, help="at most, of all connections")
    parser.add_argument("--users", type=int, default=0, help=f"so many values of {USER} in turn")
    parser.add_argument("--header", nargs="*", default=[], help="name=value")
    return parser.parse_args()


class Load:
    """So many connections that ask one after the other."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.url = urllib.parse.urlsplit(chosen.url)
        self.numbers = itertools.count()
        self.told_to_end = threading.Event()
        self.answers: collections.Counter[str] = collections.Counter()
        self.failed: collections.Counter[str] = collections.Counter()
        self.users: dict[str, set[str]] = collections.defaultdict(set)
        self.began = time.monotonic()

    def run(self) -> None:
        """Ask until it is over."""
        workers = [threading.Thread(target=self._ask) for _ in range(self.chosen.connections)]
        for worker in workers:
            worker.start()
        sys.stdin.readline()
        self.told_to_end.set()
        for worker in workers:
            worker.join()

    def _ask(self) -> None:
        chosen = self.chosen
        headers = {"host": chosen.host, **dict(h.split("=", 1) for h in chosen.header)}
        connection = http.client.HTTPConnection(self.url.netloc, timeout=10)
        while (n := next(self.numbers)) < chosen.requests or not self.told_to_end.is_set():
            if chosen.per_second:
                due = self.began + n / chosen.per_second
                time.sleep(max(0.0, due - time.monotonic()))
            if chosen.users:
                headers[USER] = f"user-{n % chosen.users}"
            try:
                connection.request("POST", self.url.path, BODY, headers)
                answer = connection.getresponse()
                content = answer.read()
                if answer.status != 200:
                    self.failed[f"{answer.status} {content[:100].decode(errors='replace')}"] += 1
                    continue
                version = str(json.loads(content)["model_version"])
            except (http.client.HTTPException, OSError, ValueError) as problem:
                self.failed[f"{type(problem).__name__} {problem}"] += 1
                connection.close()
                continue
            self.answers[version] += 1
            if chosen.users:
                self.users[headers[USER]].add(version)

    def told(self) -> dict[str, object]:
        """Return what came of it."""
        users = {user: sorted(versions) for user, versions in self.users.items()}
        seconds = time.monotonic() - self.began
        return {"answers": self.answers, "failed": self.failed, "users": users, "seconds": seconds}


if __name__ == "__main__":
    load = Load(options())
    load.run()
    print(json.dumps(load.told()))
