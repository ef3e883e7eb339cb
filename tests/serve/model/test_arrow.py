"""Rows as Arrow streams: the same answers and the same words as for JSON, whatever wrote the stream."""

import io
import random
import struct
import subprocess
import sys
import threading
from datetime import UTC, date, datetime

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto
from tests.serve.conftest import DIGEST, ECHO, Live, helper, loaded_late, proto, value, write

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.model.arrow import answer
from arkwright.serve.model.arrow.flatbuffer import Malformed
from arkwright.serve.model.arrow.stream import MOST_CELLS, read
from arkwright.serve.model.loaded import load
from arkwright.serve.rest import predict

ARROW = "application/vnd.apache.arrow.stream"
LATE = {"distance": [1200.0, 10.0, 2500.5], "carrier": ["UA", "AA", "AA"], "delay": [4.0, None, 60.0]}
TYPES = {"f32": "float", "f64": "float", "i64": "int", "u8": "int", "b": "bool", "s": "str"}
ROWS = {
    "f32": [0.5, None, -3.25], "f64": [0.1, 1e300, 5e-324], "i64": [2**63 - 1, -(2**63), 0], "u8": [0, 255, 7],
    "b": [True, False, True], "s": ["", "é", "longer than twelve bytes"],
}  # fmt: skip


def stream(table, **options):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def post(live, body, accept=None, path="/predict"):
    headers = {"Content-Type": ARROW} | ({"Accept": accept} if accept else {})
    status, told, answer = live.call("POST", path, body, headers)
    return status, (answer if told["Content-Type"] == "application/json" else pa.ipc.open_stream(answer).read_all())


def as_json(table):
    return msgspec.json.encode(table.to_pylist())


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The endpoint `plain`: columns straight to the graph, and back; a date and a time too."""
    ports = [value(n, ECHO[n][1], ["n"]) for n in TYPES] + [value(n, TensorProto.INT64, ["n"]) for n in ("day", "at")]
    outs = [value(f"{p.name}_out", p.type.tensor_type.elem_type, ["n"]) for p in ports]
    nodes = [helper.make_node("Identity", [p.name], [f"{p.name}_out"]) for p in ports]
    # NaN cannot be told in JSON: a missing number comes back as -1
    nodes[0] = helper.make_node("Where", ["isnan", "minus", "f32"], ["f32_out"])
    nodes.insert(0, helper.make_node("IsNaN", ["f32"], ["isnan"]))
    names = [*TYPES, "day", "at"]
    kinds = {n: ECHO[n][0] for n in TYPES} | {"day": "INT64", "at": "INT64"}
    columns = tuple(Column(name=n, type=t, nullable=n == "f32") for n, t in TYPES.items())
    columns += (Column(name="day", type="date"), Column(name="at", type="datetime"))
    signature = Signature(
        model="plain",
        task="regression",
        target="y",
        columns=columns,
        inputs=tuple(Tensor(name=n, datatype=kinds[n]) for n in names),
        outputs=tuple(Tensor(name=f"{n}_out", datatype=kinds[n]) for n in names),
    )
    model = proto(ports, outs, nodes, [helper.make_tensor("minus", TensorProto.FLOAT, [], [-1.0])])
    folder = write(tmp_path_factory.mktemp("plain"), signature, model)
    with Live([load(folder, endpoint="plain", release="release:plain@1", digest=DIGEST)]) as live:
        yield live


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The endpoint `straight`: no dates, so that numpy alone is between the stream and the graph."""
    nodes = [helper.make_node("Identity", [n], [f"{n}_out"]) for n in TYPES]
    nodes[0] = helper.make_node("Where", ["isnan", "minus", "f32"], ["f32_out"])
    nodes.insert(0, helper.make_node("IsNaN", ["f32"], ["isnan"]))
    columns = [Column(name=n, type=t, nullable=n == "f32") for n, t in TYPES.items()]
    signature = Signature(
        model="straight",
        task="regression",
        target="y",
        columns=tuple(columns),
        inputs=tuple(Tensor(name=n, datatype=ECHO[n][0]) for n in TYPES),
        outputs=tuple(Tensor(name=f"{n}_out", datatype=ECHO[n][0]) for n in TYPES),
    )
    ports = [[value(n + end, ECHO[n][1], ["n"]) for n in TYPES] for end in ("", "_out")]
    model = proto(*ports, nodes, [helper.make_tensor("minus", TensorProto.FLOAT, [], [-1.0])])
    folder = write(tmp_path_factory.mktemp("straight"), signature, model)
    with Live([load(folder, endpoint="straight", release="release:straight@1", digest=DIGEST)]) as live:
        yield live


WAYS = {
    "as they are": lambda t: t,
    "dictionaries": lambda t: t.set_column(t.column_names.index("s"), "s", t["s"].dictionary_encode()),
    "large": lambda t: t.set_column(t.column_names.index("s"), "s", t["s"].cast(pa.large_string())),
    "views": lambda t: t.set_column(t.column_names.index("s"), "s", t["s"].cast(pa.string_view())),
    "sliced": lambda t: pa.concat_tables([t, t]).slice(3),
    "chunks": lambda t: pa.concat_tables([t.slice(0, 1), t.slice(1, 0), t.slice(1, 2)]),
    "smaller types": lambda t: t.set_column(t.column_names.index("u8"), "u8", t["u8"].cast(pa.uint16())),
    "signed": lambda t: t.set_column(t.column_names.index("u8"), "u8", t["u8"].cast(pa.int32())),
    "another order": lambda t: t.select(t.column_names[::-1]),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_them_is_answered_as_json_is(straight, way):
    table = pa.table({n: pa.array(v, pa.uint8() if n == "u8" else None) for n, v in ROWS.items()})
    status, answer = post(straight, stream(WAYS[way](table)))
    assert status == 200, answer
    assert (status, answer) == straight.post("/predict", as_json(table))


def test_dates_and_times_of_every_unit(plain):
    rows = ROWS | {"day": [date(2024, 2, 29)] * 3, "at": [datetime(1969, 12, 31, 23, 59, 59)] * 3}  # noqa: DTZ001
    for kind in (
        pa.timestamp("s"),
        pa.timestamp("ms"),
        pa.timestamp("us"),
        pa.timestamp("ns"),
        pa.timestamp("ms", "UTC"),
    ):
        for day in (pa.date32(), pa.date64()):
            at = [t.replace(tzinfo=UTC) if kind.tz else t for t in rows["at"]]
            table = pa.table(rows | {"day": pa.array(rows["day"], day), "at": pa.array(at, kind)})
            status, answer = post(plain, stream(table))
            assert status == 200, answer
            assert answer["predictions"][0]["outputs"]["day_out"] == 19782
            assert answer["predictions"][0]["outputs"]["at_out"] == -1_000_000
            columns = (rows | {"at": at}).values()
            json = msgspec.json.encode([dict(zip(rows, row, strict=True)) for row in zip(*columns, strict=True)])
            assert answer == plain.post("/predict", json)[1]


@pytest.mark.parametrize("takes", ["polars", "pandas", "arrow", "row"])
def test_before_every_form_of_features(tmp_path, takes):
    with Live([loaded_late(tmp_path, f"{takes}_features", takes)]) as live:
        table = pa.table(LATE)
        assert post(live, stream(table)) == live.post("/predict", as_json(table))


def test_what_polars_and_pandas_write(late):
    wanted = late.post("/predict", as_json(pa.table(LATE)))
    for frame in (pl.DataFrame(LATE), pl.DataFrame(LATE, schema_overrides={"carrier": pl.Categorical})):
        sink = io.BytesIO()
        frame.write_ipc_stream(sink)
        assert post(late, sink.getvalue()) == wanted
    table = pa.Table.from_pandas(pd.DataFrame(LATE), preserve_index=False)
    assert post(late, stream(table)) == wanted


def test_answers_as_a_stream(late, straight):
    status, table = post(late, stream(pa.table(LATE)), ARROW)
    assert status == 200
    wanted = late.post("/predict", as_json(pa.table(LATE)))[1]
    assert table.to_pylist() == wanted["predictions"]
    assert table.schema.metadata == {b"release": b"release:late@3", b"digest": DIGEST.encode()}
    status, told, body = late.call(
        "POST", "/predict", as_json(pa.table(LATE)), {"Content-Type": "application/json", "Accept": ARROW}
    )
    assert (status, told["Content-Type"], told["Arkwright-Digest"]) == (200, ARROW, DIGEST)
    assert pa.ipc.open_stream(body).read_all() == table
    assert post(straight, stream(pa.table(ROWS)), ARROW)[1].num_rows == 3


def changed(**columns):
    return {k: v for k, v in (LATE | columns).items() if v is not None}


REFUSED = {
    "unknown": (changed(distanse=[1, 2, 3]), "$: unknown column 'distanse'; did you mean \"distance\"?"),
    "target": (changed(late=[True] * 3), "$: unknown column 'late'; it is what the model predicts, so leave it out"),
    "absent": (changed(distance=None), "$: the column 'distance' is missing"),
    "type": (changed(distance=["a", "b", "c"]), "$[0].distance: expected float, got a column of str"),
    "type of texts": (changed(carrier=[1, 2, 3]), "$[0].carrier: expected str, got a column of int"),
    "bound": (changed(distance=[1.0, 2.0, -1.0]), "$[2].distance: expected float >= 0.0"),
    "allowed": (changed(carrier=["AA", "ZZ", "YY"]), "$[1].carrier: invalid enum value 'ZZ'"),
    "missing": (changed(distance=[1.0, None, 2.0]), "$[1].distance: expected float, got null"),
    "all missing": (changed(distance=[None] * 3), "$[0].distance: expected float, got null"),
    "nan": (
        changed(delay=[1.0, float("nan"), 2.0]),
        "$[1].delay: is NaN or Infinity, which is no number; a missing value is null",
    ),
    "no rows": ({k: v[:0] for k, v in LATE.items()}, "$: the stream has no rows; send at least one row"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_row_is_told_with_its_row_and_column(late, name):
    columns, message = REFUSED[name]
    assert post(late, stream(pa.table(columns))) == (422, {"error": message})


def test_numbers_that_the_graph_does_not_hold(straight):
    for name, values, message in (
        ("f32", [1.0, 1e39, 2.0], "$[1].f32: does not fit in FP32"),
        ("u8", [1, 2, 256], "$[2].u8: does not fit in UINT8"),
        ("i64", pa.array([1, 2**63, 2], pa.uint64()), "$[1].i64: the integer does not fit in 64 bits"),
    ):
        assert post(straight, stream(pa.table(ROWS | {name: values}))) == (422, {"error": message})


NO_STREAMS = {
    "nothing": b"",
    "json": b'[{"distance": 1}]',
    "no mark": bytes(64),
    "a file": b"ARROW1\0\0" + bytes(64),
    "the mark alone": b"\xff\xff\xff\xff",
    "an end alone": b"\xff\xff\xff\xff\0\0\0\0",
    "a huge head": b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(64),
    "compressed": stream(pa.table({"distance": [0.0] * 1000, "carrier": ["AA"] * 1000}), compression="zstd"),
    "something behind": stream(pa.table(LATE)) + b"x",
    "two streams": stream(pa.table(LATE)) * 2,
}


@pytest.mark.parametrize("name", NO_STREAMS)
def test_what_is_no_stream_is_400(late, name):
    status, answer = post(late, NO_STREAMS[name])
    assert status in ((422,) if name in ("nothing", "an end alone") and status == 422 else (400,))
    assert len(answer["error"]) < 300


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([[1.0]], "is a list"), ([{"a": 1.0}], "is a struct"), (pa.array([1], pa.decimal128(5)), "is a decimal"),
        (pa.array([1], pa.duration("s")), "is a duration"), (["1"], "expected float, got a column of str"),
    ],
)  # fmt: skip
def test_a_column_of_a_type_that_no_row_has_is_422(late, values, told):
    status, answer = post(late, stream(pa.table({"distance": values, "carrier": ["AA"]})))
    assert (status, answer["error"][:1], told in answer["error"]) == (422, "$", True)


def test_cut_off_anywhere(late):
    whole = stream(pa.table(LATE))
    for end in range(len(whole) - 8):  # without the end marker it is whole still
        status, answer = post(late, whole[:end])
        assert status in (400, 422), end
        assert "error" in answer


def test_a_bomb_of_nothing_is_refused_before_it_costs_memory():
    """Columns of nulls take no bytes: the number of rows alone must not make an array of it."""
    table = pa.table({f"c{i}": pa.nulls(1) for i in range(50)})
    body = bytearray(stream(table))
    for at in range(0, len(body) - 8, 8):
        if struct.unpack_from("<q", body, at) == (1,):
            struct.pack_into("<q", body, at, MOST_CELLS)
    with pytest.raises(Malformed, match="cells"):
        read(bytes(body), 100)


def test_views_that_overlap_are_refused():
    text = "x" * 10_000
    body = stream(pa.table({"s": pa.array([text] * 1000, pa.string_view())}))
    assert list(read(body, 1).columns()["s"].values) == [text] * 1000  # at one place: read once
    data = bytearray(body)
    places = [i for i in range(0, len(data) - 16, 4) if struct.unpack_from("<i4s", data, i) == (10_000, b"xxxx")]
    for shift, at in enumerate(places[:1000]):
        struct.pack_into("<i", data, at, 30_000 - shift)
        struct.pack_into("<ii", data, at + 8, 0, 0)
    with pytest.raises(Malformed, match="overlap"):
        read(bytes(data), 1).columns()


SEEDS = [
    stream(way(pa.table({n: pa.array(v, pa.uint8() if n == "u8" else None) for n, v in ROWS.items()})))
    for way in WAYS.values()
]


@settings(max_examples=2000)
@given(st.integers(0, 2**32))
def test_a_stream_with_wrong_bytes_is_read_or_refused(seed):
    chance = random.Random(seed)
    body = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body))
        match chance.randrange(4):
            case 0:
                body[at] ^= 1 << chance.randrange(8)
            case 1:
                body[at : at + 4] = chance.choice([0, 1, 2**31 - 1, 2**32 - 1, 2**31, 64]).to_bytes(4, "little")
            case 2:
                body[at : at + 8] = chance.choice([0, 2**63 - 1, 2**62, 2**64 - 1]).to_bytes(8, "little")
            case _:
                del body[at : at + chance.randint(1, 9)]
    try:
        columns = read(bytes(body), 50)
        found = columns.columns()
    except Malformed as error:
        assert len(str(error)) < 300  # noqa: PT017 - most are refused, some are still well-formed
    else:
        assert all(len(column.values) == columns.rows for column in found.values())


def test_a_stream_with_wrong_bytes_is_answered(straight):
    chance = np.random.default_rng(3)
    for body in SEEDS * 20:
        wrong = bytearray(body)
        for at in chance.integers(0, len(body), 3):
            wrong[at] = chance.integers(0, 256)
        status, _ = post(straight, bytes(wrong))
        assert status in (200, 400, 422)
    assert straight.call("GET", "/v2/health/live")[0] == 200


def test_a_server_without_arrow_callers_never_loads_it():
    code = "import sys, arkwright.serve.processes.server; print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_what_makes_arrow_is_imported_where_nobody_waits(late, monkeypatch):
    """The first who asks for it is read aside, however small; the next are not."""
    where, body = [], stream(pa.table(LATE))

    def load():
        where.append(threading.current_thread().name)
        return answer.load()

    monkeypatch.setattr(predict, "load", load)
    for loaded in (False, True):
        monkeypatch.setattr(answer, "_loaded", loaded)
        assert post(late, body, ARROW)[0] == 200
    assert where[0].startswith("arkwright-read")
    assert where[1] == late.thread.name
