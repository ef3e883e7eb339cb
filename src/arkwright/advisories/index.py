"""A package index over HTTPS, asked for the versions of each package (PEP 691, the JSON of PEP 503's simple API)."""

from collections.abc import Collection
from urllib.parse import quote

from arkwright.advisories import versions
from arkwright.advisories.entry import normal
from arkwright.advisories.files import LARGEST
from arkwright.advisories.https import asked, blocks, shown
from arkwright.core.errors import ArkwrightError, Invalid

_JSON = "application/vnd.pypi.simple.v1+json"


def ask(url: str, names: Collection[str]) -> dict[str, list[str]]:
    """The versions of each, none of one that the index does not have. Raises ArkwrightError."""
    return {name: _versions(url, name) for name in sorted({normal(name) for name in names})}


def _versions(url: str, name: str) -> list[str]:
    where = f"{url.rstrip('/')}/{quote(name, safe='')}/"
    with asked("GET", where, {"Accept": _JSON}) as answer:
        if answer.status == 404:
            return []
        if answer.status != 200:
            raise ArkwrightError(f"{shown(url)} answers {answer.status} for {name}; look at packages.source")
        body = b"".join(blocks(where, answer, LARGEST))
    try:
        return versions.decode(body).get(name, [])
    except Invalid:
        raise ArkwrightError(f"{shown(url)} has no JSON for {name} (PEP 691); look at packages.source") from None
