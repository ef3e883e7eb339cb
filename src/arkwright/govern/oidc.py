"""Log in elsewhere: OpenID Connect Core 1.0 with the authorization code, PKCE (RFC 7636), state and nonce.

What the provider says of itself (discovery) and its keys are asked for when they are needed, and kept for an hour; a
token with an unknown key has the keys asked for again, once a minute. Only asymmetric signatures count.
"""

import base64
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec
import urllib3
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from arkwright.core.errors import ArkwrightError, Invalid, Unproven
from arkwright.core.secure import is_secure
from arkwright.core.settings import Login

SIGNED = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
KINDS: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
SECRET = "ARKWRIGHT_OIDC_SECRET"  # noqa: S105 - the name of a variable
KEPT, AGAIN = 3600.0, 60.0  # seconds
PATIENCE = urllib3.Timeout(connect=5, read=10)
MOST = 1 << 20  # bytes of one answer
SLACK = 60.0  # seconds by which clocks may differ
OLDEST = 600.0  # seconds since a token was made
LONGEST = 255  # characters of a subject (Core 1.0, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the browser keeps meanwhile, to be compared with what comes back."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who it is, by the provider's word. Only (issuer, subject) never means somebody else."""

    issuer: str
    subject: str
    name: str
    email: str  # empty where it is not verified
    groups: tuple[str, ...]


class Unreachable(ArkwrightError):
    """The provider cannot be asked, or says what no provider says."""

    status = 502


class Provider:
    """One provider. Raises Invalid for an address that could be listened to on the way."""

    def __init__(self, login: Login) -> None:
        self.login = login
        if not is_secure(login.issuer):
            raise Invalid("login.issuer has to be an https address")
        self._http = urllib3.PoolManager(retries=False, timeout=PATIENCE, maxsize=4)
        self._lock = threading.Lock()
        self._said: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, list[Any]] | None = None

    @property
    def label(self) -> str:
        return self.login.label or urlsplit(self.login.issuer).hostname or ""

    def begin(self, back: str) -> tuple[str, Asked]:
        """Where to send the browser, and what it is to keep. `back`: where it comes back to."""
        asked = Asked(state=_random(), nonce=_random(), verifier=_random())
        challenge = base64.urlsafe_b64encode(hashlib.sha256(asked.verifier.encode()).digest()).rstrip(b"=").decode()
        words = {
            "response_type": "code",
            "client_id": self.login.client,
            "redirect_uri": back,
            "scope": " ".join(self.login.scopes),
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        place = self._about()["authorization_endpoint"]
        return f"{place}{'&' if urlsplit(place).query else '?'}{urlencode(words)}", asked

    def finish(self, asked: Asked, given: Mapping[str, str], back: str) -> Person:
        """Who came back with these words. Raises Unproven, Unreachable."""
        if not secrets.compare_digest(given.get("state", "").encode(), asked.state.encode()):
            raise Unproven("this is not the answer to what this browser asked")
        if given.get("iss", self.login.issuer) != self.login.issuer:  # RFC 9207
            raise Unproven("another provider answered")
        if "error" in given or not given.get("code"):
            raise Unproven(f"the provider let nobody in ({given.get('error', 'no code')[:60]!r})")
        tokens = self._tokens(given["code"], asked.verifier, back)
        claims = self._proven(tokens.get("id_token"), asked.nonce)
        if "userinfo_endpoint" in self._about() and isinstance(tokens.get("access_token"), str):
            claims = {**self._more(tokens["access_token"], claims["sub"]), **claims}
        return self._person(claims)

    def _about(self) -> dict[str, Any]:
        with self._lock:
            if self._said and time.monotonic() - self._said[0] < KEPT:
                return self._said[1]
            said = self._asked("GET", f"{self.login.issuer.rstrip('/')}/.well-known/openid-configuration")
            if said.get("issuer") != self.login.issuer:
                raise Unreachable(
                    f"the provider calls itself {str(said.get('issuer'))[:200]!r}, not as login.issuer does"
                )
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                _secure(said, name)
            self._said = time.monotonic(), said
            return said

    def _tokens(self, code: str, verifier: str, back: str) -> dict[str, Any]:
        words = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
            "client_id": self.login.client,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        secret = self.secret()
        about = self._about()
        if secret and "client_secret_basic" in about.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ):
            both = f"{quote_plus(self.login.client)}:{quote_plus(secret)}"  # RFC 6749, 2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        elif secret:
            words["client_secret"] = secret
        return self._asked("POST", about["token_endpoint"], urlencode(words), headers)

    def secret(self) -> str | None:
        """What proves this control room to the provider. Raises Unreachable where its file cannot be read."""
        if self.login.secret_file is None:
            return os.environ.get(SECRET)
        try:
            return Path(self.login.secret_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise Unreachable(f"login.secret_file cannot be read: {why.lower()}") from None

    def _proven(self, token: Any, nonce: str) -> dict[str, Any]:
        """The claims of an ID token (Core 1.0, 3.1.3.7). Raises Unproven."""
        claims = self._signed(token)
        audience = claims.get("aud")
        audience = [audience] if isinstance(audience, str) else audience
        now, ends, made = time.time(), _number(claims.get("exp")), _number(claims.get("iat"))
        subject = claims.get("sub")
        if claims.get("iss") != self.login.issuer:
            raise Unproven("the token is another provider's")
        if not isinstance(audience, list) or self.login.client not in audience:
            raise Unproven("the token is for somebody else")
        if (len(audience) > 1 or "azp" in claims) and claims.get("azp") != self.login.client:
            raise Unproven("the token was made for somebody else")
        if ends is None or made is None or now > ends + SLACK or not -SLACK <= now - made <= OLDEST:
            raise Unproven("the token is too old, or of a time to come")
        if not isinstance(claims.get("nonce"), str) or not secrets.compare_digest(
            claims["nonce"].encode(), nonce.encode()
        ):
            raise Unproven("the token is the answer to something else")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST:
            raise Unproven("the token says of nobody that it is them")
        return claims

    def _signed(self, token: Any) -> dict[str, Any]:
        """What was signed by one of the provider's keys."""
        try:
            head = msgspec.json.decode(base64.urlsafe_b64decode(token.partition(".")[0] + "=="), type=dict[str, Any])
        except (AttributeError, ValueError, msgspec.MsgspecError):
            raise Unproven("there is no token that can be read") from None
        if head.get("alg") not in SIGNED:
            raise Unproven("the token is not signed as a provider signs")
        for fresh in (False, True):
            for key in self._candidates(head, fresh=fresh):
                try:
                    return dict(jwt.decode(token, key, algorithms=[head["alg"]]).claims)
                except (JoseError, ValueError):
                    continue
        raise Unproven("the token is not signed by the provider")

    def _candidates(self, head: Mapping[str, Any], *, fresh: bool) -> list[Any]:
        wanted = head.get("kid")
        return [
            key
            for key in self._published(fresh=fresh)
            if wanted is None or key.kid == wanted
            if key.as_dict().get("alg", head["alg"]) == head["alg"]
        ]

    def _published(self, *, fresh: bool) -> list[Any]:
        about = self._about()
        with self._lock:
            age = time.monotonic() - self._keys[0] if self._keys else KEPT
            if self._keys and age < (AGAIN if fresh else KEPT):
                return self._keys[1]
            said = self._asked("GET", about["jwks_uri"]).get("keys")
            found = [_key(one) for one in said] if isinstance(said, list) else []
            self._keys = time.monotonic(), [key for key in found if key is not None]
            return self._keys[1]

    def _more(self, access: str, subject: str) -> dict[str, Any]:
        """What the token left out (Core 1.0, 5.3.2: of the same subject only)."""
        place = _secure(self._about(), "userinfo_endpoint")
        said = self._asked("GET", place, headers={"Authorization": f"Bearer {access}"})
        if said.get("sub") != subject:
            raise Unproven("the provider speaks of somebody else")
        return said

    def _person(self, claims: Mapping[str, Any]) -> Person:
        email, groups = claims.get("email"), claims.get(self.login.groups_claim)
        return Person(
            issuer=self.login.issuer,
            subject=claims["sub"],
            name=str(claims.get("preferred_username") or "")[:LONGEST],
            email=email if claims.get("email_verified") is True and isinstance(email, str) else "",
            groups=tuple(one for one in groups if isinstance(one, str)) if isinstance(groups, list) else (),
        )

    def _asked(
        self, method: str, place: str, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON object that it answers. Raises Unreachable; nothing of an answer is told."""
        host = urlsplit(place).hostname
        try:
            answer = self._http.request(
                method, place, body=body, headers={"Accept": "application/json", **(headers or {})},
                redirect=False, preload_content=False,
            )  # fmt: skip
            try:
                said = answer.read(MOST + 1)
            finally:
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"the provider {host} {_why(error)}; try again in a moment") from None
        if answer.status == 400 and method == "POST":
            raise Unproven("the provider does not take this answer back; log in once more")
        if answer.status != 200 or len(said) > MOST:
            raise Unreachable(f"the provider {host} answered {answer.status}")
        try:
            return msgspec.json.decode(said, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise Unreachable(f"the provider {host} answered what cannot be read") from None


def _why(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "does not answer in time"
    if isinstance(error, urllib3.exceptions.SSLError):
        return "could not prove who it is"
    return "does not answer"


def _key(said: Any) -> Any:
    """A key with which signatures are checked; None for any other."""
    kind = KINDS.get(str(said.get("kty"))) if isinstance(said, dict) else None
    if kind is None or said.get("use", "sig") != "sig":
        return None
    try:
        return kind.import_key(said)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _secure(said: Mapping[str, Any], name: str) -> str:
    """A place that the provider says. Raises Unreachable unless nobody on the way reads what is sent there."""
    place = said.get(name)
    if not is_secure(place):
        raise Unreachable(f"the provider's {name} is no https address")
    return str(place)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _random() -> str:
    return secrets.token_urlsafe(32)
