"""`session.run` alone on varied rows for a moment: prints the processor seconds of one run.

python session_run.py MODEL ROWS SECONDS
"""

import sys
import time

import numpy as np
import onnxruntime as ort

path, rows, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
table = np.random.default_rng(11).normal(size=(max(4096, 64 * rows) // rows, rows, 30)).astype(np.float32)
for part in table[:64]:
    session.run(None, {name: part})
runs, begin, end = 0, time.process_time(), time.perf_counter() + seconds
while time.perf_counter() < end:
    for part in table[runs % len(table) :][:64]:
        session.run(None, {name: part})
        runs += 1
print((time.process_time() - begin) / runs)
