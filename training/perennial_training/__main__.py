"""``python -m perennial_training``: train the candidate of this pod's index."""

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

from perennial_artifact.result import CandidateResult, RunSpec
from perennial_training.failure import Stopped, failure_of, stoppable

RUN = Path("/perennial/run.json")
SECRETS = Path("/perennial-secrets")


def main() -> int:
    """Run the pod's candidate and tell how it went; exit 1 only where another try may help."""
    run = RunSpec.from_json(Path(os.environ.get("PERENNIAL_RUN", RUN)).read_bytes())
    index = int(os.environ.get("JOB_COMPLETION_INDEX", "0"))
    secrets = Path(os.environ.get("PERENNIAL_SECRETS", SECRETS))
    status = 0
    try:
        with stoppable(), tempfile.TemporaryDirectory() as output:
            # Here, so that a fault while the libraries load is told, too.
            from perennial_training.run import train

            result = train(run, index, secrets, Path(output))
    except (Exception, Stopped) as error:
        failure = failure_of(error)
        if failure.reason == "TrainerFault":
            traceback.print_exc()
        print(json.dumps({"message": failure.message, "reason": failure.reason}), flush=True)
        result = CandidateResult(candidate=run.candidates[index].name, failure=failure)
        status = 1 if failure.retry else 0
    message = result.to_message()
    Path(os.environ.get("PERENNIAL_TERMINATION_LOG", "/dev/termination-log")).write_bytes(message)
    return status


if __name__ == "__main__":
    sys.exit(main())
