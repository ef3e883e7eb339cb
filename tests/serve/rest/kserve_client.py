"""Run by KServe's own environment: its REST client, unmodified, against the endpoint `f32` at the address given."""

import asyncio
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def main(address):
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=1))
    assert await client.is_server_live(address)
    assert await client.is_server_ready(address)
    assert await client.is_model_ready(address, "f32")
    sent = np.array([[0.5, -2.0], [3.25, 1e30]], np.float32)
    for binary in (False, True):
        tensor = InferInput("f32", [2, 2], "FP32")
        tensor.set_data_from_numpy(sent, binary_data=binary)
        request = InferRequest("f32", [tensor], request_id="7", parameters={"binary_data_output": binary})
        answer = await client.infer(address, request, model_name="f32")
        assert answer.id == "7"
        assert (answer.outputs[0].as_numpy() == sent).all()
    print("fine")  # noqa: T201


asyncio.run(main(sys.argv[1]))
