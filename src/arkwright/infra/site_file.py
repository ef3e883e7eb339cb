"""`site.toml`, beside a site's records: where the ones are that do not lie beside it, and whom it tells what happens.
Read strictly.
"""

import ipaddress
import re
import shutil
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arkwright.core.durable import publish, writing
from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.kinds import in_toml
from arkwright.core.mailbox import is_address
from arkwright.core.secure import is_secure
from arkwright.core.settings import Advisories, Lineage, Login, Mail, Packages, Webhooks
from arkwright.infra import postgres_address

FILE = "site.toml"
S = TypeVar("S")
_LABEL = r"[A-Za-z0-9-]{1,63}"
_SERVER = re.compile(rf"(\[[0-9a-f:.]+\]|{_LABEL}(\.{_LABEL})*\.?):(?P<port>[0-9]{{1,5}})")


@dataclass(frozen=True, slots=True)
class Settings:
    """`ledger`: the address of the ledger and the vault; None: files in the site's folder. `address`: of the control
    room, as people reach it; it stands in what they are sent.
    """

    ledger: str | None = None
    address: str | None = None
    webhooks: Webhooks = field(default_factory=Webhooks)
    mail: Mail | None = None
    openlineage: Lineage | None = None
    login: Login | None = None
    advisories: Advisories | None = None
    packages: Packages | None = None


_SECTIONS: dict[str, type[Any]] = {
    "webhooks": Webhooks,
    "mail": Mail,
    "openlineage": Lineage,
    "login": Login,
    "advisories": Advisories,
    "packages": Packages,
}
_KEYS = tuple(field.name for field in fields(Settings))


def read(folder: Path) -> Settings:
    """Nothing is chosen where there is no file. Raises Invalid: an unknown key must not mean "as by default"."""
    path = folder / FILE
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read: {error}") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {(error.strerror or '').lower()}") from None
    for key in given:
        if key not in _KEYS:
            raise Invalid(f"{path}: unknown key {key!r}{did_you_mean(key, _KEYS)}")
    try:
        return _settings(given)
    except Invalid as error:
        raise Invalid(f"{path}: {error}") from None


class Current:
    """What the file says at this moment: read again whenever it was changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: tuple[object, Settings] | None = None

    def __call__(self) -> Settings:
        """Raises Invalid."""
        stamp = self._stamp()
        if self._known is None or self._known[0] != stamp:
            self._known = stamp, read(self._folder)
        return self._known[1]

    def _stamp(self) -> object:
        try:
            found = (self._folder / FILE).stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _settings(given: dict[str, Any]) -> Settings:
    read: dict[str, Any] = {
        name: _section(name, kind, given[name]) for name, kind in _SECTIONS.items() if name in given
    }
    ledger, address = given.get("ledger"), given.get("address")
    if ledger is not None:
        if not isinstance(ledger, str):
            raise Invalid('ledger must be an address, such as "postgresql://host/database"')
        check(ledger)
    if address is not None and not (
        isinstance(address, str) and re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+", address)
    ):
        raise Invalid('address must be how people reach the control room, such as "https://arkwright.example.org"')
    settings = Settings(ledger, address, **read)
    if settings.login and ("?" in settings.login.issuer or not is_secure(settings.login.issuer)):
        raise Invalid(
            'login.issuer must be the provider\'s https address, such as "https://login.example.org/realms/ml"'
        )
    if settings.login and not settings.login.client:
        raise Invalid("login.client must be what the provider calls this control room; it is empty")
    _networks(settings.webhooks)
    if settings.mail:
        _mail(settings.mail)
    return settings


def _mail(mail: Mail) -> None:
    found = _SERVER.fullmatch(mail.server)
    if not found or not 0 < int(found["port"]) < 1 << 16:
        raise Invalid('mail.server must be host:port, such as "smtp.example.org:587"')
    if not is_address(mail.sender) or not all(re.split("[.@]", mail.sender)):
        raise Invalid("mail.from must be an e-mail address in plain letters, such as arkwright@example.org")


def _section(name: str, kind: type[S], given: Any) -> S:
    """A table of the file as what it is. Raises Invalid."""
    known = [field.encode_name for field in msgspec.structs.fields(kind)]  # type: ignore[arg-type]
    for key in given if isinstance(given, dict) else ():
        if key not in known:
            raise Invalid(f"unknown key {key!r} in [{name}]{did_you_mean(key, known)}")
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise Invalid(f"[{name}]: {in_toml(str(error))[:200]}") from None


def _networks(webhooks: Webhooks) -> None:
    for text in webhooks.allow:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise Invalid(f'webhooks.allow: {text[:60]!r} is no network; write it like "10.1.0.0/16"') from None


def check(ledger: str) -> None:
    """Raises Invalid for an address that names no ledger, or holds a password."""
    postgres_address.parse(ledger)


def write(folder: Path, ledger: str) -> None:
    """Note the address, durably, before all that the file says already: behind a table it would be a part of that."""
    path = (folder / FILE).resolve()  # it may be a link to where somebody keeps it
    temporary = path.with_name(f"{path.name}.new")
    with writing(f"{folder / FILE}", temporary):
        said = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        temporary.write_text(f"ledger = {msgspec.json.encode(ledger).decode()}\n{said}", encoding="utf-8")
        if path.exists():
            shutil.copymode(path, temporary)
        publish(temporary, path)
