"""The description is valid OpenAPI 3.1, and whatever the server says is as it describes."""

import json

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.serve.conftest import DIGEST, ECHO, Live, echo_release, loaded_late

from arkwright.serve.model.loaded import load

from .test_oip import body, first

ROW = {"distance": 1200, "carrier": "UA", "delay": 4}
TENSORS = [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    one = loaded_late(tmp_path_factory.mktemp("late"), "polars_features")
    folder = echo_release(tmp_path_factory.mktemp("echo"), list(ECHO), columns=1)
    with Live([one, load(folder, endpoint="echo", release="release:echo@1", digest=DIGEST)]) as live:
        yield live


@pytest.fixture(scope="module")
def document(both):
    return both.call("GET", "/openapi.json")[2]


def test_it_is_openapi(document):
    OpenAPIV31SpecValidator(document).validate()


ECHOED = {"inputs": [
    {"name": n, "shape": [1, 1], "datatype": ECHO[n][0], "data": json.loads(first(n))[:1]} for n in ECHO
]}  # fmt: skip
CALLS = [
    ("GET", "/v2", None, 200),
    ("GET", "/", None, 200),
    ("GET", "/openapi.json", None, 200),
    ("GET", "/v2/health/live", None, 200),
    ("GET", "/v2/health/ready", None, 200),
    ("GET", "/v2/models/late", None, 200),
    ("GET", "/v2/models/echo", None, 200),
    ("GET", "/v2/models/late/ready", None, 200),
    ("GET", "/v2/models/late/versions/3/ready", None, 200),
    ("POST", "/endpoints/late/predict", ROW, 200),
    ("POST", "/endpoints/late/predict", [ROW, ROW], 200),
    ("POST", "/endpoints/late/predict", {}, 422),
    ("POST", "/endpoints/late/predict", b"{", 400),
    ("POST", "/endpoints/echo/predict", {n: json.loads(first(n))[0] for n in ECHO}, 200),
    ("POST", "/v2/models/late/infer", {"inputs": TENSORS, "id": "7"}, 200),
    ("POST", "/v2/models/late/infer", {"inputs": TENSORS, "outputs": [{"name": "label"}]}, 200),
    ("POST", "/v2/models/late/versions/3/infer", {"inputs": TENSORS}, 200),
    ("POST", "/v2/models/echo/infer", ECHOED, 200),
    ("POST", "/v2/models/late/infer", body(), 400),
    ("PUT", "/endpoints/late/predict", ROW, 405),
]


@pytest.mark.parametrize(("method", "path", "sent", "wanted"), CALLS, ids=[f"{i}-{c[1]}" for i, c in enumerate(CALLS)])
def test_every_answer_is_as_described(both, document, method, path, sent, wanted):
    status, _, answer = both.call(method, path, sent)
    assert status == wanted, answer
    both.check()
    item = document["paths"][path]
    operation = item.get(method.lower()) or next(iter(item.values()))
    if status == 200 and isinstance(sent, dict | list):
        check(sent, operation["requestBody"]["content"]["application/json"]["schema"], document)
    if status == 422:
        with pytest.raises(jsonschema.ValidationError):
            check(sent, operation["requestBody"]["content"]["application/json"]["schema"], document)


def check(value, schema, document):
    whole = schema | {"components": document["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


EDGES = [("u8", 255, 256), ("i8", -128, -129), ("u64", 0, -1), ("f16", 65519.9, 65520.0), ("f32", 3.4e38, 3.41e38)]


@pytest.mark.parametrize(("column", "fits", "beyond"), EDGES, ids=[name for name, *_ in EDGES])
def test_a_row_is_described_with_what_its_tensors_hold(both, document, column, fits, beyond):
    row = {n: json.loads(first(n))[0] for n in ECHO}
    schema = {"$ref": "#/components/schemas/echo.Row"}
    check(row | {column: fits}, schema, document)
    assert both.call("POST", "/endpoints/echo/predict", row | {column: fits})[0] == 200
    with pytest.raises(jsonschema.ValidationError):
        check(row | {column: beyond}, schema, document)
    assert both.call("POST", "/endpoints/echo/predict", row | {column: beyond})[0] == 422


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
def test_the_index_is_a_page_for_browsers(both, accept):
    status, headers, _ = both.call("GET", "/", None, {"Accept": accept})
    assert (status, headers["Content-Type"].startswith("text/html")) == (200, accept == "text/html")


def test_every_path_that_is_described_is_served(both, document):
    for path, item in document["paths"].items():
        for method in item:
            assert both.call(method.upper(), path)[0] not in (404, 405)
