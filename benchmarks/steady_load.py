"""Ask a model so many times, as fast as a few clients can; print how many answers were lost.

Runs inside the cluster: ``python steady_load.py URL BODY REQUESTS CLIENTS``. Half of the clients
keep their connection, the others open one for each request. Lost is what was not answered by 200.
"""

import http.client
import itertools
import json
import sys
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

URL, BODY, REQUESTS, CLIENTS = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3]), int(sys.argv[4])
PLACE = urlsplit(URL)
NUMBERS = itertools.count()
answers: Counter[str] = Counter()
lost: Counter[str] = Counter()


def ask(connection: http.client.HTTPConnection) -> None:
    """Ask once, and count the answer by its version, or why there was none."""
    try:
        connection.request("POST", PLACE.path, BODY, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status == 200:
            answers[json.loads(content)["model_version"]] += 1
        else:
            lost[str(answer.status)] += 1
    except (OSError, http.client.HTTPException) as error:
        lost[type(error).__name__] += 1
        connection.close()


def work(keeps: bool) -> None:
    """Ask until all was asked."""
    connection = http.client.HTTPConnection(PLACE.netloc, timeout=10)
    while next(NUMBERS) < REQUESTS:
        ask(connection)
        if not keeps:
            connection.close()


def main() -> None:
    """Let all clients ask, and tell."""
    began = time.monotonic()
    clients = [threading.Thread(target=work, args=(n % 2 == 0,)) for n in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    told = {"answers": answers, "lost": lost, "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
