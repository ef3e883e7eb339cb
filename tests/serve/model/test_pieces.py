"""What is long is read in pieces, and means the same."""

import json

import numpy as np
import pytest

from arkwright.core.nouns import Column
from arkwright.core.rows import from_columns
from arkwright.serve.model import rows, tensors
from arkwright.serve.model.rows import RowDecoder
from arkwright.serve.model.tensors import DATATYPES, from_json
from arkwright.serve.wire.messages import Problem

FP64 = DATATYPES["FP64"]
TABLE = np.arange(120_000, dtype=float).reshape(-1, 4) / 7


def test_a_list_is_read_in_pieces():
    data = json.dumps(TABLE.reshape(-1).tolist()).encode()
    assert len(data) > 8 * tensors.PIECE
    assert (from_json("x", b" " + data + b"\n", FP64, TABLE.shape) == TABLE).all()


@pytest.mark.parametrize("separators", [None, (",", ":")])
def test_a_list_of_lists_is_read_in_pieces(separators):
    data = json.dumps(TABLE.tolist(), separators=separators).encode()
    assert (from_json("x", data, FP64, TABLE.shape) == TABLE).all()
    assert (from_json("x", data.replace(b"],", b"]\n , "), FP64, TABLE.shape) == TABLE).all()


FLAT, NESTED = (json.dumps(each.tolist(), separators=(",", ":")).encode() for each in (TABLE.reshape(-1), TABLE))
MIDDLE = NESTED.index(b"],[", len(NESTED) // 2)


@pytest.mark.parametrize(
    "data",
    [
        FLAT[:-1], FLAT[:-1] + b"]]", FLAT[:-1] + b"]x", FLAT[1:], b"[" + FLAT, FLAT[:-1] + b",]", b"[," + FLAT[1:],
        FLAT.replace(b"1.0,", b'"1.0",', 1), NESTED[:-1], NESTED[:MIDDLE] + b"][" + NESTED[MIDDLE + 3 :],
        NESTED[:MIDDLE] + b",[" + NESTED[MIDDLE + 3 :], NESTED[:MIDDLE] + b"],1,[" + NESTED[MIDDLE + 3 :],
        NESTED[:MIDDLE] + b"],,[" + NESTED[MIDDLE + 3 :], NESTED[:-1] + b",]", NESTED.replace(b"],[", b",", 1),
        NESTED.replace(b"],[", b",").replace(b",", b"],[", 29_999), b"[[" + NESTED[2:-2] + b"]],[1]",
    ],
    ids=range(17),
)  # fmt: skip
def test_what_is_no_such_list_is_refused(data):
    with pytest.raises(Problem) as problem:
        from_json("x", data, FP64, TABLE.shape)
    assert problem.value.status == 400


def test_what_cannot_be_read_in_pieces_has_an_end():
    data = json.dumps(["x" * 100] * 50_000).encode()
    with pytest.raises(Problem, match="send binary data, or fewer texts at once") as problem:
        from_json("x", data, DATATYPES["BYTES"], (50_000,))
    assert problem.value.status == 413
    deep = json.dumps([[[0.123456789]] * 2] * 200_000).encode()
    with pytest.raises(Problem, match="send a flat list of numbers, or binary data") as problem:
        from_json("x", deep, FP64, (200_000, 2, 1))
    assert problem.value.status == 413


DECODER = RowDecoder(from_columns((Column(name="a", type="float"), Column(name="b", type="str"))), "y")
MANY = [{"a": i / 7, "b": f"{i}"} for i in range(20_000)]


def test_rows_are_read_in_slices_and_a_mistake_has_its_place():
    body = json.dumps(MANY).encode()
    assert len(body) > rows.LARGE
    found, alone = DECODER.decode(body)
    assert [(row.a, row.b) for row in found] == [(row["a"], row["b"]) for row in MANY]
    assert not alone
    wrong = json.dumps([*MANY[:19_999], {"a": "x", "b": "1"}]).encode()
    with pytest.raises(Problem) as problem:
        DECODER.decode(wrong)
    assert problem.value.message == "$[19999].a: expected float, got str"
    with pytest.raises(Problem, match=r"\$\[12345\]: unknown field 'c'"):
        DECODER.decode(json.dumps([*MANY[:12345], {"a": 1.0, "b": "", "c": 1}, *MANY]).encode())


def test_there_is_a_most_of_rows():
    with pytest.raises(Problem, match="a request may have 1048576 rows") as problem:
        DECODER.decode(b"[%b{}]" % (b"{}," * rows.MOST_ROWS))
    assert problem.value.status == 413
