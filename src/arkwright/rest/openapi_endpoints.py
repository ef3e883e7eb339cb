"""The endpoints in the OpenAPI document: how they are asked through the control room, whatever they are called.

Which columns a row of one of them has stands in the document of the server of the endpoints: `arkwright serve`.
"""

from typing import Any

from arkwright.core.record import NAME
from arkwright.serve.model.arrow.rows import ARROW
from arkwright.serve.rest import openapi_oip

JSON, STREAM, OCTETS = "application/json", ARROW.decode(), "application/octet-stream"
_TEXT = {"type": "string"}
_ROW = {"type": "object", "title": "Row", "description": "A row of the endpoint's row class, without its target"}
_WHICH = {"release": _TEXT, "digest": _TEXT}
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{NAME.pattern}$"}}
_VERSION = {
    "name": "version",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"},
}
_CODES = {
    "400": "It is not JSON, or no such tensors",
    "401": "Who asks is not known: send a token",
    "403": "The right is missing",
    "404": "There is no such endpoint or release; the message has a near miss",
    "406": "There is no such answer",
    "408": "It took too long to arrive",
    "409": "What is answered is not logged, so there is nothing to label",
    "413": "It is too large",
    "415": "It is of another content type",
    "417": "Only 100-continue can be expected",
    "422": "A row is not such a row; the message begins with its JSON path",
    "429": "Too often; come back after the seconds in Retry-After",
    "431": "The headers are too large",
    "500": "The model or its features failed",
    "503": "It is stopped, is being started or has too much to do; with Retry-After, come back then",
    "504": "There was no answer in time",
    "507": "The disk is full: no label was kept",
}


def _header(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": schema}


_REQUEST = _header(
    "X-Request-Id",
    "By which the prediction is found again: 1 to 128 visible ASCII characters; else it gets one of ours",
    {"type": "string"},
)
_ASKED = [
    _REQUEST,
    _header("Arkwright-Key", "The same key, any text, is answered by the same release", {"type": "string"}),
    _header(
        "Arkwright-Release", "This release answers, if it is served", {"type": "string", "pattern": "^[!-~]{1,200}$"}
    ),
    _header(
        "Arkwright-Timeout-Ms",
        "After that nobody wants the answer",
        {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    ),
]


def paths(named: dict[str, Any]) -> dict[str, Any]:
    """All of them; classes go into `named`."""
    for name, schema in openapi_oip.SCHEMAS.items():
        named[f"Oip.{name}"] = schema  # they refer to no other
    found = {
        "/endpoints/{name}/predict": {"post": _predict()},
        "/endpoints/{name}/labels": {"post": _labels()},
        "/v2": {"get": _read("v2", "What the server of the endpoints is", "ServerMetadata")},
        "/v2/health/live": {"get": _read("v2_live", "200 while it answers", "Live")},
        "/v2/health/ready": {"get": _ready("v2_ready", "200 while every endpoint answers")},
    }
    for version, of in (("", ""), ("/versions/{version}", "_of_version")):
        model = f"/v2/models/{{name}}{version}"
        taken = [_NAME, _VERSION] if version else [_NAME]
        found |= {
            model: {"get": _read(f"v2_model{of}", "What the model takes and gives", "ModelMetadata", taken)},
            f"{model}/ready": {"get": _ready(f"v2_model_ready{of}", "200 while it answers", taken)},
            f"{model}/infer": {"post": _infer(f"v2_infer{of}", taken)},
        }
    return found


def _predict() -> dict[str, Any]:
    rules = {"rule": _TEXT, "because": _TEXT, "review": {"const": True}}
    one = {"type": "object", "required": ["prediction", *_WHICH], "properties": {"prediction": {}, **rules, **_WHICH}}
    each = {"predictions": {"type": "array"}, "rules": {"type": "array"}}
    many = {"type": "object", "required": ["predictions", *_WHICH], "properties": {**each, **_WHICH}}
    rows = {"oneOf": [_ROW, {"type": "array", "items": _ROW, "minItems": 1}]}
    return {
        **_said("predict", "What an endpoint answers to one row, or to a list of rows.", "talk"),
        "parameters": [_NAME, *_ASKED],
        "requestBody": {"required": True, "content": {JSON: {"schema": rows}, STREAM: {}}},
        "responses": {
            "200": {"description": "In order", "content": {JSON: {"schema": {"oneOf": [one, many]}}, STREAM: {}}},
            **_problems("400 401 403 404 406 408 413 415 417 422 429 431 500 503 504"),
        },
    }


def _labels() -> dict[str, Any]:
    """What turned out to be true; which values there are depends on the endpoint."""
    each = {
        "type": "object",
        "required": ["id", "label"],
        "properties": {
            "id": {"type": "string", "minLength": 1, "maxLength": 200},
            "label": {"type": ["boolean", "integer", "number", "string"]},
            "row": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0},
        },
        "additionalProperties": False,
    }
    labels = {"oneOf": [each, {"type": "array", "items": each, "minItems": 1}]}
    kept = {"type": "object", "required": ["labels"], "properties": {"labels": {"type": "integer", "minimum": 1}}}
    return {
        **_said("labels", "Say what turned out to be true of rows that an endpoint answered.", "work"),
        "parameters": [_NAME, _REQUEST],
        "requestBody": {"required": True, "content": {JSON: {"schema": labels}}},
        "responses": {
            "200": {
                "description": "So many labels are on the disk, whether or not their ids are known",
                "content": {JSON: {"schema": kept}},
            },
            **_problems("400 401 403 404 408 409 413 415 417 422 429 431 500 503 504 507"),
        },
    }


def _infer(operation: str, taken: list[Any]) -> dict[str, Any]:
    return {
        **_said(operation, "Tensors in, tensors out: Open Inference Protocol v2.", "talk"),
        "parameters": [*taken, *_ASKED],
        "requestBody": {"required": True, "content": {JSON: {"schema": _oip("InferRequest")}, OCTETS: {}}},
        "responses": {
            "200": {"description": "The outputs", "content": {JSON: {"schema": _oip("InferResponse")}, OCTETS: {}}},
            **_protocol("400 401 403 404 406 408 413 415 417 422 429 431 500 503 504"),
        },
    }


def _read(operation: str, summary: str, answer: str, taken: list[Any] | None = None) -> dict[str, Any]:
    return {
        **_said(operation, f"{summary}.", "look"),
        **({"parameters": taken} if taken else {}),
        "responses": {
            "200": {"description": summary, "content": {JSON: {"schema": _oip(answer)}}},
            **_protocol("400 401 403 404 422 429 431 503 504"),
        },
    }


def _ready(operation: str, summary: str, taken: list[Any] | None = None) -> dict[str, Any]:
    said = _read(operation, summary, "Ready", taken)
    unready = {"anyOf": [_oip("Ready"), _oip("Error")]}
    said["responses"]["503"] = {"description": _CODES["503"], "content": {JSON: {"schema": unready}}}
    return said


def _said(operation: str, summary: str, right: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "tags": ["endpoints"],
        "summary": summary,
        "description": f"Needs the right to {right}.",
    }


def _oip(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/Oip.{name}"}


def _problems(codes: str) -> dict[str, Any]:
    told = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {code: {"description": _CODES[code], "content": told} for code in codes.split()}


def _protocol(codes: str) -> dict[str, Any]:
    """In the protocol's own words; what nobody foresaw is told as it is everywhere."""
    return {
        code: {**said, "content": {JSON: {"schema": _oip("Error")}, **said["content"]}}
        for code, said in _problems(codes).items()
    }
