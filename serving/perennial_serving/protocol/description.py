"""What the server says about itself and its model: health, readiness, metadata."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from perennial_artifact.manifest import Tensor
from perennial_serving.execution.admission import Admission
from perennial_serving.model.loaded import Model
from perennial_serving.system.errors import RequestError

SERVER = "perennial"
PLATFORM = "onnxruntime_onnx"
PROBABILITIES = "probabilities"
EXTENSIONS = ("binary_tensor_data", "model_repository")


@cache
def server_version() -> str:
    """Return the release that runs."""
    # Here, because it takes longer to import than all that surrounds it.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("perennial")
    except PackageNotFoundError:
        return "dev"


def index(model: Model, admission: Admission) -> list[dict[str, str]]:
    """Return what Triton's model repository extension lists: one model."""
    known = {"name": model.name, "version": model.version}
    if admission.draining:
        return [{**known, "state": "UNAVAILABLE", "reason": "the server is about to end"}]
    return [{**known, "state": "READY", "reason": ""}]


Described = list[tuple[Tensor, dict[str, Any]]]
"""Tensors, each with what is known of it beyond its shape."""


def described(model: Model) -> tuple[Described, Described]:
    """Return what is known of inputs and outputs.

    ``kind`` is what an input's column holds, any value of which may be missing; ``classes`` are
    those whose probabilities an output's columns are.
    """
    kinds = {column.name: column.kind for column in model.columns}
    inputs: Described = [
        (t, {"kind": kinds[t.name]} if t.name in kinds else {}) for t in model.inputs
    ]
    outputs: Described = [
        (t, {"classes": list(model.classes)} if t.name == PROBABILITIES and model.classes else {})
        for t in model.outputs
    ]
    return inputs, outputs


def _tensor(tensor: Tensor, known: dict[str, Any]) -> dict[str, Any]:
    return {**tensor.to_plain(), "parameters": known} if known else tensor.to_plain()


class Description:
    """Answers everything of the protocol but infer, as status and document."""

    def __init__(self, model: Model, admission: Admission) -> None:
        self._model, self._admission = model, admission
        inputs, outputs = ([_tensor(*each) for each in side] for side in described(model))
        metadata = {"name": model.name, "versions": [model.version], "platform": PLATFORM}
        # Written once: a model may have thousands of inputs.
        self._metadata = msgspec.Raw(
            msgspec.json.encode({**metadata, "inputs": inputs, "outputs": outputs})
        )
        self.bases = (
            f"/v2/models/{model.name}",
            f"/v2/models/{model.name}/versions/{model.version}",
        )

    def __call__(self, method: str, path: str) -> tuple[int, Any]:
        """Return the answer to a path.

        Raises:
            RequestError: 404, 405.
        """
        if path == "*" and method == "OPTIONS":  # RFC 9110, section 9.3.7: of the server itself
            return 200, {}
        path = path.rstrip("/")
        if path == "/v2/repository/index":
            if method != "POST":
                raise RequestError(405, "the repository's index takes POST", allow="POST")
            return 200, index(self._model, self._admission)
        status, answer = self._look_up(path)
        if method not in ("GET", "HEAD"):
            raise RequestError(405, f"{path[:128]} takes GET", allow="GET, HEAD")
        return status, answer

    def _look_up(self, path: str) -> tuple[int, Any]:
        model = self._model
        ready = not self._admission.draining
        status = 200 if ready else 503
        match path:
            case "/v2/health/live":
                return 200, {"live": True}
            case "/v2/health/ready":
                return status, {"ready": ready}
            case "/v2/models":
                return 200, {"models": [model.name]}
            case "/v2":
                extensions = list(EXTENSIONS)
                about = {"name": SERVER, "version": server_version(), "extensions": extensions}
                return 200, about
        if path in self.bases:
            return 200, self._metadata
        if path.removesuffix("/ready") in self.bases:
            return status, {"name": model.name, "ready": ready}
        raise RequestError(
            404,
            f"{path[:128]!r} is not served; the model is {model.name!r}, version {model.version!r}",
        )
