"""Log in through a provider: a real one (Django OAuth Toolkit), and one that lies, which no real one does."""

import base64
import hashlib
import hmac
import json
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import urllib3
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.web.abroad import LOGIN, SECRET, away, door, enter, opened, through, value, whose
from tests.web.conftest import BACK, WORD

from arkwright.api.people import accounts, linking, outside
from arkwright.core import versions
from arkwright.core.errors import Invalid, Refused, Unproven
from arkwright.core.nouns import Account, Actor
from arkwright.govern import secrets
from arkwright.govern.oidc import Person
from arkwright.infra import site_file
from arkwright.sites import Site

__all__ = ["door"]  # a fixture


def test_who_was_invited_enters_and_is_the_same_from_then_on(door):
    handed = door.do(accounts.invite, door.actor("owner"), name="tomasz", role="contributor", signs=["operations"])
    page = door.ask("GET", f"/join/{handed.secret}").body.decode()
    assert f'href="/join/{handed.secret}/oidc"' in page
    first = whose(door, enter(door, "tom", f"/join/{handed.secret}/oidc"))
    assert (first.name, first.role, first.signs) == ("tomasz", "contributor", ("operations",))
    assert whose(door, enter(door, "tom")).name == "tomasz"
    assert enter(door, "eve", f"/join/{handed.secret}/oidc").status == 401  # an invitation is of use once
    owner = door.actor("owner")
    door.do(accounts.role, owner, name="tomasz", role="none", reason="left")
    refused = enter(door, "tom")
    assert (refused.status, "arkwright" in refused.cookies) == (401, False)


def test_whom_the_settings_let_in(door):
    assert "Log in with 127.0.0.1" in door.ask("GET", "/login").body.decode()
    ana = whose(door, enter(door, "ana"))
    assert (ana.name, ana.role, ana.email) == ("ana", "viewer", "ana@airport.example")
    sam = enter(door, "sam")
    assert whose(door, sam).role == "owner"  # by group
    mine = door.ask("GET", "/account", Cookie=f"arkwright={value(sam, 'arkwright')}").body
    assert (b"and no password" in mine, b"Change the password" in mine) == (True, False)
    assert enter(door, "tom").status == 403  # of another domain
    assert enter(door, "eve").status == 403  # whose address nobody verified
    assert versions.latest(door.site.ledger, Account, "eve") is None


def test_a_name_alone_opens_nothing(door):
    door.enter("ana", "owner")
    assert enter(door, "ana").status == 409


def test_an_address_that_no_letter_reaches_is_not_kept(tmp_path):
    """It is good for coming in all the same."""
    (tmp_path / "site.toml").write_text(LOGIN.format(issuer="http://127.0.0.1:9", secret=tmp_path / "secret"))
    site = Site(tmp_path)
    for name, email, kept in (
        ("zoe", "zoé@airport.example", ""),
        ("ana", "ana@airport.example", "ana@airport.example"),
    ):
        outside.enter(site, Person(issuer="http://127.0.0.1:9", subject=name, name=name, email=email, groups=()))
        assert accounts.account(site, name).email == kept


def test_who_was_cut_off_between_the_account_and_the_link_enters_later_and_nobody_else(tmp_path, monkeypatch):
    (tmp_path / "site.toml").write_text(LOGIN.format(issuer="http://127.0.0.1:9", secret=tmp_path / "secret"))
    site = Site(tmp_path)
    ada = Person(issuer="http://127.0.0.1:9", subject="1", name="ada", email="a@airport.example", groups=())
    other = replace(ada, subject="2")
    with monkeypatch.context() as cut:
        cut.setattr(outside, "_link", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            outside.enter(site, ada)
        cut.setattr(outside.versions, "move", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            outside.enter(site, replace(ada, subject="3", name="ben"))
    with pytest.raises(Refused, match="there is an account called ada already"):
        outside.enter(site, other)
    assert outside.enter(site, ada)
    for person in (other, replace(other, name="ben")):  # who is called as somebody who is about to enter
        with pytest.raises(Refused):
            outside.enter(site, person)
    owner = Actor(name="olga", proven=True, rights=("own",))
    linking.unlink(site, owner, tmp_path, name="ada", reason="left")
    accounts.invite(site, owner, tmp_path, name="ben")
    for person in (ada, replace(ada, subject="3", name="ben")):  # what an owner did since counts
        with pytest.raises(Refused, match="already"):
            outside.enter(site, person)


def test_an_invitation_left_over_lets_nobody_into_an_account_that_somebody_entered(door):
    left = secrets.issue(door.site.vault, secrets.INVITE, "viewer", 1000)  # as two owners leave who invite at once
    eve = Person(issuer="https://i", subject="9", name="eve", email="", groups=())
    with pytest.raises(Unproven, match="was used"):
        outside.enter(door.site, eve, invitation=left)


def test_passwords_go_on(door):
    assert door.post("/login", name="owner", password="four quiet wooden boats").status == 303


def test_an_answer_counts_once_and_in_the_browser_that_asked(door):
    place, cookie = away(door)
    answer = through(place, "ana")
    assert door.ask("GET", answer).status == 401  # another browser
    _, other = away(door)
    assert door.ask("GET", answer, Cookie=other).status == 401  # which asked something else
    first = door.ask("GET", answer, Cookie=cookie)
    assert first.status == 303
    assert "max-age=0" in first.cookies["arkwright-outside"].lower()
    assert door.ask("GET", answer, Cookie=cookie).status == 401  # replayed
    fresh = parse_qs(urlsplit(through(place, "ana")).query)["code"][0]  # with a code of its own, the state is known yet
    state = parse_qs(urlsplit(answer).query)["state"][0]
    assert door.ask("GET", f"/login/oidc/callback?code={quote(fresh)}&state={state}", Cookie=cookie).status == 401


def test_another_key_is_found_and_a_browser_that_is_refused_is_told_so(door, provider, monkeypatch):
    assert enter(door, "ana").status == 303
    urllib3.request("GET", f"{provider}/rotate")
    monkeypatch.setattr("arkwright.govern.oidc.AGAIN", 0)
    assert enter(door, "ana").status == 303
    _, cookie = away(door)
    state = bytes.fromhex(cookie.partition("=")[2])
    asked = json.loads(state)["asked"]["state"]
    refused = door.ask("GET", f"/login/oidc/callback?error=access_denied&state={asked}", Cookie=cookie)
    assert (refused.status, "access_denied" in refused.body.decode()) == (401, True)


def test_under_another_name_of_this_machine_it_begins_where_it_comes_back(tmp_path, provider):
    door = opened(tmp_path / "site", f"{provider}/o")
    object.__setattr__(door.app.state.context, "hosts", frozenset({"127.0.0.1", "localhost"}))
    answer = door.ask("GET", "/login/oidc", Host="localhost")
    assert (answer.status, answer.headers["location"]) == (303, "http://127.0.0.1/login/oidc")


HS = {"alg": "HS256", "kid": "1"}
KEY, OTHER = RSAKey.generate_key(2048, {"kid": "1"}), RSAKey.generate_key(2048, {"kid": "1"})


class Liar(BaseHTTPRequestHandler):
    """A provider that answers with whatever `server.token` makes; a fake, for none that is real would."""

    def do_GET(self):
        base = f"http://127.0.0.1:{self.server.server_port}"
        said = {
            "/.well-known/openid-configuration": {
                "issuer": base, "authorization_endpoint": f"{base}/a", "token_endpoint": f"{base}/t",
                "jwks_uri": f"{base}/j", **self.server.about,
            },
            "/j": {"keys": [KEY.as_dict(private=False), {"kty": "oct", "k": "AAAA", "kid": "2"}, {"kty": "?"}, 5]},
            "/u": {"sub": "other", "email": "ana@airport.example", "email_verified": True},
        }[self.path]  # fmt: skip
        self.answer(said)

    def do_POST(self):
        self.server.sent = self.rfile.read(int(self.headers["Content-Length"])).decode(), self.headers["Authorization"]
        self.answer({"access_token": "x", "id_token": self.server.token(self.server)})

    def answer(self, said):
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def liar():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.about, server.issuer = {}, f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def claims(server, **other):
    now = int(time.time())
    whole = {
        "iss": server.issuer, "aud": "arkwright", "sub": "1", "exp": now + 300, "iat": now, "nonce": server.nonce,
        "preferred_username": "ana", "email": "ana@airport.example", "email_verified": True,
    }  # fmt: skip
    return {name: value for name, value in (whole | other).items() if value is not ...}


def signed(server, key=KEY, head=None, **other):
    return jwt.encode({"alg": "RS256", "kid": "1", **(head or {})}, claims(server, **other), key)


def by_hand(server, head, sign=lambda _: b"", **other):
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (head, claims(server, **other))]
    return b".".join([*parts, base64.urlsafe_b64encode(sign(b".".join(parts))).rstrip(b"=")]).decode()


def with_secret(secret):
    """HS256, which whoever knows `secret` can make: such as the public key's text, for a library that is confused."""
    return lambda text: hmac.digest(secret, text, "sha256")


def mixed(server):
    """The signature of one token under the claims of another."""
    head, _, signature = signed(server).split(".")
    return ".".join((head, signed(server, sub="2").split(".")[1], signature))


FORGED = {
    "another audience": lambda s: signed(s, aud="somebody else"),
    "no audience": lambda s: signed(s, aud=...),
    "many audiences, made for another": lambda s: signed(s, aud=["arkwright", "x"], azp="x"),
    "many audiences, made for nobody": lambda s: signed(s, aud=["arkwright", "x"]),
    "expired": lambda s: signed(s, exp=int(time.time()) - 100),
    "without an end": lambda s: signed(s, exp=...),
    "an end in words": lambda s: signed(s, exp="tomorrow"),
    "made long ago": lambda s: signed(s, iat=int(time.time()) - 3600),
    "of a time to come": lambda s: signed(s, iat=int(time.time()) + 3600),
    "another nonce": lambda s: signed(s, nonce="x"),
    "no nonce": lambda s: signed(s, nonce=...),
    "another issuer": lambda s: signed(s, iss="https://evil.example"),
    "nobody": lambda s: signed(s, sub=""),
    "somebody endless": lambda s: signed(s, sub="x" * 256),
    "a number": lambda s: signed(s, sub=1),
    "another key": lambda s: signed(s, OTHER),
    "an unknown key": lambda s: signed(s, OTHER, {"kid": "3"}),
    "no signature": lambda s: by_hand(s, {"alg": "none"}),
    "none, in capitals": lambda s: by_hand(s, {"alg": "NONE", "kid": "1"}),
    "the public key as a secret": lambda s: by_hand(s, HS, with_secret(KEY.as_pem(private=False))),
    "a secret that was published": lambda s: by_hand(s, {**HS, "kid": "2"}, with_secret(b"\0\0\0")),
    "another kind of key": lambda s: by_hand(s, {"alg": "ES256", "kid": "1"}, lambda _: b"\0" * 64),
    "its own key": lambda s: by_hand(s, {"alg": "RS256", "jwk": OTHER.as_dict(private=False)}, lambda _: b"x"),
    "cut": lambda s: signed(s)[:-4],
    "claims exchanged": mixed,
    "no token": lambda _: None,
    "no token at all": lambda _: "x",
    "a list": lambda _: [],
}  # fmt: skip


def asked(door, server, *, state=None, path="/login/oidc", **more):
    place, cookie = away(door, path)
    query = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
    server.nonce, server.query = query["nonce"], query
    words = {"code": "c", "state": state or query["state"], **more}
    back = "/login/oidc/callback?" + "&".join(f"{name}={quote(value)}" for name, value in words.items())
    return door.ask("GET", back, Cookie=cookie)


def test_a_forged_token_opens_nothing(tmp_path, liar, monkeypatch):
    monkeypatch.setattr("arkwright.web.entry.WRONG", 1000)
    door = opened(tmp_path / "site", liar.issuer)
    before = door.site.ledger.head()
    for name, liar.token in FORGED.items():
        answer = asked(door, liar)
        assert (answer.status, "arkwright" in answer.cookies) == (401, False), name
    liar.token = signed
    assert asked(door, liar, state="x").status == 401
    assert asked(door, liar, iss="https://evil.example").status == 401
    liar.about = {"userinfo_endpoint": f"{liar.issuer}/u"}
    liar_door = opened(tmp_path / "other", liar.issuer)
    assert asked(liar_door, liar).status == 401  # it speaks of somebody else
    assert door.site.ledger.head() == before


def test_what_is_sent_and_that_the_same_without_a_lie_opens(tmp_path, liar):
    door, liar.token = opened(tmp_path / "site", liar.issuer), signed
    assert whose(door, asked(door, liar)).name == "ana"
    sent = {name: values[0] for name, values in parse_qs(liar.sent[0]).items()}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert (liar.query["code_challenge"], liar.query["code_challenge_method"]) == (challenge, "S256")
    assert (sent["redirect_uri"], "client_secret" in sent) == (BACK, False)
    basic = base64.b64decode(liar.sent[1].partition(" ")[2]).decode()
    assert basic == f"arkwright:{quote(SECRET, safe='').replace('%20', '+')}"


@pytest.mark.parametrize(
    "about",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/t"}, {"jwks_uri": "file:///etc/passwd"},
     {"authorization_endpoint": None}, {"jwks_uri": "https://a@evil.example/"}],
)  # fmt: skip
def test_a_provider_that_says_nonsense(tmp_path, liar, about):
    liar.about = about
    door = opened(tmp_path / "site", liar.issuer)
    assert door.ask("GET", "/login/oidc").status == 502


def test_a_provider_that_is_not_there(tmp_path):
    door = opened(tmp_path / "site", "http://127.0.0.1:9")
    answer = door.ask("GET", "/login/oidc")
    assert (answer.status, str(tmp_path).encode() in answer.body) == (502, False)
    assert b"the provider 127.0.0.1 does not answer; try again" in answer.body
    assert b'type="password"' in answer.body  # there is another way in
    assert door.ask("GET", "/login").status == 200


def test_who_is_invited_may_choose_a_password_where_the_provider_is_not_there(tmp_path, caplog):
    door = opened(tmp_path / "site", "http://127.0.0.1:9")
    secret = door.do(accounts.invite, door.actor("owner"), name="zoe").secret
    for _ in range(3):
        answer = door.ask("GET", f"/join/{secret}/oidc?next=/runs")
    form, page = f'<form method="post" action="/join/{secret}?next=/runs"', answer.body.decode()
    assert (answer.status, form in page, 'value="zoe"' in page) == (502, True, True)
    assert f'href="/join/{secret}/oidc?next=/runs"' in page
    assert len([one for one in caplog.records if "through the provider" in one.message]) == 1  # not one for each
    refused = door.post(f"/join/{secret}?next=/runs", password="short").body.decode()
    assert (form in refused, f'href="/join/{secret}/oidc?next=/runs"' in refused) == (True, True)
    assert door.post(f"/join/{secret}?next=/runs", password=WORD).headers["location"] == "/runs"
    assert door.ask("GET", f"/join/{secret}/oidc").status == 410


def test_who_is_invited_may_choose_a_password_where_the_provider_is_gone_on_the_way_back(tmp_path, liar):
    liar.about = {"token_endpoint": "http://127.0.0.1:9/t"}
    door = opened(tmp_path / "site", liar.issuer)
    secret = door.do(accounts.invite, door.actor("owner"), name="zoe").secret
    answer = asked(door, liar, path=f"/join/{secret}/oidc?next=/runs")
    form, page = f'<form method="post" action="/join/{secret}?next=/runs"', answer.body.decode()
    assert (answer.status, form in page, 'value="zoe"' in page) == (502, True, True)
    assert f'href="/join/{secret}/oidc?next=/runs"' in page


def test_guesses_at_the_way_back_are_counted(door):
    for _ in range(20):
        assert door.ask("GET", "/login/oidc/callback?code=x&state=x", client="10.0.0.1").status == 401
    assert door.ask("GET", "/login/oidc/callback?code=x&state=x", client="10.0.0.1").status == 429
    assert enter(door, "ana").status == 303


def test_settings_without_sense_are_refused(tmp_path):
    for text, said in (("issuer = 5", "issuer"), ('issuer="x"\nclient="y"\nsecret="z"', "unknown key 'secret'"),
                       ('issuer="x"\nclient="y"\nrole="owner"', "role")):  # fmt: skip
        (tmp_path / "site.toml").write_text(f"[login]\n{text}\n")
        with pytest.raises(Invalid, match=said):
            site_file.read(tmp_path)
