"""One advisory in OSV format (ossf.github.io/osv-schema), as far as it is needed; whatever else is in it is left alone.

It is somebody else's file: bounded in size, and read strictly where it decides.
"""

import re
from typing import Any, TypeVar

import msgspec

from arkwright.advisories.files import LARGEST
from arkwright.core.errors import Invalid
from arkwright.core.visible import visible

ECOSYSTEM = "PyPI"
_SHOWN = 200  # characters of what is wrong


class Rating(msgspec.Struct, frozen=True):
    """`type`: CVSS_V2 | CVSS_V3 | CVSS_V4, or another; `score`: a vector."""

    type: str
    score: str


class Package(msgspec.Struct, frozen=True):
    name: str
    ecosystem: str


class Event(msgspec.Struct, frozen=True):
    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None


class Range(msgspec.Struct, frozen=True):
    type: str
    events: list[Event] = []


class Affected(msgspec.Struct, frozen=True):
    package: Package | None = None  # none where only a repository is named
    ranges: list[Range] | None = None
    versions: list[str] | None = None
    severity: list[Rating] | None = None


class Entry(msgspec.Struct, frozen=True):
    """One advisory."""

    id: str
    modified: str
    withdrawn: str | None = None
    aliases: list[str] | None = None
    severity: list[Rating] | None = None
    affected: list[Affected] | None = None
    database_specific: Any = None

    @property
    def shown(self) -> str:
        """Its id in one line, whatever somebody put there."""
        return visible(" ".join(self.id[:60].split()))

    @property
    def word(self) -> str | None:
        """How bad it is by the word of whoever keeps the database, as GitHub gives it."""
        said = self.database_specific.get("severity") if isinstance(self.database_specific, dict) else None
        return said if isinstance(said, str) else None


_one = msgspec.json.Decoder(Entry)
_many = msgspec.json.Decoder(list[msgspec.Raw])
T = TypeVar("T")


def pieces(data: bytes) -> list[bytes]:
    """The advisories of one file, each by itself: a list of them, or one alone. Raises Invalid in a few words."""
    if len(data) > LARGEST:
        raise Invalid(f"it has more than {LARGEST >> 20} MiB")
    return [bytes(one) for one in _read(_many, data)] if data.lstrip()[:1] == b"[" else [data]


def decode(data: bytes) -> Entry:
    """One advisory. Raises Invalid in a few words."""
    return _read(_one, data)


def _read(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(" ".join(str(error).split())[:_SHOWN] or "it is nested too deeply") from None


def normal(name: str) -> str:
    """The one spelling of a package's name. PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()
