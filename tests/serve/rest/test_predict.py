import re
import threading
import time
from dataclasses import replace

import msgspec
import numpy as np
import onnx
import pytest
from tests.serve.conftest import (
    DIGEST,
    Live,
    constant,
    echo_release,
    late_probability,
    late_signature,
    loaded_late,
    proto,
    value,
    write,
)

from arkwright.core.errors import Invalid
from arkwright.core.nouns import Column
from arkwright.core.signature import Features, Signature, Tensor
from arkwright.serve.model.loaded import load
from arkwright.serve.rest.predict import answer_once, predict_once, reader

ROW = {"distance": 1200.0, "carrier": "UA", "delay": 4.0}


def test_one_row_is_answered_with_an_object(late):
    status, headers, answer = late.call("POST", "/predict", ROW)
    assert status == 200
    p = late_probability(**ROW)
    assert answer["prediction"]["label"] is True
    assert answer["prediction"]["probabilities"] == pytest.approx({"false": 1 - p, "true": p}, abs=1e-6)
    assert (answer["release"], answer["digest"]) == ("release:late@3", DIGEST)
    assert (headers["Arkwright-Release"], headers["Arkwright-Digest"]) == ("release:late@3", DIGEST)


def test_rows_are_answered_in_order(late):
    rows = [{"distance": d, "carrier": "AA", "delay": None} for d in range(100)]
    status, answer = late.post("/endpoints/late/predict", rows)
    assert status == 200
    found = [p["probabilities"]["true"] for p in answer["predictions"]]
    assert found == pytest.approx([late_probability(d, "AA", None) for d in range(100)], abs=1e-6)


def test_a_nullable_field_may_be_left_out(late):
    assert late.post("/predict", {"distance": 1, "carrier": "AA"})[0] == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([ROW, ROW, ROW, ROW | {"distance": "far"}], "$[3].distance: expected float, got str"),
        (ROW | {"distance": "far"}, "$.distance: expected float, got str"),
        (ROW | {"distance": -1}, "$.distance: expected float >= 0.0"),
        (ROW | {"carrier": "ZZ"}, "$.carrier: invalid enum value 'ZZ'"),
        (ROW | {"distanse": 3}, "$: unknown field 'distanse'; did you mean \"distance\"?"),
        ([ROW, ROW | {"late": True}], "$[1]: unknown field 'late'; it is what the model predicts, so leave it out"),
        ({"carrier": "AA"}, "$: object missing required field distance"),
        (ROW | {"distance": None}, "$.distance: expected float, got null"),
        ([], "$: the list is empty; send at least one row"),
        (3, "$: expected a row or a list of rows, got int"),
        (b"null", "$: expected a row or a list of rows, got null"),
    ],
)
def test_a_bad_row_is_told_with_its_path(late, body, message):
    assert late.post("/predict", body) == (422, {"error": message})


EVIL = "` - at `$[7].x`"


@pytest.mark.parametrize("before", [1, 6000])  # the second is read in slices
@pytest.mark.parametrize(
    ("wrong", "begins", "ends"),
    [
        ({"carrier": "x" * 400}, ".carrier: invalid enum value 'xxx", "x …"),
        ({"carrier": EVIL}, ".carrier: invalid enum value '", "'"),
        ({"carrier": "$[3]"}, ".carrier: invalid enum value '$[3]'", "'"),
        ({"k" * 400: 1}, ": unknown field 'kkk", "distance"),
        ({EVIL: 1}, ": unknown field '", ""),
    ],
)
def test_the_place_is_told_however_long_or_odd_the_value(late, before, wrong, begins, ends):
    status, answer = late.post("/predict", [ROW] * before + [ROW | wrong])
    assert status == 422
    assert answer["error"].startswith(f"$[{before}]{begins}")
    assert answer["error"].endswith(ends)
    assert len(answer["error"]) < 300


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"distance":1,"carrier":"AA"}x',
        b'{"distance":1,"carrier":"AA"}' * 2,
        b"\xef\xbb\xbf{}",
        b"[] []",
        b"\xff",
        b'{"distance": NaN}',
        b'{"distance": -Infinity}',
        b'{"distance": 01}',
        b'{"distance": .5}',
        b'{"distance": 1.}',
        b'{"distance": +1}',
        b'{"distance": 0x1}',
        b'{"distance": 1_0}',
        b'{"distance": 1,}',
        b"{'distance': 1}",
        b'{"carrier": "A\x00A"}',
        b'{"carrier": "\\ud800"}',
        b'{"carrier": "\\x41A"}',
        b'{"carrier": "\xc0\xaeA"}',
        b'{"carrier": "\xed\xa0\x80"}',
        '{"distance":1,"carrier":"AA"}'.encode("utf-16"),
        '{"distance":1,"carrier":"AA"}'.encode("utf-32-le"),
        b"/* 1 */ {}",
    ],
)
def test_what_is_no_json_is_400(late, body):
    status, answer = late.post("/predict", body)
    assert status == 400
    assert answer["error"].startswith("the body is not JSON")


@pytest.mark.parametrize("takes", ["polars", "pandas", "arrow", "row", "mapping"])
def test_every_form_of_features_gives_the_same_answer(tmp_path, takes):
    rows = [ROW, {"distance": 10, "carrier": "AA"}, {"distance": 2500.5, "carrier": "AA", "delay": 60}]
    with Live([loaded_late(tmp_path, f"{takes}_features", takes)]) as live:
        status, answer = live.post("/predict", rows)
        one = live.post("/predict", rows[1])[1]["prediction"]
    assert status == 200
    expected = [late_probability(r["distance"], r["carrier"], r.get("delay")) for r in rows]
    assert [p["probabilities"]["true"] for p in answer["predictions"]] == pytest.approx(expected, abs=1e-6)
    assert one == answer["predictions"][1]


def by_rows(folder, kind, body):
    """A release whose graph gives back what `features`, which is `body`, gives for `x`; its raw rows have x too."""
    column = {"i64": "float", "f32": "float", "b": "bool", "s": "str"}[kind]
    echo_release(folder, [kind], columns=1)
    signature = msgspec.json.decode((folder / "signature.json").read_bytes(), type=Signature)
    (tensor,) = signature.inputs
    signature = replace(
        signature,
        columns=(Column(name="x", type=column, nullable=True),),
        inputs=(replace(tensor, columns=("x",)),),
        features=Features(file="code/flights.py", function="features", takes="row"),
    )
    (folder / "signature.json").write_bytes(msgspec.json.encode(signature))
    (folder / "code").mkdir()
    (folder / "code" / "flights.py").write_text(f"import numpy as np\n\ndef features(row):\n    {body}\n")
    return load(folder, endpoint="echo", release="release:echo@1", digest=DIGEST)


@pytest.mark.parametrize(
    ("kind", "body", "given", "gives"),
    [
        ("i64", 'return {"x": int(row.x)}', 2.5, 2),
        ("i64", 'return {"x": np.int64(row.x)}', 2.5, 2),
        ("i64", 'return {"x": row.x > 1}', 2.5, 1),
        ("f32", 'return {"x": int(row.x), "more": 1}', 2.5, 2),
        ("f32", 'return {"x": np.float64(row.x)}', 2.5, 2.5),
        ("b", 'return {"x": np.bool_(row.x)}', True, True),
        ("s", 'return {"x": row.x}', "a", "a"),
    ],
)
def test_what_features_of_a_row_may_give(tmp_path, kind, body, given, gives):
    said = predict_once(by_rows(tmp_path, kind, body), msgspec.json.encode({"x": given}))
    assert said["prediction"]["value"] == gives


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        ("i64", 'return {"x": row.x}', "features() made 'x' as float for a row, and the model takes int"),
        ("i64", 'return {"x": "2"}', "features() made 'x' as str for a row, and the model takes int"),
        ("f32", 'return {"x": str(row.x)}', "features() made 'x' as str for a row, and the model takes float"),
        ("b", 'return {"x": 2}', "features() made 'x' as int for a row, and the model takes bool"),
        ("f32", 'return {"y": 2}', "features() made no 'x', which the model takes"),
        (
            "f32",
            "return [row.x]",
            "flights.py:3 in features: it gave list for a row; give a dict of the model's inputs",
        ),
        ("f32", 'return {"x": 1 / 0}', "flights.py:4 in features: ZeroDivisionError: division by zero"),
        ("f32", 'return {"x": 1e300}', "$: features() made a value that does not fit in FP32 for 'x'"),
        ("i64", 'return {"x": None}', "$: features() made no value for 'x', and the model needs it"),
    ],
)
def test_what_features_of_a_row_may_not_give(tmp_path, kind, body, says):
    """Above all numbers that numpy would make of others, or of texts, without a word."""
    with pytest.raises(Invalid, match=re.escape(says)):
        predict_once(by_rows(tmp_path, kind, body), msgspec.json.encode({"x": True if kind == "b" else 2.5}))


@pytest.mark.parametrize("function", ["failing_features", "exiting_features", "short_features"])
def test_failing_features_are_logged_and_not_told(tmp_path, function, caplog):
    with Live([loaded_late(tmp_path, function)]) as live:
        status, answer = live.post("/predict", ROW)
        assert (status, answer) == (500, {"error": "the endpoint late failed on this request; its log says why"})
        assert live.call("GET", "/v2/health/live")[0] == 200
    assert function in caplog.text


def test_a_number_of_a_frame_that_does_not_fit_is_told_with_its_row(late):
    says = "features() made a value that does not fit in FP32 for 'km', and the model needs it"
    status, answer = late.post("/predict", [ROW | {"distance": 1.0}, ROW | {"distance": 1e300}])
    assert (status, answer) == (422, {"error": f"$[1]: {says}"})
    assert late.post("/predict", ROW | {"distance": 1e300}) == (422, {"error": f"$: {says}"})


def test_of_a_key_of_a_tensor_given_twice_the_last_counts(late):
    once = b'{"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]}'
    again = once.replace(b'"data"', b'"data": [7, 8, 9], "data"').replace(b'{"inputs"', b'{"inputs": [], "inputs"')
    found = late.post("/v2/models/late/infer", again)
    assert found[0] == 200
    assert found == late.post("/v2/models/late/infer", once)


def test_what_the_code_says_of_a_row_is_not_logged(tmp_path, caplog):
    body = 'raise ValueError(f"cannot use {row.x}")'
    with Live([by_rows(tmp_path, "f32", body)]) as live:
        assert live.post("/predict", {"x": 4242.5})[0] == 500
    assert "ValueError (" in caplog.text
    assert "flights.py:4 in features" in caplog.text
    assert "4242" not in caplog.text


def test_slow_features_do_not_hold_up_health(slow):
    with Live([slow.loaded]) as live:
        slow.hold()
        asking = threading.Thread(target=live.post, args=("/predict", ROW))
        asking.start()
        slow.until(1)
        assert live.call("GET", "/v2/health/live")[0] == 200
        slow.let_go()
        asking.join()


def test_the_answers_are_strict_json(late):
    assert msgspec.json.decode(msgspec.json.encode(late.post("/predict", [ROW])[1]))


DEEP = {
    "lists": b"[" * 250_000,
    "closed lists": b"[" * 101 + b"]" * 101,
    "objects": b'{"distance":' * 100_000,
    "in an unknown key": b'{"x":' + b"[" * 250_000 + b"]" * 250_000 + b"}",
    "in a key that is known": b'{"distance":' + b"[" * 250_000,
    "hidden behind texts": b'{"x": "]]]]}}\\"]", "y":' + b"[" * 101 + b"]" * 101 + b"}",
    "behind a text without an end": b'{"x":' + b"[" * 101 + b'"' + b'\\"' * 100_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_depth_is_refused_at_once(late, name):
    start = time.process_time()  # of client and server: another program's work is not theirs
    status, answer = late.post("/predict", DEEP[name])
    assert status == 400
    assert len(answer["error"]) < 300
    assert time.process_time() - start < 0.3


@pytest.mark.parametrize(
    "body", [b"[" * 100 + b"]" * 100, b'[{"x": "' + b"[" * 200 + b'"}]', b"[" + b"[1]," * 200 + b"1]"]
)
def test_what_is_wrong_and_not_deep_is_no_such_row(late, body):
    assert late.post("/predict", body)[0] == 422


@pytest.mark.parametrize(
    ("number", "status"),
    [("-0.0", 200), ("1e-400", 200), ("1E3", 200), ("1e400", 422), ("9" * 400, 422), ("true", 422), ('"1"', 422)],
)
def test_numbers(late, number, status):
    assert late.post("/predict", f'{{"distance": {number}, "carrier": "UA"}}'.encode())[0] == status


def test_of_a_key_given_twice_the_last_counts(late):
    twice = b'{"distance": 1, "distance": 1200, "carrier": "AA", "carrier": "UA", "delay": 4}'
    assert late.post("/predict", twice) == late.post("/predict", ROW)


def test_a_long_key_is_told_briefly(late):
    status, answer = late.post("/predict", ROW | {"k" * 2**20: 1})
    assert status == 422
    assert len(answer["error"]) < 300


# without a server


@pytest.fixture
def loaded(tmp_path):
    return loaded_late(tmp_path, "polars_features")


@pytest.mark.parametrize("body", [ROW, [ROW], [ROW, {"distance": 7, "carrier": "AA"}]])
def test_the_same_answer_without_a_server(late, loaded, body):
    raw = msgspec.json.encode(body)
    status, answer = late.post("/predict", raw)
    assert status == 200
    assert predict_once(loaded, raw) == answer
    read = reader(loaded.signature, loaded.graph)
    assert msgspec.json.decode(answer_once(loaded, read, raw)) == answer


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b'{"carrier": "AA"}', b'[{"distance": -1, "carrier": "AA"}]'])
def test_the_same_words_without_a_server(late, loaded, body):
    status, answer = late.post("/predict", body)
    assert status in (400, 422)
    with pytest.raises(Invalid) as caught:
        predict_once(loaded, body)
    assert str(caught.value) == answer["error"]


def test_without_a_server_the_projects_own_mistake_is_told(tmp_path):
    with pytest.raises(Invalid, match=r"flights\.py:\d+ in failing_features: ValueError: secret internals"):
        predict_once(loaded_late(tmp_path, "failing_features"), msgspec.json.encode(ROW))


def test_without_a_server_a_failing_graph_is_one_line(tmp_path):
    folder = tmp_path / "late"
    loaded_late(folder, "polars_features")
    nodes = [onnx.helper.make_node("Reshape", ["features", "shape"], ["y"])]
    tensors = [value("features", onnx.TensorProto.FLOAT, ["n", 3])], [value("y", onnx.TensorProto.FLOAT, [1, 3])]
    model = proto(*tensors, nodes, [constant("shape", np.array([1, 3], np.int64))])
    outputs = (Tensor(name="y", datatype="FP32"),)
    write(folder, replace(late_signature("polars_features"), outputs=outputs, classes=()), model)
    one = load(folder, endpoint="late", release="release:late@3", digest=DIGEST)
    assert predict_once(one, msgspec.json.encode(ROW))["prediction"]["value"]
    with pytest.raises(Invalid, match="the model failed on these rows: ") as caught:
        predict_once(one, msgspec.json.encode([ROW, ROW]))
    assert "\n" not in str(caught.value)
