"""A package index over HTTPS, asked for the versions of each package: as JSON (PEP 691), or in HTML (PEP 503), where it
knows nothing else.
"""

from urllib.parse import quote

from arkwright.advisories import versions
from arkwright.advisories.files import LARGEST
from arkwright.advisories.https import End, asked, shown
from arkwright.core.errors import ArkwrightError, Invalid

_READ = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"  # PEP 691's


def ask(url: str, name: str, end: End) -> list[str]:
    """The versions of the package of this normal name, none where the index does not have it. Raises ArkwrightError."""
    where = f"{url.rstrip('/')}/{quote(name, safe='')}/"
    with asked(end, "GET", where, {"Accept": _READ}) as answer:
        if answer.status == 404:
            return []
        if answer.status != 200:
            raise ArkwrightError(f"{shown(url)} answers {answer.status} for {name}; look at packages.source")
        body = b"".join(answer.blocks(LARGEST))
    try:
        return versions.linked(body) if body.lstrip()[:1] == b"<" else versions.decode(body).get(name, [])
    except Invalid:
        raise ArkwrightError(
            f"{shown(url)} has no list of files for {name} (PEP 691 or PEP 503); look at packages.source"
        ) from None
