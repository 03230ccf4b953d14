"""What a gRPC candidate's handler does with a message: nothing, or the least of inference."""

import os
from pathlib import Path

import numpy as np

from answering import Handler
from perennial_serving.protocol import inference_pb2 as pb
from session import session


def handler() -> Handler:
    """Return the handler that the environment names."""
    if os.environ["HANDLER"] == "empty":
        answer = Path(os.environ["ANSWER"]).read_bytes()
        return lambda message: answer
    model = session(os.environ["MODEL"])
    names = [o.name for o in model.get_outputs()]
    datatypes = {"tensor(int64)": "INT64", "tensor(float)": "FP32"}
    kinds = [datatypes[o.type] for o in model.get_outputs()]

    def infer(message: bytes) -> bytes:
        request = pb.ModelInferRequest.FromString(message)
        (tensor,) = request.inputs
        values = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(tensor.shape)
        answer = pb.ModelInferResponse(model_name="m", model_version="1")
        results = model.run(names, {tensor.name: values})
        for name, kind, value in zip(names, kinds, results, strict=True):
            answer.outputs.add(name=name, datatype=kind, shape=value.shape)
            answer.raw_output_contents.append(value.tobytes())
        return bytes(answer.SerializeToString())

    return infer
