"""The routes of MLflow's clients in the OpenAPI document: what each takes, from the class that it is read into.

What they answer is MLflow's own, and said there: https://mlflow.org/docs/latest/rest-api.html.
"""

import re
from typing import Any

import msgspec
from starlette.routing import Route

from arkwright.api.runs.files import FILES
from arkwright.mlflow.routes import routes
from arkwright.mlflow.wire import JSON, PREFIX, Given, taken

TAG = {
    "name": "mlflow",
    "description": "What MLflow's clients ask. Words that are not known are left alone, and numbers may be texts.",
    "externalDocs": {"url": "https://mlflow.org/docs/latest/rest-api.html"},
}
_ERROR = {
    "type": "object",
    "title": "MlflowError",
    "description": "An error as MLflow's clients know it",
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["error_code", "message"],
    "additionalProperties": False,
}
_TOLD = {JSON: {"schema": {"$ref": "#/components/schemas/MlflowError"}}}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_ERRORS = {
    "4XX": {"description": "Refused, with MLflow's code for it", "content": _TOLD},
    "5XX": {"description": "Something failed here, or a disk is full", "content": {**_TOLD, **_PROBLEM}},
}
_BYTES: dict[str, Any] = {"application/octet-stream": {}}
_ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", "/version"): {"text/plain": {"schema": {"type": "string"}}},
    ("GET", FILES + "/{path}"): _BYTES,
}  # those that are no JSON object


def paths(named: dict[str, Any]) -> dict[str, Any]:
    """Every one of them by its path; the classes in what they take go into `named`."""
    named["MlflowError"] = _ERROR
    schemas = _schemas([kind for route in routes() if (kind := taken(route.endpoint))], named)
    found: dict[str, Any] = {}
    for route in routes():
        kind, path = taken(route.endpoint), route.path.replace(":path}", "}")
        for method in sorted((route.methods or set()) - {"HEAD"}):
            said = _operation(path, method, schemas[kind] if kind else None)
            found.setdefault(path, {})[method.lower()] = said | {"description": f"Needs the right to {_right(route)}."}
    return found


def _right(route: Route) -> str:
    return str(route.right)  # type: ignore[attr-defined]


def _schemas(kinds: list[type[Given]], named: dict[str, Any]) -> dict[type[Given], dict[str, Any]]:
    """The schema of each, with all that it refers to in `named`. Classes of different files have the same names."""
    kinds = list(dict.fromkeys(kinds))
    made, found = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    own = {name: f"Mlflow.{name.removeprefix('arkwright.mlflow.')}" for name in found}
    text = msgspec.json.encode([made, found]).decode()
    for name, other in own.items():
        text = text.replace(f'"#/components/schemas/{name}"', f'"#/components/schemas/{other}"')
    refs, bodies = msgspec.json.decode(text)
    for one in (one for body in bodies.values() for one in body["properties"].values()):
        if one.get("default", 0) in ("", [], None):  # it is only left out
            del one["default"]
    whole = {own[name]: body for name, body in bodies.items()}
    heads = [ref["$ref"].rpartition("/")[2] for ref in refs]
    inner = set(re.findall(r'"#/components/schemas/([^"]+)"', msgspec.json.encode(bodies).decode()))
    named.update({name: body for name, body in whole.items() if name in inner})
    return {kind: whole[head] for kind, head in zip(kinds, heads, strict=True)}


def _operation(path: str, method: str, takes: dict[str, Any] | None) -> dict[str, Any]:
    words = path.removeprefix(PREFIX).strip("/")
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    content = _ANSWERS.get((method, path), {JSON: {"schema": {"type": "object"}}})
    said: dict[str, Any] = {
        "operationId": "_".join(("mlflow", method.lower(), *re.findall(r"\w+", words))),
        "summary": f"MLflow: {method} {words}",
        "tags": [TAG["name"]],
        "responses": {"200": {"description": "As MLflow says", "content": content}, **_ERRORS},
    }
    if method == "PUT":
        said["requestBody"] = {"required": False, "content": _BYTES}  # nothing is an empty file
    elif takes and method == "GET":
        parameters += [_parameter(name, schema) for name, schema in takes["properties"].items()]
    elif takes:
        said["requestBody"] = {"required": True, "content": {JSON: {"schema": takes}}}
    return said | ({"parameters": parameters} if parameters else {})


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null, and nothing in it has to be there: what is missing is told."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        schema = kinds[0]
    elif kinds:
        schema = {"anyOf": kinds}
    return {"name": name, "in": "query", "schema": {key: value for key, value in schema.items() if key != "default"}}
