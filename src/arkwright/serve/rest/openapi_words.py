"""What every operation of the OpenAPI document is spelt with: references, answers, refusals."""

from collections.abc import Mapping
from typing import Any

from arkwright.serve.model.arrow.rows import ARROW
from arkwright.serve.rest.openapi_headers import refused

STREAM, OCTETS = ARROW.decode(), "application/octet-stream"
_ERRORS = {
    "400": "The body is not JSON, or no such tensors",
    "403": "The Host header names another machine",
    "404": "There is no such endpoint or version; the message says which there are",
    "405": "The path answers other methods, which the header Allow lists",
    "406": "There is no such answer; ask for application/json",
    "408": "The request took too long to arrive",
    "409": "The answers of this endpoint are not logged, so there is nothing to label",
    "413": "The body is too large",
    "414": "The URL is too long",
    "415": "The body is of another content type",
    "417": "Only 100-continue can be expected",
    "422": "A row is not such a row; the message begins with its JSON path",
    "429": "Too many requests from this caller; come back after the seconds in Retry-After",
    "431": "The headers are too large",
    "500": "The model or its features failed",
    "503": "Stopping, or too busy; come back after the seconds in Retry-After",
    "504": "The deadline passed before there was an answer",
    "505": "This server speaks HTTP/1.1",
    "507": "The disk is full: the labels were not kept; send them again",
}
ANYWHERE = ("400", "403", "404", "405", "408", "413", "414", "417", "431", "503", "505")
POSTED = (*ANYWHERE, "415", "429", "500", "504")


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def said(schema: Mapping[str, Any], description: str, **others: Any) -> dict[str, Any]:
    """An answer in JSON."""
    return {"description": description, "content": {"application/json": {"schema": schema}}, **others}


def either(
    schema: Mapping[str, Any], description: str, *others: str, headers: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An answer in JSON, or in one of the others for those who ask for it."""
    content: dict[str, Any] = {"application/json": {"schema": schema}} | {o: {} for o in others}
    return {"description": description, "content": content} | ({"headers": headers} if headers else {})


def errors(*codes: str) -> dict[str, Any]:
    return {code: {"$ref": f"#/components/responses/{code}"} for code in sorted({*codes})}


def read(
    summary: str, schema: Mapping[str, Any], *others: str, headers: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What answers GET."""
    answer = either(schema, summary, *others, headers=headers)
    return {"summary": summary, "responses": {"200": answer} | errors(*ANYWHERE)}


def ready(summary: str) -> dict[str, Any]:
    """The same, for what is either ready or not."""
    unready = {"503": said({"anyOf": [ref("Ready"), ref("Error")]}, summary, headers=refused("503"))}
    return {"summary": summary, "responses": {"200": said(ref("Ready"), summary)} | errors(*ANYWHERE) | unready}


def body(schema: Mapping[str, Any], *others: str, **more: Any) -> dict[str, Any]:
    """A request in JSON, or in one of the others."""
    return {"required": True, "content": {"application/json": {"schema": schema, **more}} | {o: {} for o in others}}


def responses() -> dict[str, Any]:
    """The refusals, each once."""
    return {code: said(ref("Error"), words, headers=refused(code)) for code, words in _ERRORS.items()}
