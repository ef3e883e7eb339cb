"""FastAPI with ONNX Runtime, as engineers write it: a typed list of rows, `async def`, one session."""

import os

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel

options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
app = FastAPI()


class Rows(BaseModel):
    rows: list[list[float]]


class Answer(BaseModel):
    predictions: list[float]


@app.post("/predict")
async def predict(body: Rows) -> Answer:
    (answers,) = session.run(None, {name: np.asarray(body.rows, dtype=np.float32)})
    return Answer(predictions=answers.ravel().tolist())
