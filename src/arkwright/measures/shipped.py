"""What a measure of a release is given: the packages it was made with, what is known about them, and its own bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

Packages = Sequence[tuple[str, str]]  # (name, version), in order
SEVERITIES = ("low", "medium", "high", "critical")  # CVSS v4.0, section 6: from 0.1, 4.0, 7.0 and 9.0 on


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """A known vulnerability of one package in that version, whatever number of names it has.

    `severity`: one of SEVERITIES, "none", or None where nobody rated it; `fixed`: the first version without it.
    `sure`: whether the version is affected; False where the advisory's versions cannot be compared with it. `names`:
    all that it has; `ignored`: by whom, until when and why it does not count, empty where it does.
    """

    package: str
    version: str
    id: str
    severity: str | None = None
    fixed: str | None = None
    sure: bool = True
    names: tuple[str, ...] = ()
    ignored: str = ""

    def __str__(self) -> str:
        said = f"{self.package} {self.version}: {self.id} {self.severity or 'without a severity'}"
        said += f" (fixed in {self.fixed})" if self.fixed else ""
        return said if self.sure else f"{said}, whose versions cannot be compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """What a database of advisories says of some packages. `age`: in words, as of when it is.

    `unread`: entries that cannot be read, a line for each of the first ones, and `unreadable`, how many: each may be
    about one of the packages. `stale`: why a database that finds nothing proves nothing, or why there is none; empty
    where it does. `failed`: the source gave no answer just now; another process may get one.
    """

    known: tuple[Advisory, ...] = ()
    age: str = ""
    unread: tuple[str, ...] = ()
    unreadable: int = 0
    stale: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """A package, and the newest version of it. `by`: the first number of the version that differs, major | minor, else
    any.
    """

    package: str
    version: str
    newest: str
    by: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}: {self.newest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """Which of some packages have newer versions. `unknown`: a line for each of which nobody can tell; `age`: in words,
    as of when it is known; `stale`: why versions of then prove nothing, or why none are known, empty where they do.
    `failed`: the source gave no answer just now; another process may get one.
    """

    newer: tuple[Newer, ...] = ()
    unknown: tuple[str, ...] = ()
    age: str = ""
    stale: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A release at the moment `now`, in UTC. `advised`: what is known of its packages; `newest`: which of them have
    newer versions.

    Of a live one: `files`, how many it has; `altered`: what is wrong with them and with its signature.
    """

    packages: Packages = ()
    advised: Advised = Advised(stale="no advisories were looked at")
    newest: Newest = Newest(stale="no newest versions were looked at")
    trained: datetime | None = None
    now: datetime | None = None
    files: int = 0
    altered: tuple[str, ...] = ()
