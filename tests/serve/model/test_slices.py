"""Long work is done in slices: the answers are the same, and the others of the process go on meanwhile."""

import asyncio
import json
import threading
from functools import partial

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto, helper
from tests.serve.conftest import DIGEST, late_release, loaded_late, proto, value, write
from tests.serve.lets_go_on import longest_part

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.model.answers import reader
from arkwright.serve.model.arrow.answer import arrow_response
from arkwright.serve.model.graph import MOST, Graph
from arkwright.serve.model.loaded import load
from arkwright.serve.model.slices import SLICE, in_slices, joined, placed
from arkwright.serve.rest import oip
from arkwright.serve.rest.predict import answer_once, predict
from arkwright.serve.tap import infers
from arkwright.serve.traffic.job import Job
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Problem, Request, json_response

ARROW = b"application/vnd.apache.arrow.stream"
COUNT = 6 * SLICE + 1
KINDS = {"at": ("INT64", TensorProto.INT64), "text": ("BYTES", TensorProto.STRING), "x": ("FP64", TensorProto.DOUBLE)}


@pytest.fixture(scope="module")
def dated(tmp_path_factory):
    """A model of a time, a text and a number, which gives them back: rows become objects on their way."""
    ports = [[value(n + end, kind, ["n"]) for n, (_, kind) in KINDS.items()] for end in ("", "_out")]
    nodes = [helper.make_node("Identity", [n], [f"{n}_out"]) for n in KINDS]
    signature = Signature(
        model="dated",
        task="regression",
        target="y",
        columns=(
            Column(name="at", type="datetime"),
            Column(name="text", type="str", allowed=("a", "b")),
            Column(name="x", type="float", nullable=True),
        ),
        inputs=tuple(Tensor(name=n, datatype=kind) for n, (kind, _) in KINDS.items()),
        outputs=tuple(Tensor(name=f"{n}_out", datatype=kind) for n, (kind, _) in KINDS.items()),
    )
    folder = write(tmp_path_factory.mktemp("dated"), signature, proto(*ports, nodes))
    return load(folder, endpoint="dated", release="release:dated@1", digest=DIGEST)


def stream(columns, way=lambda table: table):
    table = way(pa.table(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def many(count=COUNT):
    return {
        "at": pa.array(np.arange(count).astype("datetime64[us]")),
        "text": pa.array(["a", "b", "a"] * count).slice(0, count),
        "x": pa.array(np.arange(count) / 7),
    }


def answered(loaded, body, accept=b"application/json", work=lambda do: do()):
    """The answer to an Arrow stream, computed as on a worker's threads."""

    async def main():
        request = Request("POST", "/predict", {b"content-type": ARROW, b"accept": accept}, body)
        job = predict(Lane(loaded, Limits()), request, body, print, 0.0)
        found = []
        work(lambda: found.append(job.finish(loaded.graph.run_many(job.prepare()))))
        return found[-1]

    return asyncio.run(main())


WAYS = {
    "as they are": lambda t: t,
    "dictionary": lambda t: t.set_column(1, "text", t["text"].dictionary_encode()),
    "views": lambda t: t.set_column(1, "text", t["text"].cast(pa.string_view())),
    "several batches": lambda t: pa.concat_tables([t.slice(0, 3000), t.slice(3000)]),
}


@pytest.mark.parametrize("way", WAYS)
def test_many_arrow_rows_are_answered_as_few_are(dated, way):
    columns = many()
    whole = answered(dated, stream(columns, WAYS[way])).body
    found = msgspec.json.decode(whole)["predictions"]
    assert len(found) == COUNT
    for part in (slice(0, 3), slice(SLICE - 1, SLICE + 1), slice(COUNT - 2, COUNT)):
        few = {n: column.slice(part.start, part.stop - part.start) for n, column in columns.items()}
        assert found[part] == msgspec.json.decode(answered(dated, stream(few)).body)["predictions"]
    assert whole == answer_once(dated, reader(dated.signature, dated.graph), rows_of(columns))


def rows_of(columns):
    table = pa.table(columns)
    return msgspec.json.encode(table.to_pylist())


def test_many_rows_are_answered_in_arrow_as_in_json(dated):
    body = stream(many())
    answer = answered(dated, body, ARROW)
    table = pa.ipc.open_stream(answer.body).read_all()
    said = msgspec.json.decode(answered(dated, body).body)
    assert [{"outputs": row} for row in table["outputs"].to_pylist()] == said["predictions"]
    assert answer.logged == answered(dated, body).body


def test_parts_of_different_types_become_one_table():
    said = [b",".join([b'{"value":1}'] * 9000), b",".join([b'{"value":2.5}'] * 9000)]
    response = arrow_response(said, release="r", digest="d", headers=b"")
    values = pa.ipc.open_stream(response.body).read_all()["value"].to_pylist()
    assert values == [1] * 9000 + [2.5] * 9000


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        ("text", "c", r"\$\[5000\]\.text: invalid enum value 'c'"),
        ("x", float("nan"), r"\$\[5000\]\.x: is NaN or Infinity"),
        ("at", None, r"\$\[5000\]\.at: expected datetime, got null"),
    ],
)
def test_a_mistake_in_a_slice_has_its_place(dated, name, wrong, told):
    columns = many()
    values = columns[name].to_pylist()
    values[5_000] = wrong
    with pytest.raises(Problem, match=told):
        answered(dated, stream(columns | {name: pa.array(values, columns[name].type)}))


def test_the_place_of_a_problem():
    def prepare(rows):
        if -1 in rows:
            raise Problem(422, f"$[{rows.index(-1)}].km: no", b"X: y\r\n")
        return {"x": np.array(rows)}

    numbers = list(range(3 * SLICE + 5))
    assert (in_slices(prepare)(numbers)["x"] == numbers).all()
    numbers[2 * SLICE + 3] = -1
    with pytest.raises(Problem) as caught:
        in_slices(prepare)(numbers)
    assert (caught.value.status, caught.value.message) == (422, f"$[{2 * SLICE + 3}].km: no")
    assert caught.value.headers == b"X: y\r\n"
    assert placed("the model failed", 7) == "the model failed"


@pytest.mark.parametrize(
    "parts",
    [[np.zeros(3)], [np.zeros(3), np.zeros(3)], [np.zeros(4), np.zeros((1, 2))]],
    ids=["too few", "too many", "of another shape"],
)
def test_parts_that_are_no_whole(parts):
    with pytest.raises(ValueError):
        joined(({"x": part} for part in parts), 5)


def test_a_part_is_not_repeated_where_it_lacks_rows():
    parts = [{"x": np.zeros(4), "y": np.zeros(4)}, {"x": np.zeros(4), "y": np.zeros(1)}]
    with pytest.raises(ValueError):
        joined(parts, 8)


def test_a_graph_that_gives_no_row_for_each_is_run_whole(tmp_path):
    nodes = [helper.make_node("Unique", ["text"], ["once"], sorted=1)]
    model = proto([value("text", TensorProto.STRING, ["n"])], [value("once", TensorProto.STRING, ["m"])], nodes)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    texts = np.array(["a", "b"] * SLICE, object)
    assert Graph(tmp_path / "model.onnx").run_many({"text": texts})["once"].tolist() == ["a", "b"]


def test_many_rows_take_the_memory_of_one_slice(tmp_path, monkeypatch):
    """The runtime keeps what its largest run took."""
    graph, sizes = late_release(tmp_path).graph, []
    rows = {"features": np.arange(3 * (2 * MOST + 3), dtype=np.float32).reshape(-1, 3) / 7000}
    whole, run = graph.run(rows), graph.run
    monkeypatch.setattr(graph, "run", lambda inputs: sizes.append(len(inputs["features"])) or run(inputs))
    found = graph.run_many(rows)
    assert sizes == [MOST, MOST, 3]
    for name, array in whole.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_frame_of_many_rows_is_one_frame(tmp_path):
    rows = [{"distance": float(i), "carrier": "UA", "delay": None} for i in range(2 * SLICE + 3)]
    loaded = loaded_late(tmp_path, "polars_features")
    found = loaded.prepare(loaded.rows.decode(json.dumps(rows).encode())[0])["features"]
    assert len(found) == len(rows)
    assert found[:, 0] == pytest.approx(np.arange(len(rows)) / 1000)


def test_long_tensors_are_told_as_short_ones_are(dated):
    texts = np.array([f'é"{i}' for i in range(COUNT)], object)
    tensors = {"at": np.arange(COUNT), "text": texts, "x": np.arange(COUNT) / 7}
    outputs = {f"{name}_out": array for name, array in tensors.items()}
    told = msgspec.json.decode(oip.respond(dated, "7", dict.fromkeys(outputs, False), outputs).body)
    assert [one["data"] for one in told["outputs"]] == [array.tolist() for array in tensors.values()]
    for which, (body, head), given in (
        ("inputs", oip.request(dated, tensors, outputs), tensors),
        ("outputs", oip.told(dated, outputs, outputs), outputs),
    ):
        (text,) = infers.Tensors(infers.read(body, head, which), 1).take(1)[0]
        assert [one["data"] for one in json.loads(text)] == [array.tolist() for array in given.values()]


def test_others_go_on_while_arrow_rows_are_computed_and_answered(dated):
    body, parts = stream(many(60_000)), []
    answered(dated, body, ARROW, work=lambda do: parts.append(longest_part(do, 0.1)))
    assert parts[0] < 0.1


def test_others_go_on_while_tensors_are_told(dated):
    texts = np.array(["some text"] * 200_000, object)
    tensors = {"at": np.arange(200_000), "text": texts, "x": np.arange(200_000) / 7}
    outputs = {f"{name}_out": array for name, array in tensors.items()}
    for work in (
        partial(oip.request, dated, tensors, outputs),
        partial(oip.respond, dated, None, dict.fromkeys(outputs, False), outputs),
        partial(oip.respond, dated, None, dict.fromkeys(outputs, True), outputs),
    ):
        assert longest_part(work, 0.4) < 0.4


def test_what_was_long_to_read_is_computed_where_nobody_waits(tmp_path):
    """However few its rows are, and whatever they cost."""
    loaded, where = late_release(tmp_path), []

    async def main():
        batcher = Lane(loaded, Limits()).batcher

        def finish(outputs):
            where.append(threading.current_thread() is threading.main_thread())
            return json_response({name: array.tolist() for name, array in outputs.items()})

        for long in (False, True):
            done = asyncio.get_running_loop().create_future()
            row = {"features": np.zeros((1, 3), np.float32)}
            request = Request("POST", "/predict", {}, b"")
            batcher.add(
                Job(request, 1, fast=True, prepare=partial(dict, row), finish=finish, reply=done.set_result, long=long)
            )
            assert (await done).status == 200

    asyncio.run(main())
    assert where == [True, False]


def test_many_rows_are_let_go_when_they_are_read(tmp_path):
    """By whoever read them, a slice after the other, and not by the loop."""

    async def main():
        body = msgspec.json.encode([{"distance": 1.0, "carrier": "UA", "delay": None}] * COUNT)
        lane = Lane(loaded_late(tmp_path, "polars_features"), Limits())
        job = predict(lane, Request("POST", "/", {}, body), body, lambda _: None, 0.0)
        rows = job.prepare.__self__.rows
        assert len(rows) == COUNT
        answer = job.finish(lane.loaded.graph.run(job.prepare()))
        assert rows == []
        assert len(json.loads(answer.body)["predictions"]) == COUNT
        lane.close()

    asyncio.run(main())
