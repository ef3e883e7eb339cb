"""Path tricks in every field of every form that the pages show, and in every field of every route of the document.

The forms are those of the rendered pages: whoever follows their links as an owner finds them.
"""

import asyncio
import json
import re
from functools import partial
from html.parser import HTMLParser
from urllib.parse import quote, urlencode, urlsplit

import pytest
from starlette.routing import Match
from tests.web.furnished import furnished
from tests.web.test_tricks import CANARY, elsewhere, tell

from arkwright.api.endpoints import rollout
from arkwright.api.verbs import VERBS
from arkwright.core.nouns import Actor
from arkwright.mlflow import openapi as mlflow
from arkwright.rest import openapi

DOCUMENT = openapi.document([(mlflow.TAG, mlflow.paths)])
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WORST = (
    "../../etc/passwd", "%2e%2e/", "..%2f..%2fetc%2fpasswd", "..\\..\\x", "C:\\x", "/etc/passwd", "file:///etc",
    "mlflow-artifacts:../", "x\0", "x\ny", "\uff0e\uff0e/x", "\u202ex", "CON ", "x" * 10_000, "{canary}",
)  # fmt: skip
# where a trick is refused, whatever else the form says: what names a thing on record, a role or a place
NAMES = {"release", "endpoint", "about", "run", "dataset", "role", "thread", "comment", "id", "name", "mark", "where"}


class Forms(HTMLParser):
    """What a page links to, and its forms: (method, action, fields with what they say at first)."""

    def __init__(self, path):
        super().__init__()
        self.path, self.links, self.forms, self._select, self._said = path, set(), [], "", False

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        for name in ("href", "hx-get"):
            if given.get(name, "").startswith("/"):
                self.links.add(given[name].partition("#")[0])
        if tag == "form":
            self.forms.append(((given.get("method") or "get").upper(), given.get("action") or self.path, {}))
        if not self.forms:
            return
        fields, name = self.forms[-1][2], given.get("name")
        if tag in ("input", "textarea", "button") and name:
            fields.setdefault(name, given.get("value") or "")
        if tag == "select" and name:
            self._select = name
            fields.setdefault(name, "")
        self._said = tag == "option" and self._select and ("selected" in given or not fields.get(self._select))
        if self._said and "value" in given:
            fields[self._select], self._said = given["value"] or "", False

    def handle_data(self, data):
        if self._said and self.forms:  # an option says by its text what it has no value for
            self.forms[-1][2][self._select], self._said = data.strip(), False

    def handle_endtag(self, tag):
        if tag == "select":
            self._select = ""


@pytest.fixture(scope="module")
def room(walked, tmp_path_factory, shop_at):
    outside = tmp_path_factory.mktemp("outside") / ("x" * 60)
    outside.mkdir()
    (outside / "canary").write_text(CANARY)
    door = furnished(walked, shop_at(outside / "project"))
    door.outside, door.folder = outside, outside / "project"
    door.canary = outside.with_name("link") / "canary"  # spelt otherwise: what was sent may be kept, and shown
    door.canary.parent.symlink_to(outside)
    door.site.denied.write = lambda: None
    return door


def route_of(door, method, path):
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    return next((route.path for route in door.app.routes if route.matches(scope)[0] == Match.FULL), None)


async def shown(door, begin=("/",), headers=None):
    """Every form that can be come to, one for each route and set of fields."""
    todo, seen, forms = list(begin), set(), {}
    while todo:
        link = todo.pop()
        path = urlsplit(link).path
        answer = await door.asked("GET", link, **(door.me if headers is None else headers), Accept="text/html")
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        found = Forms(path)
        found.feed(answer.body.decode())
        for method, action, fields in found.forms:
            key = method, route_of(door, method, urlsplit(action).path), frozenset(fields)
            forms.setdefault(key, (method, action, fields))
        for one in sorted(found.links):  # of each kind of page a few
            kind = route_of(door, "GET", urlsplit(one).path)
            if kind and one not in seen and sum(k == kind for _, k in seen_kinds(door, seen)) < 6:
                seen.add(one)
                todo.append(one)
    return forms


def seen_kinds(door, seen):
    return [(one, route_of(door, "GET", urlsplit(one).path)) for one in seen]


SECRET = {"password", "old", "new"}  # no names: whatever is typed there is hashed
NO_FORM = {  # what is shown only where a provider is known or something was given up, and takes no word but a password;
    # and what one is told by mail, where mail is sent, which is one of three words
    "/account/link", "/account/unlink", "/webhooks/{name}/again", "/account/mail",
}  # fmt: skip


@pytest.fixture(scope="module")
def forms(room):
    """As an owner finds them, before and after something was stopped and refused; and as who is not known yet."""
    owner = room.actor("owner")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rollout, "back", lambda _, now, *__: now)  # as if it had answered with something else before
        found = asyncio.run(shown(room))
    cleo = Actor(name="cleo", proven=True, rights=owner.rights, signs=("operations",))
    room.do(VERBS["refuse"].function, cleo, release="buys", reason="not yet")
    room.do(VERBS["stop"].function, owner, endpoint="buys", reason="it guesses")
    found |= asyncio.run(shown(room))
    invited = room.do(VERBS["invite"].function, owner, name="dana").secret
    found |= asyncio.run(shown(room, ("/login", f"/join/{invited}"), {}))
    return {
        (method, path): [one for (m, p, _), one in found.items() if (m, p) == (method, path)]
        for method, path, _ in found
    }


def test_every_form_is_met(room, forms):
    """All that people can send: whatever answers POST, and is told to no program, stands in a form."""
    of_programs = set(DOCUMENT["paths"])
    acts = {route.path for route in room.app.routes if "POST" in getattr(route, "methods", ())}
    acts -= {path for path in acts if re.sub(r":\w+}", "}", path) in of_programs}
    assert acts - {path for method, path in forms if method == "POST"} <= NO_FORM


def test_in_every_field_of_every_form(room, forms, caplog):
    before = elsewhere(room)
    count = asyncio.run(every_field(room, forms))
    assert count > 1200
    assert elsewhere(room) == before
    assert not [record for record in caplog.records if record.exc_info], caplog.text


async def every_field(door, forms):
    count = 0
    for (method, path), same in forms.items():
        done = set()
        for _, action, fields in same:
            for field in sorted(fields.keys() - SECRET - done):
                done.add(field)
                for trick in WORST:
                    await trick_in(door, method, path, action.partition("#")[0], {**fields, field: trick}, field)
                    count += 1
    return count


async def trick_in(door, method, path, action, fields, field):
    fields[field] = fields[field].replace("{canary}", str(door.canary))
    said, me = (path, field, fields[field]), {} if path == "/login" else door.me
    if method == "GET":
        answer = await door.asked("GET", f"{action}?{urlencode(fields)}", **me)
    else:
        answer = await door.asked("POST", action, urlencode(fields).encode(), **me, **FORM)
    text = tell(door, answer, said)
    assert answer.status not in (401, 405) or path == "/login", (said, answer.status)
    if method == "POST" and field in NAMES and path != "/live/again":  # a job finds it out
        assert answer.status >= 400, (said, answer.status)
    return text


PLACES = {"path", "artifact_location", "source", "artifact_directory_path", "run_id", "run_uuid", "model_id", "version"}


def logged(door):
    """Something of everything that MLflow's clients log: what the other words of a request can truly say."""

    def said(path, **words):
        headers = {**door.bearer("owner"), "Content-Type": "application/json"}
        answer = door.ask("POST", f"/api/2.0/mlflow/{path}", json.dumps(words).encode(), **headers)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    experiment = said("experiments/create", name="wool")["experiment_id"]
    run = said("runs/create", experiment_id=experiment)["run"]["info"]
    place = f"/api/2.0/mlflow-artifacts/artifacts/{run['artifact_uri'].removeprefix('mlflow-artifacts:/')}/model/file"
    assert door.ask("PUT", place, b"wool", **door.bearer("owner")).status == 200
    said("registered-models/create", name="wool")
    said("model-versions/create", name="wool", source=f"runs:/{run['run_id']}/model", run_id=run["run_id"])
    model = said("logged-models", experiment_id=experiment, name="wool")["model"]["info"]["model_id"]
    return {
        "experiment_id": experiment, "experiment_ids": [experiment], "run_id": run["run_id"],
        "run_ids": [run["run_id"]],
        "model": model, "model_id": model, "name": "wool", "version": "1", "key": "k", "value": 1.0, "timestamp": 1,
        "source": f"runs:/{run['run_id']}/model", "metric_key": "k", "alias": "a", "new_name": "other", "stage": "None",
    }  # fmt: skip


def fields():
    """(method, path, where it is said, its name, how it is said, the words beside it).

    Every text of every route but the verbs, which have a test of their own with words that fit.
    """
    for path, each in DOCUMENT["paths"].items():
        for method, said in each.items():
            if "verbs" in said["tags"]:
                continue
            for one in said.get("parameters", ()):
                if one["schema"].get("type") != "integer":
                    beside = {other["name"] for other in said["parameters"] if other["in"] == "query"}
                    yield method.upper(), path, one["in"], one["name"], partial(dict_of, one["name"]), beside
            content = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for name, put in texts(content):
                yield method.upper(), path, "body", name, put, set(content.get("properties", ()))


def dict_of(name, value):
    return {name: value}


def texts(schema):
    """(name, how to say a text under it) for every text in what a body may be; lists with one in them."""
    schema = schema.get("oneOf", [schema])[0]
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for name, inner in schema.get("properties", {}).items():
        kind = inner.get("anyOf", [inner])[0]
        if kind.get("type") == "string" or kind.get("type") == ["boolean", "integer", "number", "string"]:
            yield name, lambda trick, name=name: {name: trick}
        elif kind.get("type") == "array" and kind.get("items", {}).get("type") == "string":
            yield name, lambda trick, name=name: {name: [trick]}
        elif kind.get("type") == "array":
            for below, put in texts(kind.get("items", {})):
                yield below, lambda trick, name=name, put=put: {name: [{"value": 1, "timestamp": 1, **put(trick)}]}
        elif "$ref" in kind:
            for below, put in texts(kind):
                yield below, lambda trick, name=name, put=put: {name: put(trick)}


def test_in_every_text_of_every_route(room, caplog):
    before = elsewhere(room)
    count = asyncio.run(every_text(room, logged(room)))
    assert count > 1200
    assert elsewhere(room) == before
    assert not [record for record in caplog.records if record.exc_info], caplog.text


async def every_text(door, true):
    count, accepted, bearer = 0, 0, door.bearer("owner")
    for method, path, where, name, put, beside in fields():
        words = {word: value for word, value in true.items() if word in beside and "mlflow" in path}
        words.pop({"run_uuid": "run_id", "run_id": "run_ids"}.get(name, ""), None)  # two ways to say one thing
        for trick in WORST:
            text = trick.replace("{canary}", str(door.canary))
            at = path.replace(f"{{{name}}}", quote(text, safe="")) if where == "path" else path
            at = re.sub(r"{(\w+)}", lambda found: str(true.get(found[1], "x")), at)
            given = {**words, **(put(text) if where in ("query", "body") else {})}
            query = f"?{urlencode(given, doseq=True)}" if where == "query" else ""
            headers = {name: text.encode().decode("latin-1")} if where == "header" else {}
            body = json.dumps(given).encode() if method in ("POST", "PATCH", "DELETE") else b""
            kind = {"Content-Type": "application/json"} if body else {}
            answer = await door.asked(method, at + query, body, **bearer, **kind, **headers)
            said = path, name, text
            tell(door, answer, said)
            assert answer.status not in (401, 403), said
            if name in PLACES:
                assert answer.status >= 400 or answer.body.endswith(b'"files":[]}'), (said, answer.body[:200])
            count, accepted = count + 1, accepted + (answer.status == 200)
    assert accepted > count / 20, "most words are free, and were not come to"
    return count
