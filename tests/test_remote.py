"""A site elsewhere from Python, against a real control room: every verb answers as it does here."""

import http.server
import inspect
import json
import math
import socket
import ssl
import threading
import typing
from contextlib import suppress
from dataclasses import is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.rest.conftest import up
from tests.rest.test_gateway import ROW, until
from tests.walked import copied

import arkwright.remote
from arkwright.api.verbs import VERBS
from arkwright.core import shapes, versions
from arkwright.core.errors import ArkwrightError, Forbidden, Invalid, Outdated, Refused, Unknown, Unproven
from arkwright.core.nouns import Actor, Comment, Endpoint
from arkwright.govern import roles

LOOKS = {
    "profile": {"dataset": "visits"},
    "show": {"reference": "buys"},
    "diff": {"before": "buys@1", "after": "buys@2"},
    "measures": {},
    "ledger": {"last": 7, "kinds": ["run", "release"]},
    "runs": {"limit": 1, "sort": "started"},
    "compare": {"runs": ["shop@1", "shop@2"]},
    "search": {"text": "buys", "limit": 2},
    "live": {"endpoint": "buys"},
    "threads": {},
    "people": {},
    "inbox": {},
    "doctor": {},
    "why": {"release": "buys"},
    "predictions": {"endpoint": "buys", "limit": None},
    "accounts": {},
    "denied": {},
    "quarantine": {"dataset": "visits"},
    "patch": {"proposal": 1},
}  # what each is asked here; the others take nothing


@pytest.fixture(scope="module")
def room(walked, tmp_path_factory, shop_at):
    with up(copied(walked, shop_at(tmp_path_factory.mktemp("room") / "shop"))) as made:
        made.at.shop.edit("shop.py", "fill_null(40)", "fill_null(39)")
        yield made


@pytest.fixture(scope="module")
def sites(room):
    return {name: arkwright.connect(room.address, token=token) for name, token in room.tokens.items()}


@pytest.fixture(scope="module")
def walked_there(sites):
    """The whole line, from afar: what every later test looks at."""
    said, printed = [], []
    olga = sites["olga"]
    result = olga.run(say=said.append)
    assert result.problem is None
    assert result.outcomes["buys"].release.ref == "release:buys@2"
    assert said
    again = olga.result(olga.jobs()[0], log=printed.append)
    assert again == result
    assert [job.verb for job in olga.jobs()] == ["run"]
    for release in ("buys@1", "buys@2"):
        decision = sites["ben"].sign(release=release, role="model-owner", reason="read")
        assert (decision.by, decision.role, decision.yes) == ("ben", "model-owner", True)
        sites["cleo"].sign(release=release, role="operations", reason="read")
    moved = olga.promote(release="buys@1")
    assert isinstance(moved, Endpoint)
    until(lambda: answers(sites["vera"]))
    return sites


def answers(site):
    try:
        return site.predict(endpoint="buys", rows=ROW)
    except ArkwrightError:
        return None


def here(room, name, **words):
    """The same verb, on this machine."""
    verb = VERBS[name]
    olga = Actor(name="olga", proven=True, rights=roles.rights("owner", token=True))
    return verb.function(room.at.site, olga, room.at.folder, **words)


@pytest.mark.parametrize("name", [n for n, v in VERBS.items() if not v.acts and not v.here and v.right != "self"])
def test_looking_is_the_same_there_and_here(walked_there, room, name):
    if name == "predictions":
        until(lambda: here(room, name, endpoint="buys").num_rows)
    words = LOOKS.get(name, {}) | ({"at": datetime.now(UTC)} if name == "live" else {})
    there = outcome(getattr(walked_there["olga"], name), **words)
    mine = outcome(partial(here, room, name), **words)
    if name == "doctor":  # how much of the disk is free changes
        there, mine = ([one.what for one in found] for found in (there, mine))
    assert type(there) is type(mine)
    assert same(there, mine)


def outcome(verb, **words):
    """What it gives, or the error that it raises."""
    try:
        return verb(**words)
    except ArkwrightError as error:
        return type(error), str(error)


def same(one, other):
    """Equal; numbers that are none are equal to one another."""
    if is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, f), getattr(other, f)) for f in one.__dataclass_fields__
        )
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    return one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


def test_acting_gives_what_is_then_on_record(walked_there, room):
    olga, carl, vera = (walked_there[name] for name in ("olga", "carl", "vera"))
    asked = carl.discuss(text="Is it good?", about="release:buys@2", question=True)
    assert isinstance(asked, Comment)
    said = vera.discuss(text="Yes.", thread=asked.thread)
    assert vera.amend(comment=said.id, text="Yes, it is.") == replace(said, version=2, text="Yes, it is.")
    assert carl.answer(comment=said.id) == here(room, "threads").items[0]
    assert carl.follow(about="endpoint:buys").on is True
    assert carl.seen(upto=10**6) == carl.inbox()
    invited = olga.invite(name="dana", role="viewer")
    assert (invited.account, bool(invited.secret)) == ("dana", True)
    changed = olga.role(name="dana", role="contributor", reason="helps")
    assert changed in [one.account for one in here(room, "accounts")]
    with pytest.raises(Forbidden, match="a token may not"):
        olga.token()
    until(lambda: here(room, "predictions", endpoint="buys").num_rows)
    found = here(room, "predictions", endpoint="buys")["id"][0].as_py()
    assert carl.label(endpoint="buys", labels=[{"id": found, "label": 1}]).labels == 1


def test_an_endpoint_moved_from_afar(walked_there, room):
    olga = walked_there["olga"]
    moved = olga.promote(release="buys@2", share=0.2)
    assert moved == versions.latest(room.at.site.ledger, Endpoint, "buys")
    stopped = olga.stop(endpoint="buys", reason="too eager")
    assert (stopped.stopped, olga.live(endpoint="buys").releases) == ("olga", ())
    assert olga.resume(endpoint="buys").shares == moved.shares
    assert olga.rollback(endpoint="buys", version=moved.version + 2).shares == {"release:buys@1": 1.0}
    with pytest.raises(Outdated, match="look at it and try again"):
        olga.promote(release="buys@2", version=1)
    with pytest.raises(Forbidden, match="proved no right to sign as"):
        walked_there["vera"].refuse(release="buys@2", role="operations", reason="too eager")
    assert walked_there["cleo"].refuse(release="buys@2", role="operations", reason="too eager").yes is False


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if not verb.here])
def test_every_verb_takes_the_words_that_it_takes_here(sites, name):
    there = inspect.signature(getattr(sites["olga"], name.replace("-", "_"))).parameters
    mine = inspect.signature(VERBS[name].function).parameters
    assert [one for word, one in there.items() if word != "role" or word in mine] == [
        one for word, one in mine.items() if word not in ("site", "by", "project")
    ]
    shapes.schema(typing.get_type_hints(VERBS[name].function)["return"], {})


def test_errors_are_those_of_here(walked_there):
    olga, vera = walked_there["olga"], walked_there["vera"]
    with pytest.raises(Unknown, match="did you mean"):
        olga.why(release="buyz")
    with pytest.raises(Forbidden, match="one must be owner"):
        vera.promote(release="buys")
    with pytest.raises(Refused, match="is not stopped"):
        olga.resume(endpoint="buys")
    until(lambda: answers(olga))  # it follows who moved it just now
    with pytest.raises(Invalid, match="age"):
        olga.predict(endpoint="buys", rows=ROW | {"age": "old"})
    with pytest.raises(Unknown, match="no endpoint is called 'bus'"):
        olga.predict(endpoint="bus", rows=ROW)
    with pytest.raises(TypeError, match=r"""^why knows no 'releas'; did you mean "release"\?$"""):
        olga.why(releas="buys")
    with pytest.raises(Invalid, match=r"^why: missing a required argument: 'release'; there is release$"):
        olga.why()
    with pytest.raises(TypeError, match=r"^sign: too many positional arguments; there is reason, release, role"):
        olga.sign("buys")
    with pytest.raises(TypeError, match=r"""^run knows no 'sead'; did you mean "seed"\?$"""):
        olga.begin("run", sead=1)
    with pytest.raises(TypeError, match=r"""^predict knows no 'row'; did you mean "rows"\?$"""):
        olga.predict(endpoint="buys", row=ROW)
    with pytest.raises(AttributeError, match='did you mean "promote"'):
        _ = olga.promot
    with pytest.raises(AttributeError, match="it takes a port of the machine where it is said"):
        _ = olga.serve
    with pytest.raises(Unknown, match="there is no"):
        olga.job("../../etc")
    with pytest.raises(Unproven):
        arkwright.connect(olga._link.base, token="x.y.z").people()
    assert "release" in str(inspect.signature(olga.why))
    assert "promote" in dir(olga)
    assert "promote" in repr(olga.promote)


def test_a_list_of_many_pages_is_one(walked_there, monkeypatch):
    whole = walked_there["olga"].measures()
    monkeypatch.setattr(arkwright.remote.given, "MOST_LIMIT", 7)
    asked = []
    ask = arkwright.remote._Link.ask
    monkeypatch.setattr(arkwright.remote._Link, "ask", lambda *a, **k: asked.append(a) or ask(*a, **k))
    assert walked_there["olga"].measures() == whole
    assert len(asked) == -(-len(whole) // 7)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://arkwright.example", "could read the token; use https"),
        ("ftp://127.0.0.1", "is no address"),
        ("https://me@arkwright.example", "is no address"),
        ("https://arkwright.example/api", "without '/api'"),
        ("http://[::1", "is no address"),
        ("http://127.0.0.1:99999", "is no address"),
    ],
)
def test_addresses(url, told):
    with pytest.raises(Invalid, match=told):
        arkwright.connect(url, token="t")


def test_the_token(monkeypatch):
    monkeypatch.delenv("ARKWRIGHT_TOKEN", raising=False)
    for token in (None, "", "a b", "a\nb", "ä"):
        with pytest.raises(Unproven, match="a token is needed"):
            arkwright.connect("https://arkwright.example", token=token)
    monkeypatch.setenv("ARKWRIGHT_TOKEN", "its.own.secret")
    site = arkwright.connect("https://arkwright.example")
    assert repr(site) == "<arkwright at https://arkwright.example>"
    assert "secret" not in str(vars(site))


class Wire:
    """A proxy that cuts a connection when the answer to the first request of this kind comes."""

    def __init__(self, address, word):
        self.there = tuple(address.rpartition("/")[2].split(":"))
        self.word, self.cut, self.ends, self.threads = word, 0, [], []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.start(self.run)

    def start(self, work, *given):
        self.threads.append(threading.Thread(target=work, args=given, daemon=True))
        self.threads[-1].start()

    def run(self):
        while True:
            try:
                here, _ = self.listening.accept()
            except OSError:
                return
            there = socket.create_connection((self.there[0], int(self.there[1])))
            self.ends += [here, there]
            state = {"cuts": False}
            for one, other, asks in ((here, there, True), (there, here, False)):
                self.start(self.pump, one, other, asks, state)

    def pump(self, one, other, asks, state):
        try:
            while data := one.recv(1 << 16):
                if asks and self.word in data and not self.cut:
                    state["cuts"] = True
                if not asks and state["cuts"] and not self.cut:
                    self.cut += 1
                    break
                other.sendall(data)
        except OSError:
            pass
        self.shut(one, other)

    def shut(self, *ends):
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.shut(self.listening, *self.ends)
        self.listening.close()
        for thread in self.threads:
            thread.join(10)
        for end in self.ends:
            end.close()


@pytest.fixture
def wire(room):
    made = []

    def cut(word):
        made.append(Wire(room.address, word))
        return made[-1]

    yield cut
    for one in made:
        one.close()


def test_a_connection_cut_between_the_act_and_its_answer(walked_there, room, wire):
    """It was done; asked again under the same key, the same answer comes, and it is done no second time."""
    cut = wire(b"POST /api/discuss")
    site = arkwright.connect(cut.address, token=room.tokens["carl"])
    said = site.discuss(text="Only once.", about="release:buys@2")
    assert cut.cut == 1
    found = [e for e in here(room, "ledger", kinds=("comment",), last=50) if "Only once." in e.body]
    assert [json.loads(e.body)["id"] for e in found] == [said.id]


def test_a_stream_cut_in_the_middle_goes_on(walked_there, room, wire):
    cut = wire(b"GET /api/jobs/")
    said = []
    plan = arkwright.connect(cut.address, token=room.tokens["carl"]).check(say=said.append)
    assert cut.cut == 1
    assert plan == here(room, "check")
    assert said == list(dict.fromkeys(said))


class Elsewhere(http.server.BaseHTTPRequestHandler):
    seen: ClassVar[list] = []

    def do_GET(self):
        self.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(307)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def served(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_the_token_follows_no_redirect():
    server = served()
    Elsewhere.seen.clear()
    with pytest.raises(ArkwrightError, match="the token goes nowhere else"):
        arkwright.connect(f"http://127.0.0.1:{server.server_port}", token="t").people()
    server.shutdown()
    server.server_close()
    assert Elsewhere.seen == [("/api/people?limit=1000", "Bearer t")]


def test_who_does_not_prove_itself_gets_no_token(tmp_path):
    server = served(self_signed(tmp_path))
    Elsewhere.seen.clear()
    with pytest.raises(ArkwrightError, match="does not prove that it is itself"):
        arkwright.connect(f"https://127.0.0.1:{server.server_port}", token="t").people()
    server.shutdown()
    server.server_close()
    assert Elsewhere.seen == []


def self_signed(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    own = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    both = key.private_bytes(serialization.Encoding.PEM, *own)
    both += made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / "pem").write_bytes(both)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem")
    return context


def test_nobody_there(monkeypatch):
    monkeypatch.setattr(arkwright.remote, "PAUSES", (0.01,))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ArkwrightError, match="does not answer"):
        arkwright.connect(f"http://127.0.0.1:{port}", token="t").people()
