"""A disk that fills: what is on record is still read, every page says how far, and nothing is written by half."""

import contextlib
import os
import time
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient
from tests.rest.conftest import people

from arkwright.api.talking import reminders
from arkwright.catalog import file as catalog_file
from arkwright.control.app import application
from arkwright.core import versions
from arkwright.core.errors import Full
from arkwright.core.nouns import Account, Endpoint, Run
from arkwright.govern import passwords, secrets
from arkwright.infra.reserve import PIECE, SIZE
from arkwright.rest import health
from arkwright.sites import Site
from arkwright.web.context import Context

PLACES = (
    "/",
    "/ledger",
    "/runs",
    "/people",
    "/discussion",
    "/inbox",
    "/api/ledger",
    "/api/runs",
    "/api/show",
    "/health",
)
TOML = 'project = "flights"\nowner = "ana"\npurpose = "to test"\nrisk = "minimal"\ncode = "flights.py"\n'
PASSWORD = "four quiet wooden boats"
PAGE = {"accept": "text/html"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(catalog_file, "AGAIN_S", 0.0)
    monkeypatch.setattr(health, "SHARED", 0.0)


@pytest.fixture
def room(small_disk):
    """A control room on a disk of its own, as Olga uses it."""
    yield from opened(small_disk(6))


@pytest.fixture
def remote(small_disk, postgres, schema):
    """The same with its records on PostgreSQL, which has room."""
    folder = small_disk(6)
    (folder / ".arkwright").mkdir()
    (folder / ".arkwright" / "site.toml").write_text(f'ledger = "{postgres.url(schema)}"\n')
    yield from opened(folder)


def opened(folder):
    (folder / "arkwright.toml").write_text(TOML)
    (folder / "flights.py").write_text("")
    site = Site(folder / ".arkwright")
    tokens = people(site)
    at = Context(site, folder, "http://127.0.0.1", frozenset({"127.0.0.1"}))
    client = TestClient(application(at), "http://127.0.0.1", headers={"authorization": f"Bearer {tokens['olga']}"})
    client.site, client.folder = site, folder
    yield client
    for one in (site.catalog, site.ledger, site.vault):
        one.close()


def run(site, name):
    noun = Run(name=name, version=0, author="ana", state="started", started="", seed=1, code="", lock="")
    return versions.add(site.ledger, "ana", noun)


def fill(folder):
    """Once more where it is full already: of what there is by now."""
    with (folder / f"ballast{os.urandom(4).hex() if (folder / 'ballast').exists() else ''}").open(
        "wb", buffering=0
    ) as file:
        for size in (65536, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


def statuses(room):
    return {
        place: room.get(place, headers=PAGE if not place.startswith("/api") else {}).status_code for place in PLACES
    }


def test_pages_go_on_and_say_how_far_they_came(room):
    run(room.site, "before")
    assert set(statuses(room).values()) == {200}
    shown = int(room.site.ledger.head().partition(":")[0])
    run(room.site, "later")
    fill(room.folder)
    assert set(statuses(room).values()) == {200}
    page = room.get("/runs", headers=PAGE)
    assert f"up to event {shown:,}" in page.text
    assert "before" in page.text
    assert "run:later" not in page.text
    told = room.get("/api/runs")
    assert told.headers["arkwright-as-of"] == str(shown)
    assert room.get("/health").json() == {"status": "degraded", "why": "the disk is full"}
    (room.folder / "ballast").unlink()
    assert room.get("/health").json() == {"status": "ready"}
    page = room.get("/runs", headers=PAGE)
    assert "up to event" not in page.text
    assert "later" in page.text
    assert "arkwright-as-of" not in room.get("/api/runs").headers


def test_a_page_that_nobody_looked_at_before(room):
    """What clients log has a database of its own, which is not begun to find that nothing is in it."""
    run(room.site, "before")
    assert room.get("/", headers=PAGE).status_code == 200
    fill(room.folder)
    for place in ("/runs", "/search?q=before"):
        assert room.get(place, headers=PAGE).status_code == 200, place


def test_records_elsewhere(remote):
    assert set(statuses(remote).values()) == {200}
    shown = remote.site.ledger.head().partition(":")[0]
    fill(remote.folder)
    run(remote.site, "later")
    run(remote.site, "latest")
    for _ in range(40):  # what is left of a block that was begun
        run(remote.site, "z" * 60)
    assert set(statuses(remote).values()) == {200}
    seen = int(remote.get("/api/runs").headers["arkwright-as-of"])
    assert int(shown) <= seen < int(remote.site.ledger.head().partition(":")[0])
    for place, body in {
        "/api/discuss": {"about": "run:later@1", "text": "hello"},
        "/api/follow": {"about": "run:later"},
    }.items():
        assert remote.post(place, json=body).status_code == 507, place
    (remote.folder / "ballast").unlink()
    assert "arkwright-as-of" not in remote.get("/api/runs").headers
    assert remote.post("/api/follow", json={"about": "run:latest"}).status_code == 200


def test_what_would_be_written_is_refused_with_507_and_no_path(room):
    room.get("/")
    run(room.site, "later")
    fill(room.folder)
    asked = {
        "/api/discuss": {"about": "run:later@1", "text": "hello " + "z" * 3000},
        "/api/follow": {"about": "run:later"},
        "/api/watch": {},
        "/api/invite": {"name": "zed", "role": "viewer"},
        "/api/run": {},
    }
    for place, body in asked.items():
        for _ in range(40):  # what is left of a block that was begun
            answer = room.post(place, json=body)
            if answer.status_code >= 300:
                break
        assert (answer.status_code, answer.json()["title"]) == (507, "Full"), (place, answer.text)
        assert "the disk is full" in answer.json()["detail"]
        assert str(room.folder) not in answer.text


def test_pages_give_away_no_path_either(room):
    room.site.vault.put(passwords.KIND, "olga", passwords.hashed(PASSWORD, "olga"))
    room.get("/")
    fill(room.folder)
    for _ in range(40):  # what is left of a block that was begun
        form = {"name": "olga", "password": PASSWORD}
        answer = room.post("/login", data=form, headers=PAGE | {"origin": "http://127.0.0.1"}, follow_redirects=False)
        if answer.status_code != 303:
            break
    assert answer.status_code == 507
    assert "the disk is full: nothing was written to the vault vault.db" in answer.text
    assert str(room.folder) not in answer.text
    answer = room.post("/people", data={"name": "zed", "role": "viewer"}, headers=PAGE)
    assert answer.status_code == 507
    assert str(room.folder) not in answer.text


def test_who_is_logged_in_goes_on_and_a_megabyte_lets_the_others_in(room, monkeypatch):
    monkeypatch.setattr(secrets, "NOTED", -1.0)  # every use is noted
    room.site.vault.put(passwords.KIND, "olga", passwords.hashed(PASSWORD, "olga"))
    browser = TestClient(room.app, "http://127.0.0.1", headers=PAGE | {"origin": "http://127.0.0.1"})
    late = TestClient(room.app, "http://127.0.0.1", headers=PAGE | {"origin": "http://127.0.0.1"})
    form = {"name": "olga", "password": PASSWORD}
    assert browser.post("/login", data=form, follow_redirects=False).status_code == 303
    run(room.site, "later")
    fill(room.folder)
    assert browser.get("/account").status_code == 200
    assert "up to event" in browser.get("/runs").text
    ballast = room.folder / "ballast"
    os.truncate(ballast, ballast.stat().st_size - (1 << 20))
    assert late.post("/login", data=form, follow_redirects=False).status_code == 303
    assert late.post("/people", data={"name": "zed", "role": "viewer"}).status_code == 200


@pytest.fixture
def roomy(small_disk):
    """A disk on which room is put aside."""
    for room in opened(small_disk(80)):
        room.site.vault.put(passwords.KIND, "olga", passwords.hashed(PASSWORD, "olga"))
        room.site.vault.put(passwords.KIND, "vera", room.site.vault.get(passwords.KIND, "olga"))
        versions.move(room.site.ledger, "ana", Endpoint(name="late", version=1, shares={"release:late@1": 1.0}))
        room.site.reserve.keep()
        yield room


def log_in(room, name):
    browser = TestClient(room.app, "http://127.0.0.1", headers=PAGE | {"origin": "http://127.0.0.1"})
    for _ in range(40):  # what is left of a block that was begun
        answer = browser.post("/login", data={"name": name, "password": PASSWORD}, follow_redirects=False)
        if answer.status_code != 303:
            break
    return browser, answer.status_code


def test_an_owner_logs_in_and_stops_an_endpoint_on_a_full_disk(roomy):
    reserve = roomy.site.reserve
    assert reserve.room == SIZE
    fill(roomy.folder)
    assert log_in(roomy, "vera")[1] == 507
    assert reserve.room == SIZE  # it is there for owners alone
    browser = TestClient(roomy.app, "http://127.0.0.1", headers=PAGE | {"origin": "http://127.0.0.1"})
    assert (
        browser.post("/login", data={"name": "olga", "password": PASSWORD}, follow_redirects=False).status_code == 303
    )
    assert reserve.room == SIZE - PIECE
    fill(roomy.folder)  # others took what was left of it
    answer = browser.post("/endpoints/late/stop", data={"reason": "it burns", "sure": "yes"}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    assert reserve.room == SIZE - 2 * PIECE
    assert versions.resolve(roomy.site.ledger, Endpoint, "late").stopped == "olga"


def test_what_was_put_aside_ends_and_is_put_aside_anew(roomy):
    reserve, ledger = roomy.site.reserve, roomy.site.ledger
    fill(roomy.folder)
    while reserve.give():
        fill(roomy.folder)
    assert reserve.room == 0
    assert roomy.post("/api/stop", json={"endpoint": "late", "reason": "it burns"}).status_code == 507
    assert not versions.resolve(ledger, Endpoint, "late").stopped
    for left in sorted(roomy.folder.glob("ballast*")):
        left.unlink()
    assert log_in(roomy, "vera")[1] == 303
    assert reserve.room == 0
    assert roomy.post("/api/stop", json={"endpoint": "late", "reason": "it burns"}).status_code == 200
    assert reserve.room == SIZE


def test_what_decides_does_not_take_what_is_behind(room):
    site = room.site
    room.get("/")
    run(site, "later")
    fill(room.folder)
    assert room.get("/runs").headers["arkwright-as-of"]
    for look in (
        site.catalog.talk.last_comment,
        lambda: site.catalog.times("olga", ("comment",), datetime(2026, 1, 1, tzinfo=UTC)),
        lambda: site.catalog.talk.told(1, ["olga"]),
        lambda: reminders.remind(site, room.folder, datetime.now(UTC)),
        site.catalog.follow,
    ):
        with pytest.raises(Full, match="the disk is full: the catalog"):
            look()


def test_a_full_disk_is_not_tried_at_every_look(room, monkeypatch):
    monkeypatch.setattr(catalog_file, "AGAIN_S", 3600.0)
    room.get("/")
    run(room.site, "later")
    fill(room.folder)
    room.site.catalog.names(Account)
    tries = []
    monkeypatch.setattr(catalog_file, "Following", lambda *_: tries.append(time.monotonic()))
    room.site.catalog.names(Account)
    assert tries == []


def test_who_did_not_ask_for_what_is_behind_is_told(small_disk):
    folder = small_disk(4)
    site = Site(folder)
    run(site, "before")
    assert site.catalog.names(Run) == ["before"]
    run(site, "later")
    fill(folder)
    with pytest.raises(Full, match="the disk is full: the catalog"):
        site.catalog.names(Run)
    (folder / "ballast").unlink()
    assert site.catalog.names(Run) == ["before", "later"]
    site.catalog.close()
    site.ledger.close()
