# ruff: noqa: E501 - tables read best as tables
"""What every model server is attacked with, one line each: what is sent, to what, and the status that comes back.

The endpoint `echo` takes every datatype; a case replaces the data of one of its tensors, or the whole body.
"""

import json
import time

import msgspec
import pytest
from tests.serve.conftest import ECHO
from tests.serve.raw import CHUNKED, HOST, LIVE, POST, alive, exchange, statuses

from .test_oip import binary, first
from .test_oip import body as f32_body

DEEP = 250_000


def of(name, data, shape=(1, 2)):
    """An inference request of `echo`, with the JSON text `data` in one tensor."""
    parts = []
    for each, (datatype, _) in ECHO.items():
        text = data if each == name else first(each).decode()
        size = json.dumps(list(shape) if each == name else [1, 2])
        parts.append(f'{{"name": "{each}", "shape": {size}, "datatype": "{datatype}", "data": {text}}}')
    return f'{{"inputs": [{", ".join(parts)}]}}'.encode()


NUMBERS = {  # (tensor, JSON text of a value) -> status
    ("f32", "NaN"): 400, ("f32", "Infinity"): 400, ("f32", "-Infinity"): 400, ("f64", "1e400"): 400, ("f32", "1e39"): 400,
    ("f16", "65536"): 400, ("f32", "-0.0"): 200, ("f32", "1e-400"): 200, ("f64", "1e-400"): 200, ("u8", "256"): 400,
    ("u8", "-1"): 400, ("i8", "-129"): 400, ("i64", str(2**63)): 400, ("i64", str(2**63 - 1)): 200, ("u64", str(2**64)): 400,
    ("u64", str(2**64 - 1)): 200, ("i64", "9" * 30): 400, ("u64", "9" * 30): 400, ("i64", "1.5"): 400, ("i64", "1.0"): 400,
    ("i64", "true"): 400, ("u8", "true"): 400, ("f32", "true"): 400, ("f32", '"1"'): 400, ("i64", '"1"'): 400,
    ("f32", "null"): 400, ("i64", "null"): 400, ("s", "null"): 400, ("b", "null"): 400, ("b", "1"): 400, ("b", '"true"'): 400,
    ("f32", "1"): 200, ("f32", "9" * 30): 200, ("s", "1"): 400, ("s", '"\\ud800"'): 400, ("s", '"\\u0000"'): 200,
    ("s", '"\xe9"'): 200, ("f32", "[1]"): 400, ("f32", "{}"): 400,
}  # fmt: skip


@pytest.mark.parametrize(("name", "number"), NUMBERS, ids=[f"{n}-{v[:12]}" for n, v in NUMBERS])
def test_numbers(echo, name, number):
    other = {"b": "true", "s": '"a"'}.get(name, "1")
    status, answer = echo.post("/v2/models/echo/infer", of(name, f"[{number}, {other}]"))
    assert status == NUMBERS[name, number]
    assert (status == 200) or answer["error"]


INFER = {
    "empty": (b"", 400),
    "an object": (b"{}", 400),
    "a list": (b"[]", 400),
    "trailing bytes": (f32_body() + b"\0", 400),
    "two documents": (f32_body() * 2, 400),
    "byte order mark": (b"\xef\xbb\xbf" + f32_body(), 400),
    "utf-16": (f32_body().decode().encode("utf-16"), 400),
    "overlong utf-8": (f32_body().replace(b"f32", b"f\xc0\xb32"), 400),
    "nul in a text": (f32_body(name='"f32\\u0000"'), 400),
    "1 MiB key": (f32_body(rest=f', "{"k" * 2**20}": 1'), 400),
    "1 MiB name": (f32_body(name=f'"{"k" * 2**20}"'), 400),
    "duplicate keys": (f32_body(rest=', "id": "a", "id": "b"'), 200),  # the last counts, as in every fast parser
    "duplicate input": (b'{"inputs": [' + f32_body()[12:-2] + b"," + f32_body()[12:-2] + b"]}", 400),
    "duplicate output": (f32_body(rest=', "outputs": [{"name": "f32_out"}, {"name": "f32_out"}]'), 400),
    "depth 101": (f32_body(data="[" * 101 + "1" + "]" * 101), 400),
    "depth 250,000": (f32_body(data="[" * DEEP + "]" * DEEP), 400),
    "depth of the document": (b"[" * DEEP, 400),
    "depth of an object": (b'{"inputs": ' * DEEP, 400),
    "a million texts": (f32_body(data="[" + ",".join(['"a"'] * 10**6) + "]", shape="[500000, 2]"), 400),
    "a million and no shape": (f32_body(data="[" + ",".join(["1"] * 10**6) + "]"), 400),
    "no shape": (f32_body().replace(b'"shape": [1, 2],', b""), 400),
    "shape []": (f32_body(shape="[]"), 400),
    "shape [0]": (f32_body(shape="[0]", data="[]"), 400),
    "shape [0, 2]": (f32_body(shape="[0, 2]", data="[]"), 400),
    "shape [-1]": (f32_body(shape="[-1]"), 400),
    "shape [-1, -2]": (f32_body(shape="[-1, -2]"), 400),
    "shape [2^31]": (f32_body(shape="[2147483648]"), 400),
    "shape [16, 2^60 + 2]": (f32_body(shape=f"[16, {2**60 + 2}]"), 400),
    "shape [4, 2^60 + 2]": (f32_body(shape=f"[4, {2**60 + 2}]", data="[1, 2, 3, 4, 5, 6, 7, 8]"), 400),
    "shape [2^16, 2^16, 2^32 + 1]": (f32_body(shape=f"[{2**16}, {2**16}, {2**32 + 1}]"), 400),
    "shape of less": (f32_body(shape="[1, 2]", data="[1]"), 400),
    "shape of more": (f32_body(shape="[2, 2]"), 400),
    "65 dimensions": (f32_body(shape="[" + "1, " * 64 + "2]"), 400),
    "float dimensions": (f32_body(shape="[1.0, 2]"), 400),
    "datatype unknown": (f32_body(datatype='"FP33"'), 400),
    "datatype in lower case": (f32_body(datatype='"fp32"'), 400),
    "nested otherwise": (f32_body(data="[[1], [2]]"), 400),
    "nested ragged": (f32_body(data="[[1, 2], [3]]", shape="[2, 2]"), 400),
    "nested": (f32_body(data="[[1, 2]]"), 200),
    "parameter of an object": (f32_body(rest=', "parameters": {"a": {}}'), 400),
    "contents of the other protocol": (f32_body(rest=', "raw_input_contents": ["AAAA"]'), 400),
}


@pytest.mark.parametrize("name", INFER)
def test_inference_requests(f32, name):
    raw, wanted = INFER[name]
    status, answer = f32.post("/v2/models/f32/infer", raw)
    assert status == wanted
    assert status == 200 or (set(answer) == {"error"} and len(answer["error"]) < 600)


SIZES = {
    "a lie that is less": (binary(4, bytes(8)), 400),
    "a lie that is more": (binary(16, bytes(8)), 400),
    "negative": (binary(-8, bytes(8)), 400),
    "beyond the body": (binary(2**62, bytes(8)), 400),
    "header beyond the body": (binary(8, bytes(8), header=2**31), 400),
    "header of nothing": (binary(8, bytes(8), header=0), 400),
    "header of half the JSON": (binary(8, bytes(8), header=20), 400),
    "both": (binary(8, bytes(8), extra={"data": [1, 2]}), 400),
    "overflowing shape": (binary(8, bytes(8), shape=(4, 2**60 + 2)), 400),
    "as it should be": (binary(8, bytes(8)), 200),
}


@pytest.mark.parametrize("name", SIZES)
def test_binary_tensors(f32, name):
    (raw, headers), wanted = SIZES[name]
    assert f32.call("POST", "/v2/models/f32/infer", raw, headers)[0] == wanted


REQUESTS = {  # (method, path, content type) -> status
    ("POST", "/v2/models/f32/infer", "text/plain"): 415,
    ("POST", "/v2/models/f32/infer", "application/xml"): 415,
    ("POST", "/v2/models/f32/infer", "application/json; charset=latin-1"): 415,
    ("POST", "/predict", "multipart/form-data; boundary=a"): 415,
    ("GET", "/v2/models/f32/infer", None): 405,
    ("DELETE", "/v2/models/f32", None): 405,
    ("PUT", "/predict", "application/json"): 405,
    ("PATCH", "/v2/health/live", None): 405,
    ("POST", "/v2/health/ready", "application/json"): 405,
    ("GET", "/v2/models/nobody", None): 404,
    ("POST", "/v2/models/nobody/infer", "application/json"): 404,
    ("POST", "/endpoints/nobody/predict", "application/json"): 404,
    ("GET", "/v2/models/f32/versions/7", None): 404,
    ("HEAD", "/v2/models/f32", None): 200,
    ("HEAD", "/v2/health/live", None): 200,
    ("HEAD", "/v2/models/nobody", None): 404,
    ("HEAD", "/predict", None): 405,
    ("OPTIONS", "/predict", None): 200,
    ("OPTIONS", "/v2/models/f32", None): 200,
    ("OPTIONS", "/v2/models/nobody", None): 404,
}


@pytest.mark.parametrize(("method", "path", "kind"), REQUESTS, ids=[f"{m}-{p}-{k}" for m, p, k in REQUESTS])
def test_methods_paths_and_content_types(f32, method, path, kind):
    wanted = REQUESTS[method, path, kind]
    body = f32_body() if method in ("POST", "PUT") else None
    status, headers, answer = f32.call(method, path, body, {"Content-Type": kind} if kind else {})
    assert status == wanted
    assert (status == 405 or method == "OPTIONS") == ("Allow" in headers) or status == 404
    assert status == 200 or method == "HEAD" or set(answer) == {"error"}
    assert method != "HEAD" or answer == b""


FRAMING = {
    "length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length with chunks": POST + b"Content-Length: 2\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "length below nothing": POST + b"Content-Length: -5\r\n\r\n",
    "length +5": POST + b"Content-Length: +5\r\n\r\n12345",
    "chunk size 0x1_0000": POST + CHUNKED + b"\r\n0x1_0000\r\n{}\r\n0\r\n\r\n",
    "bare line feeds": POST.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}",
    "folded header": POST + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", FRAMING)
def test_framing_is_400_and_closes(f32, name):
    assert statuses(exchange(f32, FRAMING[name] + LIVE)) == [400]


@pytest.mark.parametrize("path", ["/predict", "/v2/models/late/infer"])
@pytest.mark.parametrize(
    "unit", [b"[", b'{"inputs":', b'[{"distance":', b'{"inputs":[{"data":', b'{"a":[', b'{"parameters":{"a":']
)
def test_250_000_levels_cost_a_blink(late, path, unit):
    """The best of several, in processor time of client and server: a busy machine must not fail it."""
    body = unit * (DEEP // unit.count(b"[") if b"[" in unit else DEEP)
    taken = []
    for _ in range(5):
        start = time.process_time()
        status, answer = late.post(path, body)
        taken.append(time.process_time() - start)
        assert status in (400, 422)
        assert len(answer["error"]) < 600
    assert min(taken) < 0.1
    assert alive(late)


def test_an_answer_of_nan_is_strict_json(f32):
    raw, headers = binary(8, b"\0\0\xc0\x7f\0\0\x80\x7f")
    head = int(headers["Inference-Header-Content-Length"])
    status, _, answer = f32.call("POST", "/v2/models/f32/infer", raw, headers)
    assert (status, set(answer)) == (500, {"error"})  # `call` decodes strictly
    wish = msgspec.json.decode(raw[:head]) | {"outputs": [{"name": "f32_out", "parameters": {"binary_data": True}}]}
    again = msgspec.json.encode(wish)
    headers["Inference-Header-Content-Length"] = str(len(again))
    status, told, answer = f32.call("POST", "/v2/models/f32/infer", again + raw[head:], headers)
    assert status == 200
    assert answer[int(told["Inference-Header-Content-Length"]) :] == raw[head:]


def test_head_and_options_of_everything_served(f32):
    _, _, document = f32.call("GET", "/openapi.json")
    for path, item in document["paths"].items():
        answer = exchange(f32, f"HEAD {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
        assert statuses(answer) == [200 if "get" in item else 405]
        assert answer.endswith(b"\r\n\r\n")
        assert f32.call("OPTIONS", path)[0] == 200
