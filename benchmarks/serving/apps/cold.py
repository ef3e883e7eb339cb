"""What any Python server must do before its first answer: import onnxruntime, load the model, run it once.

python cold.py MODEL stop|stay
"""

import sys

import numpy as np
import onnxruntime as ort

options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
answers = session.run(None, {session.get_inputs()[0].name: np.zeros((1, 30), np.float32)})
if sys.argv[2] == "stay":
    print("ready", flush=True)
    sys.stdin.read()
