"""``perennial-fetch``: bring the artifact into the pod and verify it, before the server starts.

An init container, so that the store's credentials never reach the process that answers requests.
"""

import os
import sys
from pathlib import Path

from perennial_artifact.store import ArtifactError, clear, fetch
from perennial_serving.system.termination import report


def main() -> int:
    """Fetch and verify; exit 1 with the reason in the termination log."""
    directory = Path(os.environ.get("PERENNIAL_MODEL_DIR", "/perennial/model"))
    secrets = Path(os.environ.get("PERENNIAL_SECRETS", "/perennial-secrets/store"))
    uri, sha256 = (os.environ.get(f"PERENNIAL_ARTIFACT_{n}", "") for n in ("URI", "SHA256"))
    if not uri or not sha256:
        report("ConfigInvalid", "PERENNIAL_ARTIFACT_URI and PERENNIAL_ARTIFACT_SHA256 must be set")
        return 1
    try:
        clear(directory)
        fetch(uri, sha256, directory, secrets)
    except ArtifactError as error:
        report(error.reason, str(error))
        return 1
    except ValueError as error:
        report("ArtifactInvalid", f"the manifest at {uri} cannot be read: {error}")
        return 1
    except OSError as error:
        report("FetchFailed", f"{directory} cannot be written: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
