"""MLServer's own types and codecs, and its `mlserver infer`, against a port; prints the answers."""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import numpy as np
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse

MODEL = "m"


def request() -> InferenceRequest:
    values = np.array([[1.5], [2.5]], np.float32)
    return InferenceRequest(id="mine", inputs=[NumpyCodec.encode_input("x", values)])


def main(http: str) -> None:
    url = f"http://127.0.0.1:{http}/v2/models/{MODEL}"
    with urllib.request.urlopen(url) as answer:
        metadata = MetadataModelResponse.model_validate_json(answer.read())
    body = request().model_dump_json(exclude_none=True).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/infer", data=body)) as answer:
        response = InferenceResponse.model_validate_json(answer.read())
    found = {
        "inputs": [t.name for t in metadata.inputs or []],
        "codec": NumpyCodec.decode_output(response.outputs[0]).ravel().tolist(),
        "id": response.id,
    }
    with tempfile.TemporaryDirectory() as place:
        rows, answers = Path(place, "rows"), Path(place, "answers")
        rows.write_text("\n".join(request().model_dump_json(exclude_none=True) for _ in range(3)))
        command = [str(Path(sys.executable).with_name("mlserver")), "infer", "-m", MODEL]
        command += ["-u", f"127.0.0.1:{http}", "-i", str(rows), "-o", str(answers)]
        subprocess.run(command, check=True, capture_output=True)
        lines = [InferenceResponse.model_validate_json(x) for x in answers.read_text().splitlines()]
    found["batch"] = [NumpyCodec.decode_output(r.outputs[0]).ravel().tolist() for r in lines]
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
