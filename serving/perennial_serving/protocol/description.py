"""What the server says about itself and its model: health, readiness, metadata."""

from __future__ import annotations

from functools import cache
from typing import Any

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


def parameters(model: Model, tensor: Tensor) -> dict[str, Any]:
    """Return what is known of an input or output beyond its shape.

    ``kind`` is what an input's column holds, any value of which may be missing; ``classes`` are
    those whose probabilities an output's columns are.
    """
    if tensor.name == PROBABILITIES and tensor in model.outputs and model.classes:
        return {"classes": list(model.classes)}
    if tensor in model.inputs:
        kinds = (column.kind for column in model.columns if column.name == tensor.name)
        return {"kind": kind for kind in kinds}  # noqa: B035 - of one column, or of none
    return {}


def _tensor(tensor: Tensor, known: dict[str, Any]) -> dict[str, Any]:
    return {**tensor.to_plain(), "parameters": known} if known else tensor.to_plain()


class Description:
    """Answers everything of the protocol but infer, as status and document."""

    def __init__(self, model: Model, admission: Admission) -> None:
        self._model, self._admission = model, admission
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

    def _look_up(self, path: str) -> tuple[int, dict[str, Any]]:
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
            return 200, {
                "name": model.name,
                "versions": [model.version],
                "platform": PLATFORM,
                "inputs": [_tensor(t, parameters(model, t)) for t in model.inputs],
                "outputs": [_tensor(t, parameters(model, t)) for t in model.outputs],
            }
        if path.removesuffix("/ready") in self.bases:
            return status, {"name": model.name, "ready": ready}
        raise RequestError(
            404,
            f"{path[:128]!r} is not served; the model is {model.name!r}, version {model.version!r}",
        )
