"""The Open Inference Protocol's own messages, as schemas of the OpenAPI document."""

from typing import Any

from arkwright.serve.model.tensors import DATATYPES, LARGEST_DIMENSION, MOST_DIMENSIONS

_TEXT = {"type": "string"}
_PARAMETERS = {"type": "object", "additionalProperties": {"type": ["boolean", "number", "string"]}}
_DATA = {"type": "array", "description": "The elements in row-major order, flat or nested as the shape says"}
_DATATYPE = {"enum": list(DATATYPES)}


def _object(required: str, **properties: Any) -> dict[str, Any]:
    names = required.split()
    return {"type": "object", "required": names, "properties": properties, "additionalProperties": False}


def _array(items: Any, **limits: int) -> dict[str, Any]:
    return {"type": "array", "items": items, **limits}


_SHAPE = _array({"type": "integer", "minimum": 1, "maximum": LARGEST_DIMENSION}, minItems=1, maxItems=MOST_DIMENSIONS)
_ANSWERED = _array({"type": "integer", "minimum": 0})
_PORTS = _array(_object("name datatype shape", name=_TEXT, datatype=_DATATYPE, shape=_array({"type": "integer"})))
_TENSOR: dict[str, Any] = {"name": _TEXT, "datatype": _DATATYPE, "parameters": _PARAMETERS, "data": _DATA}
_INPUT = _object("name shape datatype", shape=_SHAPE, **_TENSOR)
_WISH = _object("name", name=_TEXT, parameters=_PARAMETERS)
_OUTPUT = _object("name shape datatype", shape=_ANSWERED, **_TENSOR)

SCHEMAS: dict[str, Any] = {
    "Error": _object("error", error=_TEXT),
    "InferRequest": _object(
        "inputs",
        inputs=_array(_INPUT, minItems=1),
        id=_TEXT,
        parameters=_PARAMETERS,
        outputs=_array(_WISH),
        model_name=_TEXT,
        model_version=_TEXT,
    ),
    "InferResponse": _object(
        "model_name model_version outputs",
        model_name=_TEXT,
        model_version=_TEXT,
        id=_TEXT,
        parameters=_PARAMETERS,
        outputs=_array(_OUTPUT),
    ),
    "ModelMetadata": _object(
        "name versions platform inputs outputs",
        name=_TEXT,
        versions=_array(_TEXT),
        platform=_TEXT,
        inputs=_PORTS,
        outputs=_PORTS,
        parameters=_PARAMETERS,
    ),
    "ServerMetadata": _object("name version extensions", name=_TEXT, version=_TEXT, extensions=_array(_TEXT)),
    "Live": _object("live", live={"type": "boolean"}),
    "Ready": _object("ready", ready={"type": "boolean"}, name=_TEXT),
}
