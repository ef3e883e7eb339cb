"""Every JSON case, in a raw row and in an inference request: read exactly, or refused with a reason."""

import json
import time

import numpy as np
import orjson
import pytest
from tests.serve.conftest import DIGEST, ECHO, Live, helper, proto, value, write

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.model.loaded import load

from .json_cases import DOCUMENTS, NO_DOCUMENTS, NO_NUMBERS, NO_STRINGS, NOT_WHOLE, NUMBERS, STRINGS, WHOLE

COLUMNS = {"f64": "float", "i64": "int", "s": "str"}
PREDICT, INFER = "/predict", "/v2/models/one/infer"


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The endpoint `one`: a float, an integer and a text of each row, given back."""
    nodes = [helper.make_node("Identity", [n], [f"{n}_out"]) for n in COLUMNS]
    ports = [[value(n + end, ECHO[n][1], ["n", 1]) for n in COLUMNS] for end in ("", "_out")]
    tensors = [tuple(Tensor(name=n + end, datatype=ECHO[n][0]) for n in COLUMNS) for end in ("", "_out")]
    columns = tuple(Column(name=n, type=kind) for n, kind in COLUMNS.items())
    signature = Signature(
        model="one", task="regression", target="y", columns=columns, inputs=tensors[0], outputs=tensors[1]
    )
    folder = write(tmp_path_factory.mktemp("one"), signature, proto(*ports, nodes))
    with Live([load(folder, endpoint="one", release="release:one@1", digest=DIGEST)]) as live:
        yield live


def row(name="f64", text=b"1"):
    given = {"f64": b"1", "i64": b"1", "s": b'"a"'} | {name: text}
    return b'{"f64": %b, "i64": %b, "s": %b}' % tuple(given[n] for n in COLUMNS)


def tensors(name="f64", text=b"1"):
    given = {"f64": b"1", "i64": b"1", "s": b'"a"'} | {name: text}
    each = [
        b'{"name": "%b", "shape": [1, 1], "datatype": "%b", "data": [%b]}' % (n.encode(), ECHO[n][0].encode(), given[n])
        for n in COLUMNS
    ]
    return b'{"inputs": [' + b", ".join(each) + b"]}"


def ask(live, body):
    """The answers of both ways in: (status, value of every output or the error)."""
    status, predicted = live.post(PREDICT, body(row))
    found = predicted["prediction"]["outputs"] if status == 200 else predicted["error"]
    other, inferred = live.post(INFER, body(tensors))
    outputs = {o["name"]: o["data"][0] for o in inferred["outputs"]} if other == 200 else inferred["error"]
    return status, found, other, outputs


def ids(cases):
    return [f"{i}-{case[:20]!r}" for i, case in enumerate(cases)]


@pytest.mark.parametrize("text", NUMBERS, ids=ids(NUMBERS))
def test_numbers_that_must_be_read(one, text):
    assert float(orjson.loads(text)) == NUMBERS[text]
    status, found, other, outputs = ask(one, lambda made: made("f64", text.encode()))
    assert (status, other) == (200, 200)
    for read in (found["f64_out"], outputs["f64_out"]):
        assert read == NUMBERS[text]
        assert np.signbit(read) == np.signbit(NUMBERS[text]) or text == "-0"  # a whole number has no negative zero


@pytest.mark.parametrize("text", WHOLE, ids=ids(WHOLE))
def test_integers_that_must_be_read(one, text):
    status, found, other, outputs = ask(one, lambda made: made("i64", text.encode()))
    assert (status, other) == (200, 200)
    assert found["i64_out"] == outputs["i64_out"] == WHOLE[text]


@pytest.mark.parametrize("text", STRINGS, ids=ids(STRINGS))
def test_texts_that_must_be_read(one, text):
    assert orjson.loads(text) == STRINGS[text]
    status, found, other, outputs = ask(one, lambda made: made("s", text.encode()))
    assert (status, other) == (200, 200)
    assert found["s_out"] == outputs["s_out"] == STRINGS[text]


REFUSED = [("f64", text.encode()) for text in NO_NUMBERS]
REFUSED += [("i64", text.encode()) for text in NOT_WHOLE]
REFUSED += [("s", text) for text in NO_STRINGS]


@pytest.mark.parametrize(("name", "text"), REFUSED, ids=[f"{i}-{n}-{t[:20]!r}" for i, (n, t) in enumerate(REFUSED)])
def test_values_that_must_be_refused(one, name, text):
    status, found, other, outputs = ask(one, lambda made: made(name, text))
    assert status in (400, 422)
    assert other == 400
    for error in (found, outputs):
        assert len(error) < 600
        assert "Traceback" not in error
    try:
        well_formed = orjson.loads(b"[%b]" % text) is not None
    except orjson.JSONDecodeError:
        well_formed = False
    assert well_formed or status == 400 or found.startswith("$")


@pytest.mark.parametrize("around", DOCUMENTS, ids=ids(DOCUMENTS))
def test_what_stands_around_a_document(one, around):
    wanted = DOCUMENTS[around]
    status, _, other, _ = ask(one, lambda made: around.encode().replace(b"@", made()))
    assert (status == 200, other == 200) == (wanted, wanted)
    assert wanted or (status in (400, 422) and other == 400)


@pytest.mark.parametrize("body", NO_DOCUMENTS, ids=ids(NO_DOCUMENTS))
@pytest.mark.parametrize("path", [PREDICT, INFER])
def test_documents_that_are_no_request(one, path, body):
    start = time.process_time()
    status, answer = one.post(path, body)
    assert status in ((400, 422) if path == PREDICT else (400,))
    assert len(answer["error"]) < 600
    assert time.process_time() - start < 2  # client and server together; a parser that went astray takes minutes
    assert one.call("GET", "/v2/health/live")[0] == 200


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig", "utf-7"])
def test_only_utf_8(one, encoding):
    text = {made: made().decode().replace("a", "é").encode(encoding) for made in (row, tensors)}
    if encoding == "utf-7":
        assert one.post(PREDICT, text[row])[1]["prediction"]["outputs"]["s_out"] == "+AOk"  # it is ASCII, and no more
        return
    assert one.post(PREDICT, text[row])[0] == 400
    assert one.post(INFER, text[tensors])[0] == 400


def test_cut_off_anywhere(one):
    for made, path in ((row, PREDICT), (tensors, INFER)):
        whole = made()
        for end in range(len(whole)):
            assert one.post(path, whole[:end])[0] == 400, whole[:end]


def test_order_of_keys_and_space_between_them(one):
    backwards = json.dumps(dict(reversed(json.loads(row()).items())), indent=3).encode()
    assert one.post(PREDICT, backwards) == one.post(PREDICT, row())
    spaced = json.dumps(json.loads(tensors()), indent="\t", separators=(" , ", " : ")).encode()
    assert one.post(INFER, spaced) == one.post(INFER, tensors())
