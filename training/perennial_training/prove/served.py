"""Whether the server will take an artifact: asked of the server's own code."""

from __future__ import annotations

import hashlib
from pathlib import Path

from perennial_artifact.profile import Profile
from perennial_serving.evidence.drift import Recorder
from perennial_serving.model.loaded import load
from perennial_serving.system.errors import ModelInvalid
from perennial_training.failure import TrainingFailure


def check_served(directory: Path) -> None:
    """Load an artifact by the rules by which a serving pod does.

    Raises:
        TrainingFailure: the server would refuse it.
    """
    try:
        model = load(directory, "proof", "1")
        if model.profile is not None:
            digest = hashlib.sha256(model.profile).hexdigest()
            Recorder(Profile.from_json(model.profile), digest, model)
        model.warm_up()
    except (ModelInvalid, ValueError) as error:
        raise TrainingFailure(
            "ModelRefused",
            f"the server would refuse the model, so it was not published: {error}; use another "
            "algorithm or smaller parameters, or report this as a fault of the trainer",
        ) from error
