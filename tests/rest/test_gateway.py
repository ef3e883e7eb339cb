"""The endpoints through the control room, as programs ask them."""

import json
import os
import signal
import time
from pathlib import Path
from urllib.parse import quote

import jsonschema
import pytest
from tests.rest.conftest import up
from tests.walked import copied
from tests.web.test_tricks import TRICKS

from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Release
from arkwright.rest import gateway
from arkwright.web import problems

ROW = {"country": "DE", "spent": 90.5, "age": None}


@pytest.fixture(scope="module")
def room(walked, tmp_path_factory, shop_at):
    with up(copied(walked, shop_at(tmp_path_factory.mktemp("room") / "shop"))) as made:
        sign(made)
        promote(made)
        yield made


def sign(room, release="buys"):
    for name, role in (("ben", "model-owner"), ("cleo", "operations")):
        answer = room.ask("POST", "/api/sign", {"release": release, "role": role}, by=name)
        assert answer.status == 200, answer.data


def promote(room, **words):
    answer = room.ask("POST", "/api/promote", {"release": "buys", **words})
    assert answer.status == 200, answer.data
    ready(room)


def ready(room, seconds=15):
    end = time.monotonic() + seconds
    while True:
        if room.ask("GET", "/health", by=None).status == 200 and predict(room).status == 200:
            return
        assert time.monotonic() < end, (room.ask("GET", "/health", by=None).data, predict(room).data)
        time.sleep(0.05)


def predict(room, row=ROW, **words):
    return room.ask("POST", "/endpoints/buys/predict", row, **words)


def problem(answer):
    told = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["status"] == answer.status
    return told["detail"]


def test_a_prediction(room):
    answer = predict(room, by="vera", X_Request_Id="mine-1")
    assert answer.status == 200, answer.data
    assert answer.json()["prediction"]["label"] == 1
    assert answer.headers["X-Request-Id"] == "mine-1"
    given = predict(room).headers["X-Request-Id"]
    assert logged(room, given)["caller"] == "olga"


def test_any_text_is_a_key_and_the_document_says_so(room):
    asked = room.ask("GET", "/api/openapi.json").json()["paths"]["/endpoints/{name}/predict"]["post"]["parameters"]
    (schema,) = (one["schema"] for one in asked if one["name"] == "Arkwright-Key")
    for key in ("customer-17", "two words", "x" * 300):
        assert predict(room, Arkwright_Key=key).status == 200
        jsonschema.validate(key, schema)


def test_who_may_ask(room):
    assert predict(room, by=None).status == 401
    for name in ("vera", "carl", "olga"):
        assert predict(room, by=name).status == 200
    labels = {"id": "mine-1", "label": True}
    assert room.ask("POST", "/endpoints/buys/labels", labels, by="vera").status == 403
    assert room.ask("GET", "/v2/models/buys", by=None).status == 401


def test_the_proven_caller_is_logged_and_no_other(room):
    assert predict(room, by="vera", X_Request_Id="hers", Arkwright_Caller="olga").status == 200
    found = logged(room, "hers")
    assert found["caller"] == "vera"


def logged(room, name):
    end = time.monotonic() + 60
    while True:
        rows = room.ask("GET", "/api/predictions?endpoint=buys").json()
        found = [row for row in rows if row["id"] == name]
        if found:
            return found[0]
        assert time.monotonic() < end, rows
        time.sleep(0.1)


def test_labels(room):
    assert predict(room, X_Request_Id="labelled").status == 200
    answer = room.ask("POST", "/endpoints/buys/labels", {"id": "labelled", "label": 1}, by="carl")
    assert (answer.status, answer.json()) == (200, {"labels": 1})


def test_many_rows_and_the_protocol(room):
    answer = predict(room, [ROW] * 5000)
    assert len(answer.json()["predictions"]) == 5000
    described = room.ask("GET", "/v2/models/buys").json()
    assert described["name"] == "buys"
    inputs = [
        {"name": one["name"], "datatype": one["datatype"], "shape": [1, *one["shape"][1:]], "data": [0]}
        for one in described["inputs"]
    ]
    for one in inputs:
        if one["datatype"] == "BYTES":
            one["data"] = ["DE"]
        size = 1
        for part in one["shape"]:
            size *= part
        one["data"] = one["data"] * size
    for path in ("/v2/models/buys/infer", f"/v2/models/buys/versions/{described['versions'][0]}/infer"):
        answer = room.ask("POST", path, {"inputs": inputs})
        assert answer.status == 200, answer.data
        assert answer.json()["outputs"]
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/buys/ready"):
        assert room.ask("GET", path, by="vera").status == 200
        assert room.ask("HEAD", path, by="vera").status == 200


def test_errors_are_told_as_everywhere_and_in_the_protocol_s_words(room):
    answer = predict(room, ROW | {"age": "old"})
    assert answer.status == 422
    assert "age" in problem(answer)
    assert "no endpoint is called 'bus'; did you mean \"buys\"?" in problem(
        room.ask("POST", "/endpoints/bus/predict", ROW)
    )
    assert problem(predict(room, Arkwright_Release="release:buys@77")).startswith("buys has no version '77'")
    assert problem(predict(room, Content_Type="text/csv")).startswith("send JSON")
    answer = room.ask("POST", "/v2/models/buys/infer", {"inputs": []})
    assert answer.status == 400
    assert set(answer.json()) == {"error"}
    answer = room.ask("POST", "/v2/models/bus/infer", {"inputs": []})
    assert (answer.status, answer.json()) == (404, {"error": "no endpoint is called 'bus'; did you mean \"buys\"?"})


def test_the_door_speaks_the_protocol_too(room):
    """Its clients read no other form: "an exception occurred in the client while decoding the response: 'error'"."""
    answer = room.ask("GET", "/v2/models/buys", by=None)
    assert (answer.status, set(answer.json())) == (401, {"error"})
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    answer = room.ask("POST", "/v2/models/buys/infer", {"inputs": []}, by=None, Authorization="Bearer vera.1.2")
    assert (answer.status, answer.json()["error"][:19]) == (401, "this token is wrong")
    answer = room.ask("POST", "/v2/repository/index")
    assert (answer.status, answer.json()) == (404, {"error": "there is nothing at /v2/repository/index"})
    answer = room.ask("GET", "/v2/models/buys/infer")
    assert (answer.status, answer.json()) == (405, {"error": "/v2/models/buys/infer answers POST"})
    assert answer.headers["Allow"] == "POST"
    assert "detail" in room.ask("GET", "/v2x").json()


@pytest.mark.parametrize("trick", TRICKS)
def test_a_path_names_no_endpoint_and_no_release(room, trick):
    """On the way through two servers nothing is taken for another place."""
    for at in (
        "/endpoints/{}/predict",
        "/endpoints/{}/labels",
        "/v2/models/{}/infer",
        "/v2/models/buys/versions/{}/infer",
    ):
        answer = room.ask("POST", at.format(quote(trick[:1000], safe="")), ROW)
        assert answer.status in (400, 404, 405, 422), (at, answer.status, answer.data)
    said = trick[:1000].encode("ascii", "ignore").decode().translate({0: "", 10: ""}).strip()
    if said:
        assert predict(room, Arkwright_Release=said).status in (400, 404), said
        labels = {"id": said * 20, "label": 1}
        assert room.ask("POST", "/endpoints/buys/labels", labels, by="carl").status in (200, 422)
    assert predict(room).status == 200


def test_too_much(room):
    answer = room.ask("POST", "/endpoints/buys/predict", raw=b"[" + b" " * (65 << 20), Content_Type="application/json")
    assert answer.status == 413
    assert "at most 64 MiB" in problem(answer)
    assert predict(room).status == 200


def test_a_body_of_unknown_length_and_one_in_pieces(room):
    def pieces():
        whole = json.dumps([ROW] * 1000).encode()
        for at in range(0, len(whole), 1000):
            yield whole[at : at + 1000]

    answer = room.ask("POST", "/endpoints/buys/predict", raw=pieces(), Content_Type="application/json")
    assert answer.status == 200, answer.data
    assert len(answer.json()["predictions"]) == 1000


def test_what_belongs_to_one_connection_goes_no_further(room):
    answer = predict(room, Connection="close, x-mine", X_Mine="1", TE="trailers", Cookie="arkwright=x")
    assert answer.status == 200
    assert "date" in answer.headers
    assert len(answer.headers.getlist("date")) == 1
    assert answer.headers["content-security-policy"]


def test_when_its_server_is_killed_another_takes_its_place(room):
    """What that one cannot load is told, and takes nobody the room in which it is mended."""
    release = versions.resolve(room.at.site.ledger, Release, "buys")
    lost = room.at.site.store.path(release.files["signature.json"])
    lost.rename(lost.with_suffix(".lost"))
    begun_anew(room)
    until(lambda: room.ask("GET", "/health", by=None).json()["status"] == "degraded")
    for by, who in ((None, "1 endpoint"), ("olga", "buys")):
        told = room.ask("GET", "/health", by=by)
        assert told.status == 200
        assert told.json()["why"].startswith(f"{who} does not answer as promoted")
    assert "buys is not served just now" in problem(predict(room))
    lost.with_suffix(".lost").rename(lost)
    begun_anew(room)
    ready(room)
    until(lambda: room_is_ready(room))


def begun_anew(room):
    (child,) = children(room.process.pid, "plane_process")
    os.kill(child, signal.SIGKILL)
    until(lambda: children(room.process.pid, "plane_process") not in ([], [child]))


def test_stopped_at_once(room):
    stopped = room.ask("POST", "/api/stop", {"endpoint": "buys", "reason": "it guesses"})
    assert stopped.json()["stopped"] == "olga"
    began = time.monotonic()
    until(lambda: predict(room).status == 503)
    assert time.monotonic() - began < 5  # it takes a fifth of a second, on a machine that is free
    assert problem(predict(room)) == "buys is stopped by olga: it guesses"
    answer = room.ask("POST", "/v2/models/buys/infer", {"inputs": []})
    assert answer.json() == {"error": "buys is stopped by olga: it guesses"}
    assert room.ask("POST", "/api/resume", {"endpoint": "buys"}).status == 200
    ready(room)


def test_titles_are_words():
    told = {status: gateway.problem(status, "why", {}) for status in (503, 504, 422, 418)}
    assert {status: json.loads(answer.body)["title"] for status, answer in told.items()} == {
        503: "Service Unavailable", 504: "TooSlow", 422: "Invalid", 418: "I'm a Teapot"
    }  # fmt: skip
    assert json.loads(problems.of(ArkwrightError("why")).body)["title"] == "Internal Server Error"


def test_nothing_is_left_of_it(walked, tmp_path, shop_at):
    at = copied(walked, shop_at(tmp_path / "shop"))
    with up(at) as made:
        assert room_is_ready(made)  # where nothing was promoted, nothing is waited for
        assert "no endpoint is called 'buys'" in problem(predict(made))
        sign(made)
        promote(made)
        (child,) = children(made.process.pid, "plane_process")
        family = [child, *descendants(child)]
        assert len(family) > 2
        made.process.kill()
        made.process.wait()
        until(lambda: not any(alive(pid) for pid in family), 30)
    with up(at) as made:
        ready(made)
        (child,) = children(made.process.pid, "plane_process")
        family = [child, *descendants(child)]
        made.process.send_signal(signal.SIGTERM)
        assert made.process.wait(60) == 0
        assert not any(alive(pid) for pid in family)


def room_is_ready(room):
    return room.ask("GET", "/health", by=None).json() == {"status": "ready"}


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def descendants(pid):
    found = children(pid)
    return found + [one for child in found for one in descendants(child)]


def children(pid, word=""):
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        found = {int(one) for t in threads for one in (t / "children").read_text().split()}
    except FileNotFoundError:
        return []
    return sorted(one for one in found if word in command(one))


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""


def alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
