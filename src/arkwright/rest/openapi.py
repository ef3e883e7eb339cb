"""REST as OpenAPI 3.1, from the same signatures and classes that answer. Strict: what it does not name is refused."""

import inspect
import typing
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from arkwright.api.jobs import jobs
from arkwright.api.verbs import VERBS, Verb
from arkwright.core import shapes
from arkwright.core.nouns import Endpoint
from arkwright.rest import calls, given, openapi_endpoints
from arkwright.rest.answers import JSON
from arkwright.web import cookies

_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "An error as RFC 9457 says it. `detail` is for people: what is wrong, where, and what to do next.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
}
ERRORS = {
    "401": "Who asks is not known: log in, or send a token",
    "403": "The right is missing, or the request came from another site's page",
    "404": "There is no such thing; the message has a near miss",
    "405": "The path answers other methods, which the header Allow lists",
    "406": "There is no such answer; the message says which there are",
    "409": "The rules do not allow it; the message says exactly what is missing",
    "412": "It is at another version than the one meant",
    "413": "The body is too large",
    "415": "The body is of another content type",
    "422": "What was given is wrong; the message says where",
    "429": "Too often; come back after the seconds in Retry-After",
    "500": "Something failed here; the message has the number under which the log tells of it",
    "501": "A part has to be installed on the server first",
    "503": "What keeps the records does not answer just now; come back after the seconds in Retry-After",
    "507": "The disk is full; nothing was written",
}
Paths = Callable[[dict[str, Any]], dict[str, Any]]  # what is served, by its path; classes go into the given one
_LOOKED = ("401", "403", "404", "406", "409", "422", "429", "500", "501", "503", "507")
_ACTED = (*_LOOKED, "413", "415")


def document(others: Sequence[tuple[dict[str, Any], Paths]] = (), *, cookie: str = cookies.SESSION) -> dict[str, Any]:
    """All that programs may ask. `others`: tags, and the paths of what other faces answer; `cookie`: what a
    session's is called.
    """
    named: dict[str, Any] = {"Problem": _PROBLEM}
    beside = {path: said for _, paths in others for path, said in paths(named).items()}
    paths = {f"/api/{name}": _verb(name, verb, named) for name, verb in VERBS.items() if not verb.here}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Arkwright",
            "version": version("arkwright"),
            "description": "All that programs ask of the control room. Lists come in pages; the header Link leads on.",
        },
        "security": [{"token": []}, {"session": []}],
        "tags": [*_TAGS, *(tag for tag, _ in others)],
        "paths": {**paths, **_jobs(named), **openapi_endpoints.paths(named), **_itself(), **beside},
        "components": {
            "schemas": named,
            "responses": {code: _problem(text) for code, text in ERRORS.items()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
            },
        },
    }


def _verb(name: str, verb: Verb, named: dict[str, Any]) -> dict[str, Any]:
    words = given.words_of(verb)
    taken, classes = given.schema(words)
    named.update(classes)
    summary, _, more = (inspect.getdoc(verb.function) or name).partition("\n")
    said: dict[str, Any] = {
        "operationId": name,
        "tags": ["verbs"],
        "summary": summary,
        "description": f"{more.strip()}\n\nNeeds the right to {verb.right}.".strip(),
    }
    if verb.acts:
        said["parameters"] = _headers(words)
        said["requestBody"] = {
            "required": any(word.needed for word in words.words),
            "content": {JSON: {"schema": taken}},
        }
        answer = _answered(verb, named)
        more_errors = ("412",) if "version" in words.names() else ()
        said["responses"] = {**answer, **_errors(_ACTED + more_errors)}
        return {"post": said}
    said["parameters"] = [_parameter(word, taken) for word in words.words]
    for one in said["parameters"]:
        if verb.saving and one["name"] == "limit":
            one["description"] = f"Rows; in JSON at most {given.MOST_LIMIT:,}"
    said["responses"] = {**_answered(verb, named), **_errors(_LOOKED)}
    return {"get": said}


def _answered(verb: Verb, named: dict[str, Any]) -> dict[str, Any]:
    if verb.job:
        link = {"Location": {"schema": {"type": "string"}, "description": "Where the job is told of"}}
        return {"202": _said(shapes.schema(jobs.Job, named), "It is done aside", headers=link)}
    kind = typing.get_type_hints(verb.function)["return"]
    if verb.saves:
        rows = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
        content: dict[str, Any] = {JSON: {"schema": rows}}
        content |= {media: {} for media in calls.offered(verb) if media != JSON}
        return {"200": {"description": "The rows", "content": content, "headers": _TAG}, "304": _SAME}
    answer = shapes.schema(kind, named)
    if verb.acts:
        return {"200": _said(answer, "It is done", headers=_TAG if kind is Endpoint else {})}
    words = given.words_of(verb)
    headers = _TAG | (_NEXT if words.pages or "last" in words.names() else {})
    return {"200": _said(answer, "What there is", headers=headers), "304": _SAME}


_TAG = {"ETag": {"schema": {"type": "string"}, "description": "For If-None-Match; of an endpoint for If-Match"}}
_NEXT = {"Link": {"schema": {"type": "string"}, "description": 'The next page, rel="next"'}}
_SAME = {"description": "It is what If-None-Match names"}


def _jobs(named: dict[str, Any]) -> dict[str, Any]:
    job = shapes.schema(jobs.Job, named)
    kinds = [shapes.schema(typing.get_type_hints(v.function)["return"], named) for v in VERBS.values() if v.job]
    one = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    last = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "integer", "minimum": 0, "maximum": 999999999}}
    listed, _ = given.schema(given.pages())
    parameters = [_parameter(word, listed) for word in given.pages().words]
    stream = {"description": "What happens, as it happens", "content": {"text/event-stream": {}}}

    def get(name: str, summary: str, answer: dict[str, Any], taken: list[Any]) -> dict[str, Any]:
        responses = {"200": answer, **({} if answer is stream else {"304": _SAME}), **_errors(_LOOKED)}
        said = {"operationId": name, "tags": ["jobs"], "summary": summary, "parameters": taken}
        return {"get": said | {"responses": responses}}

    stop = {
        "operationId": "stop_job",
        "tags": ["jobs"],
        "summary": "Call it off.",
        "parameters": [one, _KEY],
        "requestBody": {"required": False, "content": {JSON: {"schema": _NOTHING}}},
        "responses": {"200": _said(job, "It is called off"), **_errors(_ACTED)},
    }
    every = {"type": "array", "items": job}
    return {
        "/api/jobs": get(
            "jobs", "Every job, the newest first.", _said(every, "Jobs", headers=_TAG | _NEXT), parameters
        ),
        "/api/jobs/{id}": get("job", "One job.", _said(job, "The job", headers=_TAG), [one]),
        "/api/jobs/{id}/answer": get(
            "job_answer", "What the verb gave.", _said({"anyOf": kinds}, "As its verb gives it", headers=_TAG), [one]
        ),
        "/api/jobs/{id}/events": get("job_events", "What happens in it.", stream, [one, last]),
        "/api/jobs/{id}/stop": {"post": stop},
    }


def _itself() -> dict[str, Any]:
    ready = {"type": "object", "required": ["status"], "additionalProperties": False}
    ready["properties"] = {
        "status": {"enum": ["ready", "degraded", "not ready"]},
        "waits_for": _TEXTS,
        "why": {"type": "string"},
    }
    unready = _said(ready, "Something does not answer yet", headers={"Retry-After": {"schema": {"type": "integer"}}})
    health = {
        "operationId": "health",
        "tags": ["server"],
        "summary": "Whether all is ready: the records can be read, and what was promoted can be asked, or what cannot.",
        "security": [],
        "responses": {"200": _said(ready, "It is"), "503": unready, **_errors(("401", "403", "422"))},
    }
    itself = {
        "operationId": "openapi",
        "tags": ["server"],
        "summary": "This document.",
        "responses": {"200": _said({"type": "object"}, "OpenAPI 3.1"), **_errors(("401", "403", "406", "422"))},
    }
    return {"/health": {"get": health}, "/api/openapi.json": {"get": itself}}


_TEXTS = {"type": "array", "items": {"type": "string"}}
_TAGS = [
    {"name": "verbs", "description": "What looks is GET with a query, what acts is POST with one JSON object"},
    {"name": "jobs", "description": "What takes long, followed as it goes"},
    {
        "name": "endpoints",
        "description": "What was promoted, asked for predictions; /v2 is the Open Inference Protocol",
    },
    {"name": "server", "description": "The control room itself"},
]
_NOTHING = {"type": "object", "additionalProperties": False, "properties": {}}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Done once under this key, for a day; whoever asks again hears the same answer",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The version that the endpoint must be at, as the header ETag of its last move says",
    "schema": {"type": "string", "pattern": '^"[1-9][0-9]{0,8}"$'},
}


def _headers(words: given.Words) -> list[dict[str, Any]]:
    return [_KEY, _IF_MATCH] if "version" in words.names() else [_KEY]


def _parameter(word: given.Word, taken: dict[str, Any]) -> dict[str, Any]:
    schema = dict(taken["properties"][word.name])
    if "anyOf" in schema:  # a query has no null
        (schema,) = [
            {**part, **{k: v for k, v in schema.items() if k != "anyOf"}}
            for part in schema["anyOf"]
            if part != {"type": "null"}
        ]
    if schema.get("default", "") is None:
        del schema["default"]
    return {"name": word.name, "in": "query", "required": word.needed, "schema": schema}


def _said(schema: dict[str, Any], description: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    said = {"description": description, "content": {JSON: {"schema": schema}}}
    return said | ({"headers": headers} if headers else {})


def _problem(text: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": text, "content": content}


def _errors(codes: tuple[str, ...]) -> dict[str, Any]:
    return {code: {"$ref": f"#/components/responses/{code}"} for code in codes}
