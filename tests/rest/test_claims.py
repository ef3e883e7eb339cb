"""What the OpenAPI document claims of a route, the route does: pages, tags, keys, versions, errors.

The routes are those of the document, which another test holds against the live router.
"""

import json
import re
from urllib.parse import urlencode

import pytest
from starlette.routing import Route
from tests.web.furnished import DONE, HOOK, WAITS, WHERE, furnished

from arkwright.api.endpoints import rollout
from arkwright.api.jobs import jobs
from arkwright.core import record, versions
from arkwright.mlflow import openapi as mlflow
from arkwright.rest import openapi

DOCUMENT = openapi.document([(mlflow.TAG, mlflow.paths)])
ROUTES = [(path, method.upper(), said) for path, each in DOCUMENT["paths"].items() for method, said in each.items()]
ASKED = {
    "profile": {"dataset": "visits"}, "diff": {"before": "buys@1", "after": "buys@1"},
    "quarantine": {"dataset": "visits"}, "compare": {"runs": ["shop@1", "shop@2"]}, "search": {"text": "buys"},
    "live": {"endpoint": "buys"}, "patch": {"proposal": 1}, "why": {"release": "buys"},
    "predictions": {"endpoint": "buys"},
}  # fmt: skip
SAID = {
    "check": {}, "run": {}, "again": {}, "reproduce": {"endpoint": "buys", "id": "mine"},
    "discuss": {"text": "Good?", "about": "release:buys"}, "amend": {"comment": 1, "text": "Is it good?"},
    "answer": {"comment": 2}, "follow": {"about": "run:shop@1"}, "seen": {"upto": 1},
    "propose": {"where": WHERE, "promise": "recall >= 0.3", "reason": "so"},
    "review": {"proposal": 2, "accept": False, "reason": "no"},
    "sign": {"release": "buys", "role": "operations"},
    "refuse": {"release": "buys", "role": "operations", "reason": "no"},
    "promote": {"release": "buys"}, "stop": {"endpoint": "buys", "reason": "it guesses"},
    "resume": {"endpoint": "buys"}, "rollback": {"endpoint": "buys"},
    "label": {"endpoint": "buys", "labels": [{"id": "mine", "label": 1}]},
    "invite": {"name": "dora"}, "role": {"name": "vic", "role": "viewer", "reason": "so"},
    "webhook": {"name": "third", "url": HOOK}, "unhook": {"name": "second"},
    "unlink": {"name": "vic", "reason": "so"}, "mail": {}, "token": {},
    "end": {"id": "0"}, "stop_job": {}, "watch": {},
    "rehearse-watch": {"about": "buys"}, "ignore": {"advisory": "CVE-2026-0001", "lasts": "30d", "reason": "so"},
}  # fmt: skip
BEFORE = {"sign": ["refuse"], "promote": ["sign"], "resume": ["sign", "stop"]}  # what has to be said before it
REFUSED = {"rollback": 409, "mail": 409, "end": 404}  # which the rules do not allow here; a refusal is kept as well


@pytest.fixture(scope="module")
def door(walked, tmp_path_factory, shop_at):
    made = furnished(walked, shop_at(tmp_path_factory.mktemp("claims") / "shop"))
    made.furnished = record.now()
    return made


def name_of(route):
    return route[2]["operationId"]


def which(holds):
    found = [route for route in ROUTES if holds(*route)]
    return pytest.mark.parametrize("route", found, ids=map(name_of, found))


def words_of(said):
    return {one["name"] for one in said.get("parameters", ())}


def headers_of(said):
    return said["responses"].get("200", {}).get("headers", {})


def looked(door, route, headers=None, **words):
    path, method, said = route
    asked = {**ASKED.get(said["operationId"], {}), **words}
    if said["operationId"] == "live":
        asked["at"] = door.furnished
    path = path.replace("{id}", DONE)
    return door.ask(method, f"{path}?{urlencode(asked, doseq=True)}" if asked else path, **door.me, **(headers or {}))


def acted(door, route, body=None, **headers):
    path, method, said = route
    headers = {**door.me, "Content-Type": "application/json", **headers}
    raw = json.dumps(SAID[said["operationId"]] if body is None else body).encode()
    return door.ask(
        method, path.replace("{id}", WAITS), raw, **{**door.me, "Content-Type": "application/json", **headers}
    )


@which(lambda _, __, said: "Link" in headers_of(said))
def test_lists_come_in_pages_and_link_to_the_next(door, route):
    part = "last" if "last" in words_of(route[2]) else "limit"
    whole = json.loads(looked(door, route, **{part: 1000, **({"after": 0} if part == "last" else {})}).body)
    assert len(whole) > 1, "one page says nothing of pages"
    found, answer = [], looked(door, route, **{part: 1, "after": 0})
    for _ in whole:
        (one,) = json.loads(answer.body)
        found.append(one)
        link = re.fullmatch(r'<(/[^>]+)>; rel="next"', answer.headers.get("link", ""))
        if link is None:
            break
        answer = door.ask("GET", link[1], **door.me)
        assert answer.status == 200
    moving = {"seen"}  # of the session that asks
    assert [without(one, moving) for one in found] == [without(one, moving) for one in whole]
    assert link is None or json.loads(answer.body) == []
    for wrong in ({part: 0}, {part: 10**6}, {part: "x"}, {"after": "x"}):
        assert looked(door, route, **wrong).status == 422, wrong


def without(one, names):
    return {name: value for name, value in one.items() if name not in names}


@which(
    lambda _, method, said: (
        method == "GET"
        and {"limit", "last"} & words_of(said)
        and "Link" not in headers_of(said)
        and "mlflow" not in said["tags"]
    )
)
def test_what_has_no_link_says_what_is_next_itself(door, route):
    """`next` goes back as `after`, or as `before` where the newest is first; tables are asked for whole."""
    if name_of(route) == "predictions":
        return
    word = "after" if "after" in words_of(route[2]) else "before"
    items = "notices" if name_of(route) == "inbox" else "items"
    whole = json.loads(looked(door, route, limit=50).body)
    found, answer = [], json.loads(looked(door, route, limit=1).body)
    while True:
        found += answer[items]
        if not answer["next"]:
            break
        answer = json.loads(looked(door, route, limit=1, **{word: answer["next"]}).body)
        assert len(answer[items]) <= 1
    assert found == whole[items]
    assert len(found) > 1 or name_of(route) == "quarantine"  # which is empty here, and paged in a test of its own
    assert looked(door, route, limit=0).status == 422


@which(lambda _, method, said: method == "GET" and "ETag" in headers_of(said))
def test_a_tag_spares_the_answer(door, route):
    assert "304" in route[2]["responses"]
    answer = looked(door, route)
    assert answer.status == 200, answer.body
    tag = answer.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = looked(door, route, {"If-None-Match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), known
    assert looked(door, route, {"If-None-Match": '"other"'}).status == 200
    assert "no-cache" in answer.headers["cache-control"]


@which(lambda _, __, said: "Idempotency-Key" in words_of(said))
def test_under_a_key_it_is_done_once(door, route):
    name = name_of(route)
    prepared(door, name)
    key = {"Idempotency-Key": f"once-{name}"}
    first = acted(door, route, **key)
    assert first.status == REFUSED.get(name, 202 if "202" in route[2]["responses"] else 200), first.body
    assert "idempotent-replayed" not in first.headers
    before = standing(door)
    again = acted(door, route, **key)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert standing(door) == before
    if name != "stop_job" and SAID[name]:
        other = acted(door, route, {**SAID[name], **changed(SAID[name])}, **key)
        assert (other.status, problem(other)["title"]) == (422, "Invalid")
        assert "take another" in problem(other)["detail"]
    for wrong in ("", "x" * 256, "a b", "ä"):
        assert acted(door, route, **{"Idempotency-Key": wrong}).status == 422
    if first.status == 202:  # eight may wait
        door.site.vault.remove(jobs.KIND, json.loads(first.body)["id"])


def standing(door):
    kinds = (jobs.KIND, "token", "invite", "webhook")
    return door.site.ledger.head(), [len(list(door.site.vault.find(kind))) for kind in kinds]


def prepared(door, name):
    for verb in BEFORE.get(name, ()):
        acted(door, next(one for one in ROUTES if name_of(one) == verb))


def changed(words):
    """Something else, by one word that takes text or a number."""
    name, value = next((name, value) for name, value in words.items() if not isinstance(value, bool | list))
    return {name: value + 1 if isinstance(value, int) else f"{value}-2"}


@which(lambda _, __, said: "If-Match" in words_of(said))
def test_it_moves_only_from_the_version_that_is_meant(door, route):
    assert "ETag" in headers_of(route[2])
    assert "412" in route[2]["responses"]
    prepared(door, name_of(route))
    stale = acted(door, route, **{"If-Match": '"77777"'})
    assert (stale.status, problem(stale)["title"]) == (412, "Outdated")
    for wrong in ("77777", '"x"', '"0"', '"1", "2"', 'W/"1"'):
        assert acted(door, route, **{"If-Match": wrong}).status == 422, wrong
    now = versions.latest(door.site.ledger, rollout.Endpoint, "buys").version
    moved = acted(door, route, **{"If-Match": f'"{now}"'})
    assert moved.status in (200, 409)
    if moved.status == 200:
        assert moved.headers["etag"] == f'"{json.loads(moved.body)["version"]}"'


def problem(answer):
    """What RFC 9457 asks of it."""
    assert answer.headers["content-type"] == "application/problem+json"
    told = json.loads(answer.body)
    assert set(told) == {"type", "title", "status", "detail"}
    assert told["status"] == answer.status
    assert told["detail"]
    assert "\n" not in told["detail"]
    return told


def told(answer, route):
    """The error, in the words in which this route has to tell it."""
    said = route[2]
    code = str(answer.status)
    told = said["responses"].get(code) or said["responses"][f"{code[0]}XX"]
    while "$ref" in told:
        told = DOCUMENT["components"]["responses"][told["$ref"].rpartition("/")[2]]
    kind = answer.headers["content-type"]
    assert kind in told["content"], (code, kind)
    if kind == "application/problem+json":
        return problem(answer)
    words = json.loads(answer.body)
    assert set(words) == ({"error_code", "message"} if "mlflow" in said["tags"] else {"error"})
    return words


@which(lambda _, __, said: said.get("security") != [])
def test_errors_are_told_as_the_document_says(door, route):
    path, method, _ = route
    path = re.sub(r"{\w+}", "nothing", path)
    bearer, json_ = door.bearer("owner"), {"Content-Type": "application/json"}
    nobody = door.ask(method, path)
    assert nobody.status == 401
    assert told(nobody, route)
    assert nobody.headers["www-authenticate"].startswith("Bearer")
    asked = [
        door.ask(method, path, **bearer, Authorization_="x", Host="evil.example"),
        door.ask(method, f"{path}?nothing=1", **bearer),
        door.ask(method, path, b"{", **bearer, **json_),
        door.ask(method, path, b"{}", **bearer, Content_Type="text/csv"),
        door.ask(method, path, **bearer, Accept="text/csv"),
        door.ask(method, path, b" " * ((1 << 20) + 1), **bearer, **json_),
    ]
    refused = [answer for answer in asked if answer.status >= 400]
    assert asked[0].status == 403
    assert refused
    for answer in refused:
        assert answer.status != 500
        told(answer, route)


def test_another_method_is_refused_with_those_that_there_are(door):
    """At every path of the live router, the pages' too."""
    paths = {}
    for route in door.app.routes:
        if isinstance(route, Route):
            paths.setdefault(re.sub(r"{[^}]*}", "x", route.path), set()).update(route.methods)
    shared = 0
    for path, methods in paths.items():
        for method in sorted({"GET", "PUT", "TRACE"} - methods):
            answer = door.ask(method, path, **door.bearer("owner"))
            if answer.status != 405:  # more variables match it, in another route
                assert answer.status != 500
                continue
            found = set(answer.headers["allow"].split(", "))
            assert method not in found, (method, path)
            assert found >= methods, (method, path)
            shared += len(found) > 2
    assert shared > 10


def test_what_was_tried_here_is_all_that_is_claimed():
    """So that none of these goes by without a route."""
    assert {name_of(route) for route in ROUTES if "Idempotency-Key" in words_of(route[2])} == set(SAID)
    assert sum("If-Match" in words_of(said) for _, _, said in ROUTES) == 4
    assert sum("Link" in headers_of(said) for _, _, said in ROUTES) > 9
    assert sum("ETag" in headers_of(said) for _, _, said in ROUTES) > 25
