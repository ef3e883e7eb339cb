"""The OpenAPI document and the live router say the same: nothing for programs is left out, nothing is made up."""

import json
import re

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from starlette.routing import Mount
from tests.web.conftest import Door

from arkwright.api.verbs import VERBS
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor
from arkwright.pages import routes as pages
from arkwright.rest import given

LEFT_OUT = {
    "/static": "the pages' own style and scripts",
}  # and the pages, which are for people


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    return Door(tmp_path_factory.mktemp("openapi"))


@pytest.fixture(scope="module")
def document(door):
    answer = door.ask("GET", "/api/openapi.json", **door.bearer("viewer"))
    assert answer.status == 200
    return json.loads(answer.body)


def served(app):
    """(path, method) of every route of the live router that is no page, as the document would spell it."""
    of_people = {route.path for route in pages.routes()}
    for route in app.routes:
        if isinstance(route, Mount) or route.path in of_people:
            assert route.path in LEFT_OUT or route.path in of_people, route.path
            continue
        for method in route.methods - {"HEAD"}:
            yield re.sub(r":\w+}", "}", route.path), method


def test_every_route_for_programs_is_described_and_no_other(door, document):
    described = {(path, method.upper()) for path, said in document["paths"].items() for method in said}
    assert described == set(served(door.app))
    assert len(described) > 120


def test_the_pages_hide_no_route_from_it():
    """What is left out as a page answers people: it lies nowhere that programs are told of."""
    for route in pages.routes():
        told = ("/api/", "/endpoints/{name}/predict/", "/v2/", "/version/", "/health/")
        assert not f"{route.path}/".startswith(told), route.path


def test_it_is_a_description_by_the_rules(document):
    validate(document)
    assert "(?!" not in str(document)  # of which not every engine knows
    named = [said["operationId"] for one in document["paths"].values() for said in one.values()]
    assert len(named) == len(set(named))
    tags = {tag["name"] for tag in document["tags"]}
    assert {tag for one in document["paths"].values() for said in one.values() for tag in said["tags"]} == tags


def test_a_job_that_gave_nothing_answers_as_described(document):
    """An empty list is what several verbs may give, so no one of them has to be told by it."""
    path = document["paths"]["/api/jobs/{id}/answer"]["get"]
    said = path["responses"]["200"]["content"]["application/json"]["schema"]
    OAS31Validator({**said, "components": document["components"]}).validate([])


def test_it_says_which_right_is_needed(door, document):
    rights = {
        (route.path, method): route.right for route in door.app.routes for method in getattr(route, "methods", ())
    }
    for path, said in document["paths"].items():
        for method, operation in said.items():
            if "jobs" in operation["tags"] or "server" in operation["tags"]:
                continue
            (right,) = (right for (at, m), right in rights.items() if m == method.upper() and same(at, path))
            assert f"Needs the right to {right}." in operation["description"], path


def same(route, path):
    return re.sub(r":\w+}", "}", route) == path


def test_every_class_that_mlflow_s_clients_send_is_described(document):
    """A body for whatever acts and takes anything, its fields as the class has them."""
    batch = document["paths"]["/api/2.0/mlflow/runs/log-batch"]["post"]["requestBody"]["content"]["application/json"]
    assert set(batch["schema"]["properties"]) == {"run_id", "run_uuid", "metrics", "params", "tags"}
    found = document["paths"]["/api/2.0/mlflow/runs/search"]["post"]
    assert "requestBody" in found
    for name, said in document["components"]["schemas"].items():
        if name.startswith("Mlflow."):
            assert said["type"] == "object", name
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in document["components"]["schemas"]


def test_verbs_that_stay_here_are_in_no_path(document):
    for name, verb in VERBS.items():
        assert (f"/api/{name}" in document["paths"]) is not bool(verb.here), name


NUMBERS = [
    pytest.param(word, id=f"{name}-{word.name}")
    for name, verb in VERBS.items()
    if not verb.here
    for word in given.words_of(verb).words
    if "int" in str(word.kind) or "float" in str(word.kind)
]


@pytest.mark.parametrize("word", NUMBERS)
def test_numbers_are_described_by_the_bounds_that_are_kept(word):
    """Taken up to the bound, refused beyond it: the description and the door read the same type."""
    words = given.Words((word,))
    schema, _ = given.schema(words)
    said = schema["properties"][word.name]
    (said,) = [one for one in said.get("anyOf", [said]) if one != {"type": "null"}]
    many = said["type"] == "array"
    said = said["items"] if many else said

    def taken(number):
        value = [number] if many else number
        return words.from_json(json.dumps({word.name: value}).encode())[word.name] == value

    whole = "minimum" in said
    least, most = said["minimum" if whole else "exclusiveMinimum"], said["maximum"]
    assert 0 <= least < most < 2**32
    assert taken(most)
    assert taken(least if whole else 1e-9)
    for beyond in (least - 1 if whole else least, most + 1):
        with pytest.raises(Invalid, match=f"^{word.name}.*: (expected|.* is none; it goes)"):
            taken(beyond)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("runs", {"limit": 501}),
        ("runs", {"limit": 0}),
        ("search", {"text": "x", "limit": 501}),
        ("threads", {"limit": 0}),
        ("inbox", {"limit": 501}),
        ("ledger", {"last": 10_001}),
        ("ledger", {"last": 0}),
        ("run", {"seed": 2**32}),
        ("run", {"seed": -1}),
        ("promote", {"release": "buys", "share": 0.0}),
        ("promote", {"release": "buys", "share": 1.1}),
        ("predictions", {"endpoint": "buys", "limit": 0}),
    ],
)
def test_the_verbs_keep_them_too(door, verb, words):
    olga = Actor(name="olga", rights=("look", "talk", "work", "own"), proven=True)
    with pytest.raises(Invalid):
        VERBS[verb].function(door.site, olga, door.site.folder, **words)


def test_mlflows_clients_are_told_theirs(document):
    found = []
    for said in document["paths"].values():
        for one in said.values():
            body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            found += [body["properties"]["max_results"]] if "max_results" in body.get("properties", {}) else []
            found += [given["schema"] for given in one.get("parameters", ()) if given["name"] == "max_results"]
    assert len(found) > 5
    assert all('"minimum": 1' in json.dumps(kind) for kind in found)
