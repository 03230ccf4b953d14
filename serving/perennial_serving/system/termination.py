"""Why a container ends, told in its log and in the pod's status."""

import json
import os
import sys
from pathlib import Path

TERMINATION_LOG = "/dev/termination-log"


def report(reason: str, message: str) -> None:
    """Say why this container ends: a word for programs, a sentence for people."""
    text = json.dumps({"reason": reason, "message": message[:1024]})
    print(text, file=sys.stderr, flush=True)
    try:
        Path(os.environ.get("PERENNIAL_TERMINATION_LOG", TERMINATION_LOG)).write_text(text)
    except OSError:
        print("the termination log cannot be written", file=sys.stderr)
