"""OpenLineage: the judges are its own schemas and its own Python classes."""

import json
import uuid
from pathlib import Path

import attr
import pytest
from jsonschema import Draft202012Validator
from openlineage.client.event_v2 import RunEvent
from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality
from openlineage.client.facet_v2 import schema_dataset
from referencing import Registry, Resource
from tests.notify.conftest import receiver, until

from arkwright.api.talking import telling
from arkwright.core.nouns import Run
from arkwright.core.settings import Lineage
from arkwright.notify import state
from arkwright.notify.failed import Failed
from arkwright.notify.openlineage import Lines, run_event

__all__ = ["receiver"]
SCHEMAS = [json.loads(path.read_text()) for path in (Path(__file__).parents[1] / "notify/openlineage").glob("*.json")]
KNOWN = Registry().with_resources((schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS)


def events(at):
    return [run_event(at.site.ledger, event, "shops", "urn:x") for event in at.site.ledger.find(Run.KIND)]


def check(event):
    """Against the schema of the event, and of each facet in it as it names it."""
    Draft202012Validator({"$ref": event["schemaURL"]}, registry=KNOWN).validate(event)
    places = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    for place in places:
        for name in ("facets", "inputFacets", "outputFacets"):
            for facet in place.get(name, {}).values():
                Draft202012Validator({"$ref": facet["_schemaURL"]}, registry=KNOWN).validate(facet)


def test_a_run_that_was_walked(at):
    start, end = events(at)
    for event in (start, end):
        check(event)
        uuid.UUID(event["run"]["runId"])
        assert event["job"]["name"] == "shop"
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"]
    (buyers,) = end["inputs"]
    assert (buyers["namespace"], buyers["name"]) == ("shops", "dataset:buyers")
    assert [field["name"] for field in buyers["facets"]["schema"]["fields"]] == [
        "id",
        "country",
        "spent",
        "age",
        "again",
    ]
    assertions = buyers["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(one["assertion"], one["name"], one["success"]) for one in assertions] == [
        ("rows", "rows >= 100", True),
        ("duplicates", "duplicates(key) == 0", True),
    ]
    made = {one["name"]: one for one in end["outputs"]}
    assert len(made) == len(end["outputs"])  # as a receiver tells them apart
    assert set(made) == {"dataset:visits", "model:buys", "release:buys"}
    assert made["dataset:visits"]["outputFacets"]["outputStatistics"]["rowCount"] == 400
    assert "roc_auc" in json.dumps(made["model:buys"]["facets"]["dataQualityAssertions"])


def test_the_clients_own_classes_take_it(at):
    _, end = events(at)
    assert {field.name for field in attr.fields(RunEvent)} >= set(end) - {"schemaURL"}
    facet = end["inputs"][0]["inputFacets"]["dataQualityAssertions"]
    made = quality.DataQualityAssertionsDatasetFacet([quality.Assertion(**one) for one in facet["assertions"]])
    assert made._get_schema() == facet["_schemaURL"]
    for field in end["inputs"][0]["facets"]["schema"]["fields"]:
        schema_dataset.SchemaDatasetFacetFields(**field)


def test_a_run_that_failed_says_why(at):
    at.shop.edit("arkwright.toml", "rows >= 100", "rows >= 1000")
    assert at.run().problem
    end = events(at)[-1]
    check(end)
    assert end["eventType"] == "FAIL"
    assert "rows >= 1000 is broken" in end["run"]["facets"]["errorMessage"]["message"]
    broken = [one["success"] for one in end["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]]
    assert False in broken


def test_it_is_sent_with_its_key(at, receiver, monkeypatch):
    monkeypatch.setenv("ARKWRIGHT_OPENLINEAGE_KEY", "rare")
    lines = Lines(at.site.ledger, Lineage(to=f"{receiver.url}/api/v1/lineage"), at.site.folder, "urn:x")
    for event in at.site.ledger.find():
        for part in lines.parts(event):
            part.send()
    requests = receiver.at("/api/v1/lineage")
    assert [json.loads(body)["eventType"] for _, body in requests] == ["START", "COMPLETE"]
    assert requests[0][0]["Authorization"] == "Bearer rare"
    receiver.answers["/api/v1/lineage"] = 503
    with pytest.raises(Failed, match="answered 503"):
        part.send()


def test_it_is_written_while_runs_are_made(at):
    (at.site.folder / "site.toml").write_text('[openlineage]\nto = "lineage.jsonl"\nnamespace = "shops"\n')
    state.begin(at.site.vault, "openlineage", 0)
    path = at.site.folder / "lineage.jsonl"
    with telling.outbox(at.site, str):
        end = int(at.site.ledger.head().partition(":")[0])
        until(lambda: state.get(at.site.vault, "openlineage").place >= end)
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["eventType"] for one in found] == ["START", "COMPLETE"]
    for one in found:
        check(one)
    lines = Lines(at.site.ledger, Lineage(to="no/such/folder"), at.site.folder, "urn:x")
    with pytest.raises(Failed, match="folder cannot be written: no such file"):
        lines.parts(next(at.site.ledger.find(Run.KIND)))[0].send()
