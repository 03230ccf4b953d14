"""KServe's own clients, against the ports of the command line; prints what they were answered."""

import asyncio
import json
import sys

import numpy as np
from kserve import (
    InferenceGRPCClient,
    InferenceRESTClient,
    InferInput,
    InferRequest,
    RESTConfig,
)

MODEL = "m"


def request(binary: bool) -> InferRequest:
    values = np.array([[1.5], [2.5]], np.float32)
    tensor = InferInput("x", list(values.shape), "FP32")
    tensor.set_data_from_numpy(values, binary_data=binary)
    return InferRequest(model_name=MODEL, infer_inputs=[tensor], request_id="mine")


async def main(http: str, grpc: str) -> None:
    found: dict[str, object] = {}
    rest = InferenceRESTClient(RESTConfig(protocol="v2"))
    url = f"http://127.0.0.1:{http}"
    found["live"] = await rest.is_server_live(url)
    found["ready"] = await rest.is_server_ready(url)
    found["model"] = await rest.is_model_ready(url, MODEL)
    for name, binary in (("json", False), ("binary", True)):
        answer = await rest.infer(url, request(binary), model_name=MODEL)
        found[name] = answer.outputs[0].as_numpy().ravel().tolist()
        found[f"{name} id"] = answer.id
    remote = InferenceGRPCClient(f"127.0.0.1:{grpc}")
    found["grpc live"] = await remote.is_server_live()
    found["grpc model"] = await remote.is_model_ready(MODEL)
    for name, binary in (("grpc", False), ("grpc raw", True)):
        answer = await remote.infer(request(binary))
        found[name] = answer.outputs[0].as_numpy().ravel().tolist()
    await remote.close()
    await rest.close()
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
