"""What is served, described: an OpenAPI 3.1 document made from the loaded releases, and the index page."""

import html
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from arkwright.core import rows
from arkwright.core.safeguards.words import class_name
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.rest import openapi_beside as beside
from arkwright.serve.rest import openapi_headers
from arkwright.serve.rest.openapi_oip import SCHEMAS
from arkwright.serve.rest.openapi_rows import row_schemas
from arkwright.serve.rest.openapi_words import (
    OCTETS,
    POSTED,
    STREAM,
    body,
    either,
    errors,
    read,
    ready,
    ref,
    responses,
)

_BY = openapi_headers.answers(*openapi_headers.ANSWERED)
_PAGE = openapi_headers.answers(*openapi_headers.PAGE)
_INDEX = {"type": "object", "required": ["server", "openapi", "endpoints"]}


def document(
    loaded: Sequence[Loaded],
    versions: Mapping[str, Sequence[str]],
    *,
    classes: Mapping[str, Collection[Any]] | None = None,
    repository: bool = False,
) -> dict[str, Any]:
    """The OpenAPI document; `versions`: those of each endpoint. Paths that are not in it are not served.

    `classes`: the labels of each endpoint, none where any of their type may be one; with them, there are metrics, and
    answers can be labelled. `repository`: endpoints can be loaded and unloaded.
    """
    schemas, observed = dict(SCHEMAS), classes is not None
    paths: dict[str, Any] = {
        "/v2": {"get": read("What this server is", ref("ServerMetadata"))},
        "/v2/health/live": {"get": read("200 while the process answers", ref("Live"))},
        "/v2/health/ready": {"get": ready("200 when every model answers; 503 when stopping")},
        "/openapi.json": {"get": read("This document", {"type": "object", "required": ["openapi", "paths"]})},
        "/": {"get": read("An index of what is served; for browsers a page", _INDEX, "text/html", headers=_PAGE)},
    }
    for one in loaded:
        name = one.endpoint
        schemas |= row_schemas(one)
        schemas[f"{name}.Prediction"] = _prediction(one)
        wanted = [openapi_headers.release(one, versions[name]), *openapi_headers.asks("Arkwright-Key")]
        paths[f"/endpoints/{name}/predict"] = {"post": _predict(one, f"predict_{name}", wanted)}
        if len(loaded) == 1:
            paths["/predict"] = {"post": _predict(one, "predict", wanted)}
        model = f"/v2/models/{name}"
        for base in (model, *(f"{model}/versions/{version}" for version in versions[name])):
            paths[base] = {"get": read(f"The tensors of {name}", ref("ModelMetadata"), headers=_BY)}
            paths[f"{base}/ready"] = {"get": ready(f"200 when {name} answers; 503 when stopping")}
            paths[f"{base}/infer"] = {"post": _infer(one, wanted if base == model else [])}
        if classes is not None:
            paths[f"/endpoints/{name}/labels"] = beside.labels(one, classes[name])
    if observed:
        paths["/metrics"] = beside.metrics()
    if repository:
        paths |= beside.repository()
    info = {"title": "Arkwright endpoints", "version": "1", "description": "Every answer names its release and digest."}
    _name(paths, (openapi_headers.NAMED, *(openapi_headers.TRACED if observed else ())))
    components = {
        "schemas": schemas,
        "responses": responses(),
        "parameters": openapi_headers.parameters(),
        "headers": openapi_headers.headers(),
    }
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _name(paths: Mapping[str, Any], read: Sequence[str]) -> None:
    """Every request may bring these ids, and every answer tells its name."""
    named = openapi_headers.answers(openapi_headers.NAMED)
    for item in paths.values():
        for one in (item[method] for method in ("get", "post") if method in item):
            one["parameters"] = one.get("parameters", []) + openapi_headers.asks(*read)
            for answer in one["responses"].values():
                if "$ref" not in answer:
                    answer["headers"] = answer.get("headers", {}) | named


def _predict(one: Loaded, operation: str, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    """`wanted`: the headers that say which release shall answer."""
    row, prediction = ref(f"{one.endpoint}.Row"), ref(f"{one.endpoint}.Prediction")
    which = {"release": {"type": "string"}, "digest": {"type": "string"}}
    one_rule, rules = _rules(one) if one.guards else ({}, {})
    others = [] if one.guards else [STREAM]
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
    asked = {"oneOf": [row, {"type": "array", "items": row, "minItems": 1}]}
    return {
        "operationId": operation,
        "summary": f"Predict {one.signature.target} with {one.release}: one row, or a list of rows",
        "parameters": [*wanted, *openapi_headers.asks(*openapi_headers.PREDICTED)],
        "requestBody": body(asked, *others, example=example_row(one)),
        "responses": {
            "200": either(
                {"oneOf": [single, many]},
                "One prediction for each row, in order",
                *others,
                headers=openapi_headers.predicted(),
            )
        }
        | errors(*POSTED, "422", *(["406"] if one.guards else [])),
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


def _infer(one: Loaded, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    name = one.endpoint
    if one.guards:
        refused = f"Refused: {name} has rules, which judge raw rows; post them to /endpoints/{name}/predict"
        return {"summary": refused, "responses": errors(*POSTED)}
    answered = openapi_headers.predicted("Inference-Header-Content-Length")
    return {
        "summary": f"Open Inference Protocol v2: tensors in, tensors out of {name}",
        "parameters": [*wanted, *openapi_headers.asks(*openapi_headers.INFERRED)],
        "requestBody": body(ref("InferRequest"), OCTETS),
        "responses": {"200": either(ref("InferResponse"), "The outputs", OCTETS, headers=answered)} | errors(*POSTED),
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


def index(loaded: Sequence[Loaded], host: str, answering: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What is here, and how to try it. `answering`: all releases of each endpoint that answer."""
    return {
        "server": "arkwright",
        "openapi": "/openapi.json",
        "endpoints": {
            one.endpoint: {
                "predicts": one.signature.target,
                "task": one.signature.task,
                "release": one.release,
                "releases": answering[one.endpoint],
                "digest": one.digest,
                "predict": f"/endpoints/{one.endpoint}/predict",
                **({} if one.guards else {"infer": f"/v2/models/{one.endpoint}/infer"}),
                "try": curl(one, f"/endpoints/{one.endpoint}/predict", host),
            }
            for one in loaded
        },
    }


def page(loaded: Sequence[Loaded], host: str, answering: Mapping[str, Sequence[str]]) -> str:
    """The index for people."""
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><title>Arkwright endpoints</title><h1>Endpoints</h1>"]
    for name, facts in index(loaded, host, answering)["endpoints"].items():
        said = {key: html.escape(str(value)) for key, value in facts.items()}
        parts.append(
            f"<h2>{html.escape(name)}</h2><p>Predicts <b>{said['predicts']}</b> with {said['release']}"
            f" <code>{said['digest'][:12]}</code></p><pre>{said['try']}</pre>"
        )
    parts.append('<p><a href="/openapi.json">openapi.json</a> · <a href="/v2">Open Inference Protocol</a></p></html>')
    return "\n".join(parts)
