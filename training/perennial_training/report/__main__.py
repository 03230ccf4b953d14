"""``python -m perennial_training.report``: make the report that the environment asks for.

The page is printed, too, packed and after a marker, so that whoever may read the pod's log can
fetch it without any right on the store.
"""

import base64
import gzip
import json
import os
import sys
import traceback
from pathlib import Path

from perennial_artifact.report import PAGE_BEGINS, PAGE_ENDS, ReportResult, ReportSpec
from perennial_training.failure import Stopped, failure_of, stoppable

SECRETS = Path("/perennial-secrets")
LINE = 1_000
"""Characters of a line: what keeps logs takes lines up to 16 KiB whole."""
MOST_PACKED = 4 * 1024 * 1024
"""Bytes of a packed page that is printed; a log of a pod is cut at 10 MiB."""


def main() -> int:
    """Make the report and tell how it went; exit 1 only where another try may help."""
    spec = ReportSpec.from_json(os.environ["PERENNIAL_REPORT"])
    secrets = Path(os.environ.get("PERENNIAL_SECRETS", SECRETS))
    status = 0
    try:
        with stoppable():
            # Here, so that a fault while the libraries load is told, too.
            from perennial_training.report.make import make

            result, page = make(spec, secrets)
            _print(page)
    except (Exception, Stopped) as error:
        failure = failure_of(error)
        if failure.reason == "TrainerFault":
            traceback.print_exc()
        print(json.dumps({"message": failure.message, "reason": failure.reason}), flush=True)
        result = ReportResult(number=spec.number, failure=failure)
        status = 1 if failure.retry else 0
    place = os.environ.get("PERENNIAL_TERMINATION_LOG", "/dev/termination-log")
    Path(place).write_bytes(result.to_message())
    return status


def _print(page: str) -> None:
    packed = gzip.compress(page.encode(), mtime=0)
    if len(packed) > MOST_PACKED:
        print(json.dumps({"message": "the page is too large to be printed"}), flush=True)
        return
    text = base64.b64encode(packed).decode()
    lines = [text[n : n + LINE] for n in range(0, len(text), LINE)]
    print("\n".join([PAGE_BEGINS, *lines, PAGE_ENDS]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
