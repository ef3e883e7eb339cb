"""What is served, described: an OpenAPI 3.1 document made from the loaded releases, and the index page."""

import html
from collections.abc import Sequence
from typing import Any

import msgspec

from arkwright.core import rows
from arkwright.core.errors import Invalid
from arkwright.core.safeguards.words import class_name
from arkwright.serve.loaded import Loaded

_ERRORS = {
    "400": "The body is not JSON, or no such tensors",
    "413": "The body is too large",
    "415": "The body is of another content type",
    "422": "A row is not such a row; the message begins with its JSON path",
    "500": "The model or its features failed",
    "503": "Stopping, or too busy; try again",
}


def document(loaded: Sequence[Loaded]) -> dict[str, Any]:
    """The OpenAPI document. Paths that are not in it are not served."""
    schemas: dict[str, Any] = {
        "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    }
    paths: dict[str, Any] = {
        "/v2": {"get": _read("What this server is")},
        "/v2/health/live": {"get": _read("200 while the process answers")},
        "/v2/health/ready": {"get": _read("200 when every model answers; 503 when stopping", "503")},
        "/openapi.json": {"get": _read("This document")},
        "/": {"get": _read("An index of what is served")},
    }
    for one in loaded:
        name = one.endpoint
        schemas |= _row_schemas(one)
        schemas[f"{name}.Prediction"] = _prediction(one)
        paths[f"/endpoints/{name}/predict"] = {"post": _predict(one)}
        if len(loaded) == 1:
            paths["/predict"] = {"post": _predict(one, "predict")}
        for base in (f"/v2/models/{name}", f"/v2/models/{name}/versions/{one.version}"):
            paths[base] = {"get": _read(f"The tensors of {name}")}
            paths[f"{base}/ready"] = {"get": _read(f"200 when {name} answers", "503")}
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


def _read(summary: str, *errors: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": summary}} | _errors(*errors)}


def _errors(*codes: str) -> dict[str, Any]:
    return {code: _json(_ref("Error"), _ERRORS[code]) for code in codes}


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
            "content": {"application/json": {"schema": body, "example": example_row(one)}},
        },
        "responses": {"200": _json({"oneOf": [single, many]}, "The prediction, or one for each row in order")}
        | _errors("400", "413", "415", "422", "500", "503"),
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
    name, anything = one.endpoint, {"type": "object"}
    if one.guards:
        refused = f"Refused: {name} has rules, which judge raw rows; post them to /endpoints/{name}/predict"
        return {"summary": refused, "responses": _errors("400")}
    return {
        "summary": f"Open Inference Protocol v2: tensors in, tensors out of {name}",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": anything}, "application/octet-stream": {}},
        },
        "responses": {"200": _json(anything, "The outputs")} | _errors("400", "413", "415", "500", "503"),
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
    return {"type": "object"}


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
