"""Paths beside the predictions, described where they are served: metrics, labels, the model repository."""

from collections.abc import Collection
from typing import Any

from arkwright.core.record import NAME
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.rest.openapi_headers import POSTED as READ
from arkwright.serve.rest.openapi_headers import asks
from arkwright.serve.rest.openapi_words import ANYWHERE, POSTED, body, errors, said

_TYPES = {int: "integer", str: "string", bool: "boolean"}
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{NAME.pattern}$"}}
_STATES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "state", "reason"],
        "properties": {
            "name": {"type": "string"},
            "version": {"type": "string"},
            "state": {"enum": ["READY", "UNAVAILABLE"]},
            "reason": {"type": "string"},
        },
    },
}


def metrics() -> dict[str, Any]:
    """Each text format names its version behind the type."""
    kinds: dict[str, Any] = {"text/plain": {}, "application/openmetrics-text": {}}
    answer = {"description": "Counters of all workers, for Prometheus", "content": kinds}
    return {"get": {"summary": answer["description"], "responses": {"200": answer} | errors(*ANYWHERE, "500")}}


def labels(one: Loaded, known: Collection[Any]) -> dict[str, Any]:
    """What turned out to be true of rows that the endpoint answered. `known`: its classes, or none."""
    classes = one.signature.classes
    label: dict[str, Any] = {"type": _TYPES[type(classes[0])] if classes else "number"}
    label |= {"integer": {"minimum": -(2**63), "maximum": 2**63 - 1}, "string": {"maxLength": 10_000}}.get(
        label["type"], {}
    )
    label |= {"enum": list(known)} if known else {}
    row = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0}
    each = {
        "type": "object",
        "required": ["id", "label"],
        "properties": {"id": {"type": "string", "minLength": 1, "maxLength": 200}, "label": label, "row": row},
        "additionalProperties": False,
    }
    kept = {"type": "object", "required": ["labels"], "properties": {"labels": {"type": "integer", "minimum": 1}}}
    done = "So many labels are on the disk, whether or not their ids are known"
    return {
        "post": {
            "operationId": f"label_{one.endpoint}",
            "parameters": asks(*READ),
            "summary": f"Say what turned out to be true of answers of {one.endpoint}",
            "requestBody": body({"oneOf": [each, {"type": "array", "items": each, "minItems": 1}]}),
            "responses": {"200": said(kept, done)} | errors(*POSTED, "409", "422", "507"),
        }
    }


def repository() -> dict[str, Any]:
    """The paths of the model repository. No body says nothing."""
    flag = {"type": "boolean", "default": False}
    index = {
        "summary": "Every release of every endpoint, and what is unloaded",
        "requestBody": _optional(ready=flag | {"description": "Only what is ready"}),
        "responses": {"200": said(_STATES, "What there is")} | errors(*POSTED),
    }
    return {"/v2/repository/index": {"post": index}} | {
        f"/v2/repository/models/{{name}}/{verb}": {
            "parameters": [_NAME],
            "post": {
                "summary": f"Have all workers {verb} an endpoint",
                "requestBody": _optional(parameters=_closed(unload_dependents=flag)),
                "responses": {"200": {"description": "It is done"}} | errors(*POSTED),
            },
        }
        for verb in ("load", "unload")
    }


def _optional(**properties: Any) -> dict[str, Any]:
    return body(_closed(**properties)) | {"required": False}


def _closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}
