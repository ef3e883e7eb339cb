"""Which versions of packages there are: as a package index lists them (the JSON of PEP 691, the HTML of PEP 503), or by
name in one file.

A version is one that can be installed: with a file that was not yanked (PEP 592). Nothing in it is trusted.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import msgspec
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion

from arkwright.advisories import files
from arkwright.advisories.entry import normal
from arkwright.core.errors import Invalid
from arkwright.core.visible import visible

_LONGEST = 500  # characters of a file's name
# the parser of the standard library takes hours for a page of what is not closed, and no time for a tag by itself
_LINK = re.compile(r"""<a\s(?:[^<>"']|"[^"]{0,2000}"|'[^']{0,2000}'){0,5000}+>""", re.IGNORECASE)


class _File(msgspec.Struct):
    filename: str
    yanked: bool | str = False  # or why


class _Project(msgspec.Struct):
    name: str
    files: list[_File]


@dataclass(slots=True)
class Listed:
    """`versions`: by the normal name of the package; `unread`: a line for the first entry that cannot be read."""

    versions: dict[str, list[str]] = field(default_factory=dict)
    read: int = 0
    unread: str = ""

    def take(self, data: bytes, where: str, wanted: Collection[str] | None) -> None:
        """Everything in one file."""
        try:
            found = decode(data)
        except Invalid as error:
            self.miss(where, str(error))
            return
        self.read += 1
        self.versions |= {name: some for name, some in found.items() if wanted is None or name in wanted}

    def miss(self, where: str, why: str) -> None:
        self.unread = self.unread or visible(" ".join(f"{where} cannot be read: {why}".split()))


def read(path: Path, names: Collection[str] | None = None) -> Listed:
    """What it says of these packages, or of all. Raises Unknown where there is nothing, Invalid where it is none."""
    found, wanted = Listed(), None if names is None else {normal(name) for name in names}
    then = 'put {"NAME": ["VERSION"]} there, or what an index answers (PEP 691)'
    for where, data in files.read(path, found.miss, "versions of packages", then):
        found.take(data, where, wanted)
    if not found.read:
        raise Invalid(f"{path.name} holds no versions of packages{': ' + found.unread if found.unread else ''}")
    return found


def decode(data: bytes) -> dict[str, list[str]]:
    """What one file lists, by normal names. Raises Invalid in a few words."""
    if len(data) > files.LARGEST:
        raise Invalid(f"it has more than {files.LARGEST >> 20} MiB")
    try:
        said = msgspec.json.decode(data)
        try:
            by_name = msgspec.convert(said, dict[str, list[str]])
        except msgspec.ValidationError:
            project = msgspec.convert(said, _Project)
            by_name = {project.name: _installable(project.files)}
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Invalid(" ".join(str(error).split())[:200] or "it is nested too deeply") from None
    return {normal(name): some for name, some in by_name.items()}


def linked(page: bytes) -> list[str]:
    """The versions of the files to which an index's page in HTML links. Raises Invalid where it links to none."""
    links = _Links()
    for tag in _LINK.findall(page.decode(errors="replace")):
        links.reset()
        links.feed(tag)
    if not any(_version(one.filename) for one in links.files):
        raise Invalid("it links to no files")
    return _installable(links.files)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.files: list[_File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """The address ends with the name of the file; `data-yanked` may have no value."""
        said = dict(attrs)
        path = (said.get("href") or "").partition("#")[0].partition("?")[0]
        self.files.append(_File(unquote(path.rpartition("/")[2]), "data-yanked" in said))


def _installable(files: Iterable[_File]) -> list[str]:
    found = {_version(one.filename) for one in files if not one.yanked}
    return sorted(version for version in found if version)


def _version(filename: str) -> str:
    """Empty for what is neither a wheel nor a source distribution, and for what is called otherwise than these are."""
    if len(filename) > _LONGEST:
        return ""
    try:
        if filename.endswith(".whl"):
            return str(parse_wheel_filename(filename)[1])
        return str(parse_sdist_filename(filename)[1])
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return ""
