"""Golden requests: flights whose right answers are what serves now."""

import json
from typing import Any

from flights import demo

FLIGHT = {
    "origin": "JFK", "carrier": "B6", "hour": 9, "distance": 1000, "temp": 40, "dewp": 30,
    "humid": 50, "wind_speed": 10, "precip": 0, "pressure": 1015, "visib": 10,
}  # fmt: skip


def request(hour: int) -> list[dict[str, Any]]:
    """Return one flight as inputs of the Open Inference Protocol."""
    return [
        {
            "name": name,
            "datatype": "BYTES" if isinstance(value, str) else "FP32",
            "shape": [1, 1],
            "data": [hour if name == "hour" else value],
        }
        for name, value in FLIGHT.items()
    ]


def golden(model: str, name: str, hour: int) -> dict[str, Any]:
    """Return a golden request whose right answer is what serves now, as its pod tells it."""
    revision = demo.revision(name=model)["name"]
    selector = f"perennial.dev/deployment={model},perennial.dev/revision={revision}"
    found = demo.kubectl("get", "pods", "-n", demo.NAMESPACE, "-l", selector, "-o", "name")
    pod = found.split()[0].removeprefix("pod/")
    path = f"/api/v1/namespaces/{demo.NAMESPACE}/pods/{pod}:8080/proxy/v2/models/{model}/infer"
    asked = json.dumps({"inputs": request(hour)})
    told = json.loads(demo.kubectl("create", "--raw", path, "-f", "-", stdin=asked))
    expect = [{"name": o["name"], "data": o["data"]} for o in told["outputs"]]
    return {"name": name, "inputs": request(hour), "expect": expect}
