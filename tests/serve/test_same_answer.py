"""A row is answered the same alone, in any list, and beside whatever others happen to send at that moment."""

import asyncio
import json
from contextlib import contextmanager

import numpy as np
import onnx
from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.model.loaded import load

from .conftest import DIGEST, Live, constant, helper, proto, value, write

FEATURES = [f"x{i}" for i in range(8)]
REQUESTS, CONNECTIONS, ROWS = 10_000, 16, 200


def network():
    """A small neural network in 32 bits, where a sum depends on its order."""
    random = np.random.default_rng(1)
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["a"]),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "w2"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["y"]),
    ]
    weights = [
        constant("w1", random.normal(size=(8, 64)).astype(np.float32)),
        constant("w2", random.normal(size=(64, 1)).astype(np.float32) / 8),
    ]
    return proto([value("x", TensorProto.FLOAT, ["n", 8])], [value("y", TensorProto.FLOAT, ["n", 1])], nodes, weights)


def one_scale(folder):
    """The same with weights in 8 bits, and the numbers of a run, too: by one scale for all of them."""
    onnx.save(network(), folder / "wide.onnx")
    quantize_dynamic(folder / "wide.onnx", folder / "narrow.onnx", weight_type=QuantType.QInt8)
    return onnx.load(folder / "narrow.onnx")


@contextmanager
def served(folder, model):
    """As the endpoint `net`."""
    signature = Signature(
        model="net",
        task="regression",
        target="y",
        columns=tuple(Column(name=name, type="float") for name in FEATURES),
        inputs=(Tensor(name="x", datatype="FP32", columns=tuple(FEATURES)),),
        outputs=(Tensor(name="y", datatype="FP32"),),
    )
    with Live([load(write(folder, signature, model), endpoint="net", release="release:net@1", digest=DIGEST)]) as live:
        yield live


async def ask(reader, writer, rows):
    body = json.dumps(rows).encode()
    writer.write(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    answer = json.loads(await reader.readexactly(size))
    found = [answer["prediction"]] if isinstance(rows, dict) else answer["predictions"]
    return [one["value"] for one in found]


async def client(port, rows, alone, seed, count):
    """Random compositions, one after the other, while the other clients send theirs."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    random = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(count):
        picked = random.integers(0, len(rows), 1 if random.random() < 0.4 else random.integers(1, 24))
        found = await ask(reader, writer, [rows[i] for i in picked])
        worst = max(worst, float(np.abs(np.array(found) - alone[picked]).max()))
    writer.close()
    await writer.wait_closed()
    return worst


async def everyone(port, rows, requests=REQUESTS):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    alone = np.array([(await ask(reader, writer, row))[0] for row in rows])
    writer.close()
    await writer.wait_closed()
    each = requests // CONNECTIONS
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client(port, rows, alone, seed, each)) for seed in range(CONNECTIONS)]
    assert len(np.unique(alone)) > ROWS // 2  # the rows are told apart
    return max(task.result() for task in tasks)


def table():
    return np.random.default_rng(0).normal(size=(ROWS, 8)).round(3)


def named(values):
    return [dict(zip(FEATURES, row.tolist(), strict=True)) for row in values]


def test_one_row_alone_equals_the_same_row_in_any_company(tmp_path):
    with served(tmp_path, network()) as net:
        assert asyncio.run(everyone(net.port, named(table()))) <= 1e-6


def test_so_it_does_where_a_run_has_one_scale_for_all_of_its_rows(tmp_path, caplog):
    """And some rows are far larger than others."""
    values = table()
    values[::20] *= 1000
    with served(tmp_path, one_scale(tmp_path)) as net:
        assert asyncio.run(everyone(net.port, named(values), 500)) <= 1e-6
        tensor = {"name": "x", "shape": [ROWS, 8], "datatype": "FP32", "data": values.ravel().tolist()}
        _, together = net.post("/v2/models/net/infer", {"inputs": [tensor]})
        apart = [
            net.post("/v2/models/net/infer", {"inputs": [tensor | {"shape": [1, 8], "data": row.tolist()}]})[1]
            for row in values[:30]
        ]
    found = [np.ravel(one["outputs"][0]["data"]) for one in (together, *apart)]
    np.testing.assert_allclose(np.concatenate(found[1:]), found[0][:30], atol=1e-6)
    assert "each row is computed by itself" in caplog.text
