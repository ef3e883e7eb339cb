"""What is served, described: an OpenAPI 3.1 document made from the loaded releases, and the index page."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from arkwright.core import rows
from arkwright.core.errors import Invalid
from arkwright.core.safeguards.words import class_name
from arkwright.serve.model.arrow.rows import ARROW
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.rest.openapi_oip import SCHEMAS

_ERRORS = {
    "400": "The body is not JSON, or no such tensors",
    "403": "The Host header names another machine",
    "404": "There is no such endpoint or version; the message says which there are",
    "405": "The path answers other methods, which the header Allow lists",
    "408": "The request took too long to arrive",
    "413": "The body is too large",
    "415": "The body is of another content type",
    "422": "A row is not such a row; the message begins with its JSON path",
    "429": "Too many requests from this caller; come back after the seconds in Retry-After",
    "431": "The headers are too large",
    "500": "The model or its features failed",
    "503": "Stopping, or too busy; come back after the seconds in Retry-After",
    "504": "The deadline passed before there was an answer",
}
_ANYWHERE = ("400", "403", "404", "405", "408", "429", "431")
_POSTED = ("413", "415", "500", "503", "504")
_STREAM, _OCTETS = ARROW.decode(), "application/octet-stream"
_INDEX = {"type": "object", "required": ["server", "openapi", "endpoints"]}


def document(loaded: Sequence[Loaded], versions: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The OpenAPI document; `versions`: those of each endpoint. Paths that are not in it are not served."""
    schemas = dict(SCHEMAS)
    paths: dict[str, Any] = {
        "/v2": {"get": _read("What this server is", _ref("ServerMetadata"))},
        "/v2/health/live": {"get": _read("200 while the process answers", _ref("Live"))},
        "/v2/health/ready": {"get": _ready("200 when every model answers; 503 when stopping")},
        "/openapi.json": {"get": _read("This document", {"type": "object", "required": ["openapi", "paths"]})},
        "/": {"get": _read("An index of what is served; for browsers a page", _INDEX)},
    }
    for one in loaded:
        name = one.endpoint
        schemas |= _row_schemas(one)
        schemas[f"{name}.Prediction"] = _prediction(one)
        paths[f"/endpoints/{name}/predict"] = {"post": _predict(one)}
        if len(loaded) == 1:
            paths["/predict"] = {"post": _predict(one, "predict")}
        model = f"/v2/models/{name}"
        for base in (model, *(f"{model}/versions/{version}" for version in versions[name])):
            paths[base] = {"get": _read(f"The tensors of {name}", _ref("ModelMetadata"))}
            paths[f"{base}/ready"] = {"get": _ready(f"200 when {name} answers; 503 when stopping")}
            paths[f"{base}/infer"] = {"post": _infer(one)}
    info = {"title": "Arkwright endpoints", "version": "1", "description": "Every answer names its release and digest."}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _row_schemas(one: Loaded) -> dict[str, Any]:
    template = f"#/components/schemas/{one.endpoint}.{{name}}"
    try:
        _, found = msgspec.json.schema_components([one.rows.struct], ref_template=template)
    except TypeError as error:
        raise Invalid(f"the rows of {one.endpoint} cannot be described: {error}") from None
    return {f"{one.endpoint}.{name}": schema for name, schema in found.items()}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _answers(schema: dict[str, Any], description: str, other: str) -> dict[str, Any]:
    """JSON, or `other` for those who ask for it."""
    return {"description": description, "content": {"application/json": {"schema": schema}, other: {}}}


def _read(summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": _json(schema, summary)} | _errors(*_ANYWHERE)}


def _ready(summary: str) -> dict[str, Any]:
    answers = {code: _json(_ref("Ready"), summary) for code in ("200", "503")}
    return {"summary": summary, "responses": answers | _errors(*_ANYWHERE)}


def _errors(*codes: str) -> dict[str, Any]:
    return {code: _json(_ref("Error"), _ERRORS[code]) for code in sorted(codes)}


def _predict(one: Loaded, operation: str | None = None) -> dict[str, Any]:
    row, prediction = _ref(f"{one.endpoint}.Row"), _ref(f"{one.endpoint}.Prediction")
    which = {"release": {"type": "string"}, "digest": {"type": "string"}}
    one_rule, rules = _rules(one) if one.guards else ({}, {})
    single = {
        "type": "object",
        "required": ["prediction", "release", "digest"],
        "properties": {"prediction": prediction, **one_rule, **which},
    }
    many = {
        "type": "object",
        "required": ["predictions", "release", "digest"],
        "properties": {"predictions": {"type": "array", "items": prediction}, **rules, **which},
    }
    body = {"oneOf": [row, {"type": "array", "items": row, "minItems": 1}]}
    return {
        "operationId": operation or f"predict_{one.endpoint}",
        "summary": f"Predict {one.signature.target} with {one.release}: one row, or a list of rows",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": example_row(one)}, _STREAM: {}},
        },
        "responses": {"200": _answers({"oneOf": [single, many]}, "One prediction for each row, in order", _STREAM)}
        | _errors(*_ANYWHERE, *_POSTED, "422"),
    }


def _rules(one: Loaded) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an answer says of the safeguard that fired: of one row, and of many."""
    assert one.guards
    told = {
        "rule": {"enum": one.guards.names, "description": "The safeguard that answered"},
        "because": {"type": "string"},
        "review": {"const": True, "description": "No answer: a person looks at the row"},
    }
    each = {"type": ["object", "null"], "required": ["rule"], "properties": told}
    return told, {"rules": {"type": "array", "items": each, "description": "One per row, null where none fired"}}


def _infer(one: Loaded) -> dict[str, Any]:
    name = one.endpoint
    if one.guards:
        refused = f"Refused: {name} has rules, which judge raw rows; post them to /endpoints/{name}/predict"
        return {"summary": refused, "responses": _errors("400")}
    return {
        "summary": f"Open Inference Protocol v2: tensors in, tensors out of {name}",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("InferRequest")}, _OCTETS: {}},
        },
        "responses": {"200": _answers(_ref("InferResponse"), "The outputs", _OCTETS)} | _errors(*_ANYWHERE, *_POSTED),
    }


def _prediction(one: Loaded) -> dict[str, Any]:
    if one.guards:  # a rule answers a class without probabilities, or nothing
        return {"anyOf": [_by_model(one), _by_rule(one), {"type": "null"}]}
    return _by_model(one)


def _by_rule(one: Loaded) -> dict[str, Any]:
    classes = one.signature.classes
    each = {"label": {"enum": list(classes)}} if classes else {"value": {"type": "number"}}
    return {"type": "object", "required": list(each), "properties": each, "additionalProperties": False}


def _by_model(one: Loaded) -> dict[str, Any]:
    classes = one.signature.classes
    if classes:
        keys = [class_name(value) for value in classes]
        each = {key: {"type": "number"} for key in keys}
        labels = {"enum": list(classes)}
        return {
            "type": "object",
            "required": ["label", "probabilities"],
            "properties": {
                "label": labels,
                "probabilities": {"type": "object", "required": keys, "properties": each},
            },
        }
    ports = one.graph.outputs
    if len(ports) == 1:
        return {"type": "object", "required": ["value"], "properties": {"value": {}}}
    outputs = {"type": "object", "required": list(ports), "properties": {port: {} for port in ports}}
    return {"type": "object", "required": ["outputs"], "properties": {"outputs": outputs}}


def example_row(one: Loaded) -> Any:
    """A row to try, as JSON says it."""
    return msgspec.to_builtins(rows.example(one.rows.fields))


def curl(one: Loaded, path: str, host: str) -> str:
    body = msgspec.json.encode(rows.example(one.rows.fields)).decode().replace("'", "'\\''")
    return f"curl http://{host}{path} -H 'Content-Type: application/json' -d '{body}'"


def index(loaded: Sequence[Loaded], host: str) -> dict[str, Any]:
    """What is here, and how to try it."""
    return {
        "server": "arkwright",
        "openapi": "/openapi.json",
        "endpoints": {
            one.endpoint: {
                "predicts": one.signature.target,
                "task": one.signature.task,
                "release": one.release,
                "digest": one.digest,
                "predict": f"/endpoints/{one.endpoint}/predict",
                "infer": f"/v2/models/{one.endpoint}/infer",
                "try": curl(one, f"/endpoints/{one.endpoint}/predict", host),
            }
            for one in loaded
        },
    }


def page(loaded: Sequence[Loaded], host: str) -> str:
    """The index for people."""
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Arkwright endpoints</title><h1>Endpoints</h1>"]
    for name, facts in index(loaded, host)["endpoints"].items():
        said = {key: html.escape(str(value)) for key, value in facts.items()}
        parts.append(
            f"<h2>{html.escape(name)}</h2><p>Predicts <b>{said['predicts']}</b> with {said['release']}"
            f" <code>{said['digest'][:12]}</code></p><pre>{said['try']}</pre>"
        )
    parts.append('<p><a href="/openapi.json">openapi.json</a> · <a href="/v2">Open Inference Protocol</a></p></html>')
    return "\n".join(parts)
