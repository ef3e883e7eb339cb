"""Path tricks in every word of every verb and in every address: nothing read or written elsewhere, nothing told."""

import asyncio
import json
import re
from urllib.parse import quote

import pytest
from tests.web.conftest import Door

from arkwright.api.verbs import VERBS
from arkwright.rest import given

CANARY = "what nobody may read"
TRICKS = (
    "../x", "../../etc/passwd", "./../p", "a/../b", "a/../../b", "/etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/",
    "%252e%252e%252f", "..\\..\\x", "C:\\x", "\\\\host\\share", "x;/../../etc", "x#/../../etc", "x?/../../",
    "x%00.txt", "x.", "x ", "x\0", "x\ny", "file:///etc", "file://localhost/etc", "FILE:", "s3://b/../c",
    "mlflow-artifacts:../",
    "http+file:", "\uff0e\uff0e/x", "..\u2215x", "\u202ex", "-x", "CON ", "x" * 256, "x" * 10_000, "\U0001f9f5",
    "{{7*7}}", "' OR 1=1 --", "{canary}",
)  # fmt: skip
# words in which people may write what they like; it is kept as it is, and shown as text
FREE = {"text", "reason", "note", "email", "who", "author", "question", "title", "q", "patch", "promise", "value"}


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    # longer than what an error repeats of a word that was sent
    outside = tmp_path_factory.mktemp("outside") / ("x" * 60)
    outside.mkdir()
    (outside / "canary").write_text(CANARY)
    return watched(Door(outside / "project" / "site"), outside)


def watched(door, outside):
    """`outside`: a folder in which the site's own is, and the canary."""
    door.outside = outside
    door.site.denied.write = lambda: None
    return door


def fields():
    """(verb, how it is sent, a word of it that takes text, whether it takes many, the words it needs besides)"""
    for name, verb in VERBS.items():
        if verb.here or name == "token":
            continue
        words = given.words_of(verb).words
        for word in words:
            bare = given._bare(word.kind)
            if bare & {str, list}:
                needed = {other.name: filled(other) for other in words if other.needed and other.name != word.name}
                yield name, verb, word.name, list in bare, needed


def filled(word):
    bare = given._bare(word.kind)
    return ["x"] if list in bare else 1 if int in bare else 0.5 if float in bare else {} if dict in bare else "x"


def elsewhere(door):
    """What lies outside the site's folder."""
    return sorted(str(path) for path in door.outside.rglob("*") if not path.is_relative_to(door.folder))


def tell(door, answer, said):
    text = answer.body.decode(errors="replace")
    assert answer.status != 500, (said, text[:300])
    for hidden in (CANARY, "root:x:", str(door.outside), "Traceback", "sqlite", "pysqlite", "/src/arkwright"):
        assert hidden not in text.replace(said[-1], ""), (said, hidden, text[:300])
    assert not re.search(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b", text.replace(said[-1], "")), said
    return text


def test_in_every_word_of_every_verb(room, caplog):
    before = elsewhere(room)
    assert asyncio.run(every_word(room)) > 1000
    assert elsewhere(room) == before
    secret = room.tokens["owner"].rpartition(".")[2]
    assert secret not in caplog.text
    assert not [record for record in caplog.records if record.exc_info], caplog.text


async def every_word(door, tricks=TRICKS):
    headers, count = {**door.bearer("owner"), "Content-Type": "application/json"}, 0
    for name, verb, word, many, needed in fields():
        for trick in tricks:
            value = trick.replace("{canary}", str(door.outside / "canary"))
            said = name, word, value
            body = {**needed, word: [value] if many else value}
            if verb.acts:
                answer = await door.asked("POST", f"/api/{name}", json.dumps(body).encode(), **headers)
            else:
                pairs = [
                    (key, one) for key, held in body.items() for one in (held if isinstance(held, list) else [held])
                ]
                query = "&".join(f"{key}={quote(str(one))}" for key, one in pairs)
                answer = await door.asked("GET", f"/api/{name}?{query}", **door.bearer("owner"))
            tell(door, answer, said)
            if word not in FREE and not (verb.job and answer.status == 202):
                assert 400 <= answer.status < 500 or harmless(answer), (said, answer.status, answer.body[:200])
            count += 1
    return count


def harmless(answer):
    """A look that found nothing."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return False
    return answer.status == 200 and (not found or (isinstance(found, dict) and found.get("items") in ([], None)))


def test_in_every_address(room):
    before = elsewhere(room)
    places = {route.path for route in room.app.routes if "{" in getattr(route, "path", "")}
    assert len(places) > 10
    asyncio.run(every_address(room, places))
    assert elsewhere(room) == before


async def every_address(door, places):
    for place in sorted(places):
        for trick in TRICKS:
            value = trick.replace("{canary}", str(door.outside / "canary"))
            if len(value) > 4000:
                continue
            for path in (re.sub(r"{[^}]*}", lambda _, v=value: v, place), place.partition("{")[0] + value):
                answer = await door.asked("GET", path.replace("?", "\u00bf"), **door.bearer("owner"))
                tell(door, answer, (place, value))
                assert answer.status != 200 or CANARY not in answer.body.decode(errors="replace"), path


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../routes.py",
        "/static/..%2f..%2froutes.py",
        "/static//etc/passwd",
        "/static/%2e%2e/routes.py",
        "/static/\0",
        "/static/vendor/..\\..\\routes.py",
    ],
)
def test_files_are_read_from_their_folder_only(room, path):
    assert room.ask("GET", path).status in (404, 405, 422)


def test_a_whole_session_leaves_no_secret_in_the_logs(door, caplog):
    caplog.set_level("DEBUG")
    secret = "hunter2-hunter2-hunter2"
    door.post("/login", name="owner", password=secret)
    door.ask("GET", "/api/show", Authorization=f"Bearer owner.abc.{secret}")
    door.ask("GET", f"/join/owner.abc.{secret}")
    door.ask("GET", "/account", Cookie=f"arkwright=owner.abc.{secret}")
    door.ask("POST", "/api/discuss", json.dumps({"about": secret, "text": secret}).encode(), **door.bearer("owner"))
    door.ask("GET", f"/login/oidc/callback?code={secret}&state={secret}")
    assert secret not in caplog.text
    for file in door.folder.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file
