"""Whether an answer is as the server's own OpenAPI document describes it: its status, its content type, its JSON.

Not looked for in the document, but still JSON with an `error`: what answers a path that is in no document (400, 404),
and what refuses bytes that never became a request, where its path is not known. OPTIONS has no body, HEAD only a head.
"""

import gzip
import json
import re
import zlib
from functools import cached_property, lru_cache
from typing import NamedTuple

import jsonschema

from arkwright.serve.wire.http import Connection

ERROR = {
    "type": "object", "required": ["error"], "additionalProperties": False, "properties": {"error": {"type": "string"}},
}  # fmt: skip
NOWHERE = {400, 403, 404, 405, 408, 413, 414, 417, 429, 431, 503, 505}  # to a path of no document, or to none
JSON = "application/json"
EVERYWHERE = {"content-type", "content-length", "connection", "date"}


class Said(NamedTuple):
    """An answer as it went to the socket. `path` is empty where bytes were refused before it was known."""

    method: str
    path: str
    data: bytes


class Overheard(Connection):
    """A connection that notes in `front.heard` what it answers."""

    ears = None  # what is being sent for one request

    def connection_made(self, transport):
        super().connection_made(_Wire(transport, self))

    def _write(self, request, response):
        asked = (request.method, request.path) if request is not None else self._half_read()
        self._overhear(asked, super()._write, request, response)

    def said(self, request, body, headers):
        self._overhear((request.method, request.path), super().said, request, body, headers)

    def _shed(self, head, headers):
        return self._overhear((head.method, head.path), super()._shed, head, headers)

    def _overhear(self, asked, send, *what):
        before, self.ears = self.ears, []
        try:
            return send(*what)
        finally:
            sent, self.ears = b"".join(self.ears), before
            heard = getattr(self._front, "heard", None)  # a server that is no Live notes nothing
            if sent and heard is not None:
                heard.append(Said(*asked, sent))

    def _half_read(self):
        reader = self._reader
        path = reader._url.partition(b"?")[0].decode("latin-1")
        return (reader._parser.get_method().decode(), path) if path else ("", "")


class _Wire:
    def __init__(self, transport, connection):
        self._transport, self._connection = transport, connection

    def write(self, data):
        if self._connection.ears is not None:
            self._connection.ears.append(data)
        self._transport.write(data)

    def __getattr__(self, name):
        return getattr(self._transport, name)


class Described:
    """A document. Its validators are made once for each answer that it describes."""

    def __init__(self, text):
        self._text = text
        self._validators = {}

    @cached_property
    def document(self):
        return json.loads(self._text)

    def check(self, said):
        head, _, body = said.data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status, headers = (
            int(first.split(" ")[1]),
            {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines)},
        )
        kind = headers.get("content-type", "").partition(";")[0]
        where = f"{said.method} {said.path[:80]} -> {status} {kind!r}"
        if said.method == "OPTIONS" and status == 200:
            assert (kind, body, "allow" in headers) == ("", b"", True), where
            return
        answer = self._answer(said, status, where)
        content = answer.get("content", {"": {}})
        self._check_headers(answer.get("headers", {}), headers, where)
        assert kind in content, f"{where} is not described, only {list(content)}"
        assert not (status == 405 and "allow" not in headers), where
        if kind != JSON or said.method == "HEAD":
            return
        coding = headers.get("content-encoding")
        body = gzip.decompress(body) if coding == "gzip" else zlib.decompress(body) if coding else body
        value = json.loads(body, parse_constant=_no_number)
        error = next(self._validator(content[kind].get("schema", {})).iter_errors(value), None)
        assert error is None, f"{where}: {error}"

    def _check_headers(self, known, headers, where):
        """Every header of an answer is described, but those of every message; those that are always there are."""
        known = {name.lower(): self._found(one) for name, one in known.items()}
        assert headers.keys() - EVERYWHERE <= known.keys(), f"{where}: {headers.keys()}, described are {list(known)}"
        assert not {name for name, one in known.items() if one["required"]} - headers.keys(), where
        for name in headers.keys() & known.keys():
            schema = known[name]["schema"]
            value = int(headers[name]) if schema.get("type") == "integer" else headers[name]
            assert self._validator(schema).is_valid(value), f"{where}: {name} is {value}"

    def _found(self, one):
        """What a reference means."""
        if "$ref" in one:
            _, _, kind, name = one["$ref"].split("/")
            return self.document["components"][kind][name]
        return one

    def _answer(self, said, status, where):
        """What is described for this answer."""
        item = self.item(said.path)
        if item is None:
            assert status in NOWHERE, f"{where}, and the path is not described"
            return self._nowhere(status)
        method = {"HEAD": "get"}.get(said.method, said.method.lower())
        operation = item.get(method)
        if operation is None:
            assert status in NOWHERE, where
            return self._nowhere(status)
        assert str(status) in operation["responses"], f"{where}: this status is not described"
        return self._found(operation["responses"][str(status)])

    def _nowhere(self, status):
        return self.document["components"]["responses"][str(status)] | {"content": {JSON: {"schema": ERROR}}}

    def item(self, path):
        """What is described for a path, also for one with a name in it."""
        paths = self.document["paths"]
        return paths.get(path) or next((i for each, i in paths.items() if _pattern(each).fullmatch(path)), None)

    def _validator(self, schema):
        key = json.dumps(schema)
        if key not in self._validators:
            whole = schema | {"components": self.document["components"]}
            self._validators[key] = jsonschema.Draft202012Validator(whole)
        return self._validators[key]


def _no_number(word):
    raise AssertionError(word)


@lru_cache(1024)
def _pattern(path):
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))


described = lru_cache(64)(Described)
