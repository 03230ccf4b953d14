"""A runtime of one's own for MLServer, as its documentation shows; it has none for ONNX.

Source: https://docs.seldon.ai/mlserver, "Custom inference runtimes".
"""

import os

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from session import session


class Onnx(MLModel):
    """An ONNX model of one input."""

    async def load(self) -> bool:
        """Load it."""
        self.session = session(os.environ["MODEL"])
        self.names = [o.name for o in self.session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Run it."""
        rows = self.decode(payload.inputs[0], default_codec=NumpyCodec)
        values = self.session.run(self.names, {"input": rows})
        outputs = [
            NumpyCodec.encode_output(name, value)
            for name, value in zip(self.names, values, strict=True)
        ]
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=outputs)
