"""onnxruntime in a loop, in process: what no server can surpass. Prints JSON."""

import json
import sys
import time

import numpy as np

from session import session


def main() -> None:
    """Run one row, then many, for some seconds each."""
    path, rows_file, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    rows = np.load(rows_file)
    model = session(path)
    names = [o.name for o in model.get_outputs()]
    rates = {}
    for count in (1, len(rows)):
        feeds = {"input": rows[:count]}
        for _ in range(200):
            model.run(names, feeds)
        runs, began = 0, time.perf_counter()
        while (taken := time.perf_counter() - began) < seconds:
            for _ in range(50):
                model.run(names, feeds)
            runs += 50
        rates[str(count)] = runs / taken
    print(json.dumps(rates))


main()
