"""Asks a model in the Open Inference Protocol, with tensors in binary: pip install 'tritonclient[http]'.

python infer.py 127.0.0.1:8000 late 1.2,0,4 900,1,0
"""

import sys

import numpy as np
import tritonclient.http as triton


def infer(address: str, model: str, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Every output for the rows, in the order of the model's one input."""
    with triton.InferenceServerClient(address) as client:
        about = client.get_model_metadata(model)
        if len(about["inputs"]) != 1:
            names = ", ".join(tensor["name"] for tensor in about["inputs"])
            sys.exit(f"{model} takes {len(about['inputs'])} tensors ({names}), and this asks models of one")
        wanted = about["inputs"][0]
        tensor = triton.InferInput(wanted["name"], list(rows.shape), wanted["datatype"])
        tensor.set_data_from_numpy(rows.astype(triton.triton_to_np_dtype(wanted["datatype"])))
        result = client.infer(model, [tensor])
        return {output["name"]: result.as_numpy(output["name"]) for output in about["outputs"]}


if __name__ == "__main__":
    given = np.array([[float(value) for value in row.split(",")] for row in sys.argv[3:]])
    try:
        for name, array in infer(sys.argv[1], sys.argv[2], given).items():
            print(name, array.tolist())
    except triton.InferenceServerException as error:
        sys.exit(error.message())
