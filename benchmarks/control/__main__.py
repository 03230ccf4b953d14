"""Measure the cases that are named, or all of them, and print a table in Markdown."""

import argparse
from itertools import groupby

from benchmarks.control import __doc__ as purpose
from benchmarks.control.cases import CASES, Case, Result
from benchmarks.control.stage import built


def main() -> None:
    """Print a row for each case; those of one kind of stage are measured on the same."""
    listed = "\n".join(f"  {c.name:10}{c.what}; at most {c.aim or 'anything'}" for c in CASES)
    parser = argparse.ArgumentParser(
        prog="make benchmark-operator",
        description=f"{purpose}\ncases:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [case.name for case in CASES]
    parser.add_argument("cases", nargs="*", metavar="CASE", help="all where none is named")
    parser.add_argument("--objects", type=int, default=100, help="ModelDeployments (100)")
    parser.add_argument("--foreign", type=int, help="pods of the case foreign (20,000)")
    parser.add_argument("--rest", type=int, default=60, help="seconds at rest, on trial (60)")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(names)}")
    wanted = [case for case in CASES if case.name in (options.cases or names)]
    print("| case | what | CPU s | peak MiB | GET | PATCH | POST | other | writes | aim | met |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |", flush=True)
    for _, group in groupby(wanted, lambda c: (c.namespaces, c.foreign, c.most_objects)):
        cases = list(group)
        first = cases[0]
        count = min(options.objects, first.most_objects or options.objects)
        foreign = min(options.foreign or first.foreign, first.foreign)
        with built(count, first.namespaces, foreign, options.rest) as stage:
            for case in cases:
                print(row(case, case.measure(stage)), flush=True)


def row(case: Case, result: Result) -> str:
    """Return a row of the table."""
    spent = result.used
    asked = spent.requests.copy()
    verbs = [asked.pop(verb, 0) for verb in ("GET", "PATCH", "POST")]
    met = {None: "", True: "yes", False: "no"}[result.met]
    told = [case.name, result.what, f"{spent.seconds:.1f}", f"{spent.peak / 2**20:.0f}"]
    told += [*map(str, verbs), str(asked.total()), str(spent.writes), case.aim, met]
    return f"| {' | '.join(told)} |"


if __name__ == "__main__":
    main()
