"""FastAPI and onnxruntime, as people put them together by hand."""

import os

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

from session import session

model = session(os.environ["MODEL"])
app = FastAPI()


class Request(BaseModel):
    """Rows to predict."""

    rows: list[list[float]]


class Answer(BaseModel):
    """A label and probabilities for each row."""

    label: list[int]
    probabilities: list[list[float]]


@app.get("/ready")
async def ready() -> dict[str, bool]:
    """Say that the model is loaded."""
    return {"ready": True}


@app.post("/predict")
async def predict(request: Request) -> Answer:
    """Predict."""
    rows = np.array(request.rows, dtype=np.float32)
    label, probabilities = model.run(None, {"input": rows})
    return Answer(label=label.tolist(), probabilities=probabilities.tolist())
