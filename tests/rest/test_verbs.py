"""REST as programs meet it: every verb, its words, its errors, its tags."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.rest.conftest import up
from tests.walked import copied

from arkwright.api.look import Glance, Shown
from arkwright.core import shapes, versions
from arkwright.core.nouns import Decision, Endpoint, Release


@pytest.fixture(scope="module")
def room(walked, tmp_path_factory, shop_at):
    with up(copied(walked, shop_at(tmp_path_factory.mktemp("room") / "shop"))) as made:
        yield made


def problem(answer):
    told = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["status"] == answer.status
    return told["detail"]


def test_looking(room):
    answer = room.ask("GET", "/api/show", by="vera")
    assert answer.status == 200
    found = shapes.decode(Glance | Shown, answer.json())
    assert [r.ref for r in found.releases] == ["release:buys@1"]
    one = shapes.decode(Glance | Shown, room.ask("GET", "/api/show?reference=buys").json())
    assert (one.noun.ref, room.ask("GET", "/api/show?reference=buys").json()["noun"]["ref"]) == ("release:buys@1",) * 2
    why = room.ask("GET", "/api/why?release=buys").json()
    assert why["judgement"]["passed"] is (not why["judgement"]["missing"])
    assert room.ask("GET", "/api/profile?dataset=visits").json()["rows"] == 400
    for path in ("/api/doctor", "/api/diff?before=buys@1&after=buys@1", "/api/measures?name=roc_auc"):
        assert room.ask("GET", path).status == 200


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/show?refrence=x", "nothing is called 'refrence' here; did you mean \"reference\"?"),
        ("/api/show?reference=a&reference=b", "reference is given twice"),
        ("/api/ledger?last=many", "last: expected"),
        ("/api/ledger?last=0", "last: 0 is none; it goes from 1 up to 10,000"),
        ("/api/ledger?last=99999999999999999999", "last: expected"),
        ("/api/why", "release is missing"),
        ("/api/show?reference=%00", "reference: expected"),
        ("/api/profile?dataset=/etc/passwd", "dataset: expected"),
        ("/api/profile?dataset=..%2f..%2fetc%2fpasswd", "dataset: expected"),
        ("/api/profile?dataset=file:///etc/passwd", "dataset: expected"),
        ("/api/profile?dataset=http://127.0.0.1:1/x.csv", "dataset: expected"),
        ("/api/profile?dataset=buyers.csv", "dataset: expected"),
        ("/api/predictions?endpoint=x&out=/tmp/x", "nothing is called 'out' here"),
        (
            "/api/predictions?endpoint=buys&since=0001-01-01T00:00:00%2B14:00",
            "since: '0001-01-01T00:00:00+14:00' is no time: there",
        ),
        ("/api/runs?since=yesterday", "since: 'yesterday' is no time; write 1h or 7d (so long ago), or a time in UTC"),
        ("/api/measures?limit=0", "limit: expected"),
    ],
)
def test_what_is_wrong_is_told(room, path, told):
    answer = room.ask("GET", path)
    assert (answer.status, problem(answer)[: len(told)]) == (422, told)


@pytest.mark.parametrize(
    ("raw", "status", "told"),
    [
        (b"", 422, "release is missing"),
        (b"[]", 422, "the body has to be one JSON object"),
        (b'{"release": NaN}', 422, "the body is no JSON"),
        (b"[" * 100_000, 422, "the body"),
        (b'{"release": ' + b"[" * 40 + b"]" * 40 + b"}", 422, "the body is nested"),
        (b'{"release": "\xff"}', 422, "the body is no JSON"),
        (b'{"release": "buys", "reson": ""}', 422, "nothing is called 'reson' here; did you mean \"reason\"?"),
        (b'{"release": 7}', 422, "release: expected text, got a whole number"),
        (b'{"release": "bys"}', 404, "no release is called 'bys'; did you mean \"buys\"?"),
        (b'{"release": "../../etc"}', 422, ""),
        (b'{"release": "buys", "role": "operations\\n"}', 422, "role: expected"),
        (b'{"release": "buys", "role": "operations"}', 403, "olga proved no right to sign as operations"),
    ],
)
def test_bad_bodies(room, raw, status, told):
    answer = room.ask("POST", "/api/sign", raw=raw, Content_Type="application/json")
    assert (answer.status, problem(answer)[: len(told)]) == (status, told)


def test_types_methods_and_paths(room):
    assert room.ask("POST", "/api/sign", raw=b"a=b", Content_Type="text/plain").status == 415
    assert room.ask("POST", "/api/sign", raw=b"{}").status == 415
    assert room.ask("GET", "/api/show", Accept="text/csv").status == 406
    assert room.ask("GET", "/api/show", Accept="text/csv;q=1, application/*;q=0.1").status == 200
    answer = room.ask("DELETE", "/api/show")
    assert (answer.status, set(answer.headers["Allow"].split(", "))) == (405, {"GET", "HEAD"})
    problem(answer)
    answer = room.ask("GET", "/api/shwo")
    assert (answer.status, problem(answer)) == (404, 'there is nothing at /api/shwo; did you mean "/api/show"?')
    assert room.ask("GET", "/api/show", by=None).status == 401
    assert room.ask("POST", "/api/promote", {"release": "buys"}, by="carl").status == 403
    for path in ("/api/new", "/api/serve", "/api/predict", "/api/top", "/api/save"):
        assert room.ask("POST", path, {}).status == 404


def test_a_tag_spares_the_answer(room):
    tag = room.ask("GET", "/api/show").headers["ETag"]
    again = room.ask("GET", "/api/show", If_None_Match=f'"other", W/{tag}')
    assert (again.status, again.data) == (304, b"")
    assert room.ask("GET", "/api/show", If_None_Match='"other"').status == 200


def promoted(room):
    """The endpoint answers, whichever test was first."""
    if versions.latest(room.at.site.ledger, Endpoint, "buys") is None:
        for name, role in (("ben", "model-owner"), ("cleo", "operations")):
            assert room.ask("POST", "/api/sign", {"release": "buys@1", "role": role}, by=name).status == 200
        assert room.ask("POST", "/api/promote", {"release": "buys@1"}).status == 200


def all_pages(room, path):
    found = []
    while path:
        answer = room.ask("GET", path)
        found.append(answer.json())
        path = answer.headers.get("Link", "").partition(">")[0][1:]
    return found


def test_lists_come_a_page_at_a_time(room):
    whole = room.ask("GET", "/api/measures?limit=1000").json()
    pages = all_pages(room, "/api/measures?limit=20")
    assert [len(page) for page in pages[:-1]] == [20] * (len(pages) - 1)
    assert [one for page in pages for one in page] == whole
    events = all_pages(room, "/api/ledger?last=7&after=0")
    assert [e["seq"] for page in events for e in page] == list(range(1, 1 + sum(map(len, events))))


def cleos(room):
    release = versions.resolve(room.at.site.ledger, Release, "buys")
    return sum(d.by == "cleo" for d in versions.decisions(room.at.site.ledger, release.digest))


def test_signed_and_promoted_once(room):
    signed = room.ask("POST", "/api/sign", {"release": "buys@1", "role": "model-owner"}, by="ben")
    assert shapes.decode(Decision, signed.json()).by == "ben"
    before = cleos(room)
    key = {"Idempotency_Key": "k-1"}
    body = {"release": "buys@1", "role": "operations", "reason": "fine"}
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(room.ask, "POST", "/api/sign", body, by="cleo", **key) for _ in range(8)]
        answers = [one.result() for one in asked]
    assert {one.status for one in answers} == {200}
    assert len({one.data for one in answers}) == 1
    assert sorted(one.headers.get("Idempotent-Replayed", "") for one in answers) == [""] + ["true"] * 7
    assert cleos(room) == before + 1
    other = room.ask("POST", "/api/sign", body | {"reason": "other"}, by="cleo", **key)
    assert (other.status, problem(other)) == (422, "this Idempotency-Key was used for something else; take another")
    assert room.ask("POST", "/api/sign", body, by="cleo", Idempotency_Key="ä".encode().decode("latin-1")).status == 422
    moved = room.ask("POST", "/api/promote", {"release": "buys@1"})
    assert (moved.status, moved.headers["ETag"]) == (200, '"1"')
    stale = room.ask("POST", "/api/rollback", {"endpoint": "buys"}, If_Match='"7"')
    assert (stale.status, problem(stale)) == (412, "endpoint:buys is at version 1, not 7; look at it and try again")
    assert room.ask("POST", "/api/rollback", {"endpoint": "buys"}, If_Match='"1"').status == 409
    assert room.ask("POST", "/api/rollback", {"endpoint": "buys", "version": 2}, If_Match='"1"').status == 422


def test_a_refusal_is_replayed_too(room):
    key = {"Idempotency_Key": "k-2"}
    first = room.ask("POST", "/api/refuse", {"release": "buys", "reason": ""}, by="ben", **key)
    again = room.ask("POST", "/api/refuse", {"release": "buys", "reason": ""}, by="ben", **key)
    assert (first.status, again.status, first.data) == (422, 422, again.data)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_tables(room):
    path = "/api/predictions?endpoint=buys"
    promoted(room)
    assert room.ask("GET", path).json() == []
    arrow = room.ask("GET", path, Accept="application/vnd.apache.arrow.stream")
    parquet = room.ask("GET", path, Accept="application/vnd.apache.parquet")
    one, two = pa.ipc.open_stream(arrow.data).read_all(), pq.read_table(BytesIO(parquet.data))
    assert (one.num_rows, one.schema) == (0, two.schema)
    assert problem(room.ask("GET", path + "&limit=5000")).startswith("limit: JSON has at most 1000 rows")
    assert room.ask("GET", "/api/predictions?endpoint=x", Accept="application/vnd.apache.parquet").status == 404


def test_places_of_the_server_stay_its_own(room):
    """Whatever goes wrong, no answer tells a path."""
    for path in ("/api/show?reference=nothing", "/api/doctor", "/api/openapi.json", "/api/jobs"):
        assert str(room.at.folder).encode() not in room.ask("GET", path).data


def test_it_is_described(room):
    from openapi_spec_validator import validate

    document = room.ask("GET", "/api/openapi.json").json()
    validate(document)
    for name, schema in document["components"]["schemas"].items():
        if schema.get("type") == "object" and not name.startswith("Mlflow."):  # newer ones of whose clients say more
            assert schema["additionalProperties"] is False, name
    assert json.dumps(document).count('"default"') < 100


def test_a_secret_that_is_shown_once_is_kept_under_its_key_alone(room):
    key = {"Idempotency_Key": "k-3"}
    first = room.ask("POST", "/api/invite", {"name": "dora"}, **key)
    secret = first.json()["secret"]
    assert room.ask("POST", "/api/invite", {"name": "dora"}, **key).json()["secret"] == secret
    kept = b"".join(path.read_bytes() for path in room.at.site.folder.glob("vault.db*"))
    assert b'"k-3"' not in kept
    assert secret.rpartition(".")[2].encode() not in kept


@pytest.mark.parametrize("twice", ['"text":"a","text":"b"', '"text":"a","t\\u0065xt":"b"', '"text":[{"x":1,"x":1}]'])
def test_a_word_that_is_given_twice_is_refused(room, twice):
    before = room.ask("GET", "/api/threads").data
    body = ('{"about":"release:buys@1",' + twice + "}").encode()
    headers = {"Authorization": f"Bearer {room.tokens['carl']}", "Content-Type": "application/json"}
    answer = room.http.request("POST", f"{room.address}/api/discuss", body=body, headers=headers)
    assert answer.status == 422
    assert re.fullmatch("'(text|x)' is given twice in the body", answer.json()["detail"])
    assert room.ask("GET", "/api/threads").data == before


def test_what_can_be_spoken_about_is_told(room):
    answer = room.ask("POST", "/api/discuss", {"about": "nope:churn", "text": "x"})
    for kind in ("release", "tracked", "registered"):
        assert kind in answer.json()["detail"].partition("there is")[2]
