"""KServe's Python server with a model of one's own, as its documentation shows.

Source: https://kserve.github.io/website, "Deploy a custom predictor".
"""

import logging
import os

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.logging import KSERVE_LOGGER_NAME, KSERVE_TRACE_LOGGER_NAME
from kserve.utils.utils import generate_uuid

from session import session

DATATYPES = {"int64": "INT64", "float32": "FP32"}


class Onnx(Model):
    """An ONNX model of one input."""

    def load(self) -> bool:
        """Load it."""
        self.session = session(os.environ["MODEL"])
        self.names = [o.name for o in self.session.get_outputs()]
        self.ready = True
        return self.ready

    async def predict(
        self, payload: InferRequest, headers: object = None, response_headers: object = None
    ) -> InferResponse:
        """Run it."""
        values = self.session.run(self.names, {"input": payload.inputs[0].as_numpy()})
        outputs = []
        for name, value in zip(self.names, values, strict=True):
            output = InferOutput(name, list(value.shape), DATATYPES[value.dtype.name])
            output.set_data_from_numpy(value, binary_data=payload.use_binary_outputs)
            outputs.append(output)
        return InferResponse(
            payload.id or generate_uuid(),
            self.name,
            outputs,
            use_binary_outputs=payload.use_binary_outputs,
        )


if __name__ == "__main__":
    model = Onnx(os.environ["NAME"])
    model.load()
    server = ModelServer(enable_latency_logging=False)
    # No line for each request, neither of uvicorn nor of its own.
    for name in (KSERVE_LOGGER_NAME, KSERVE_TRACE_LOGGER_NAME, "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    server.start([model])
