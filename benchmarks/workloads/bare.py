"""The sample's model behind bare uvicorn: one process, no Ray. What a service costs before anything can be lost."""

import numpy as np
from fastapi import FastAPI

from workloads.serve import classifier
from workloads.serve.request import Request

api = FastAPI(docs_url=None, redoc_url=None)
ARRAYS, _ = classifier.baseline()


@api.post("/predict")
async def predict(request: Request) -> dict:
    """The same answer as the service's, from the same arithmetic, one request at a time."""
    images = np.asarray([request.pixels], dtype=np.float32) / 16.0
    (probabilities,) = classifier.predict(ARRAYS, images).probabilities
    return {
        "digit": int(probabilities.argmax()),
        "confidence": round(float(probabilities.max()), 4),
        "model": classifier.BASELINE,
    }
