"""What the server says about itself and its model: health, readiness, metadata."""

from __future__ import annotations

from functools import cache
from typing import Any

from perennial_artifact.manifest import Tensor
from perennial_serving.admission import Admission
from perennial_serving.errors import RequestError
from perennial_serving.model import Model

SERVER = "perennial"
PLATFORM = "onnxruntime_onnx"
PROBABILITIES = "probabilities"
EXTENSIONS = ("binary_tensor_data",)


@cache
def server_version() -> str:
    """Return the release that runs."""
    # Here, because it takes longer to import than all that surrounds it.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("perennial")
    except PackageNotFoundError:
        return "dev"


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

    def __call__(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        """Return the answer to a path.

        Raises:
            RequestError: 404, 405.
        """
        status, answer = self._look_up(path.rstrip("/"))
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
