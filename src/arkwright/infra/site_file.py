"""`site.toml`, beside a site's records: where the ones are that do not lie beside it. Read strictly."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.infra import postgres_address
from arkwright.infra.durable import publish, writing

FILE = "site.toml"
_KEYS = ("ledger",)


@dataclass(frozen=True, slots=True)
class Settings:
    """`ledger`: the address of the ledger and the vault; None: files in the site's folder."""

    ledger: str | None = None


def read(folder: Path) -> Settings:
    """Nothing is chosen where there is no file. Raises Invalid: an unknown key must not mean "as by default"."""
    path = folder / FILE
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read: {error}") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {(error.strerror or '').lower()}") from None
    for key in given:
        if key not in _KEYS:
            raise Invalid(f"{path}: unknown key {key!r}{did_you_mean(key, _KEYS)}")
    ledger = given.get("ledger")
    if ledger is not None:
        if not isinstance(ledger, str):
            raise Invalid(f'{path}: ledger must be an address, such as "postgresql://host/database"')
        try:
            check(ledger)
        except Invalid as error:
            raise Invalid(f"{path}: {error}") from None
    return Settings(ledger)


def check(ledger: str) -> None:
    """Raises Invalid for an address that names no ledger, or holds a password."""
    postgres_address.parse(ledger)


def write(folder: Path, ledger: str) -> None:
    """Note the address, durably."""
    temporary = folder / f"{FILE}.new"
    with writing(f"{folder / FILE}", temporary):
        temporary.write_text(f"ledger = {msgspec.json.encode(ledger).decode()}\n", encoding="utf-8")
        publish(temporary, folder / FILE)
