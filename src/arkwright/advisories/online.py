"""Advisories over HTTPS: a file that is fetched again when it changed, or the API of osv.dev, asked about each package.

What is fetched is written wholly or not at all.
"""

import hashlib
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from arkwright.advisories.database import Database
from arkwright.advisories.entry import ECOSYSTEM, normal
from arkwright.advisories.files import LARGEST
from arkwright.advisories.https import WHOLE_S, End, asked, shown
from arkwright.advisories.turns import Turns
from arkwright.core.durable import publish, writing
from arkwright.core.errors import ArkwrightError
from arkwright.measures.shipped import Packages

LARGEST_FILE = 1 << 30  # bytes; osv.dev's export of PyPI has some 20 million
AT_ONCE = 500  # packages in one question, of 1,000 that the API takes
_MOST_PAGES = 100
T = TypeVar("T")


class _Vulnerability(msgspec.Struct):
    id: str


class _Result(msgspec.Struct):
    vulns: list[_Vulnerability] = []
    next_page_token: str | None = None


class _Results(msgspec.Struct):
    results: list[_Result]


def is_file(url: str) -> bool:
    """Whether a database lies there as one file, and no API answers."""
    return urlsplit(url).path.endswith((".zip", ".json"))


def fetch(url: str, folder: Path, end: End, read: Callable[[Path], Database]) -> Database:
    """What the file there says, which is kept in `folder` and asked for again only where it changed. One that cannot be
    read, or says nothing, takes the place of none. Raises ArkwrightError.
    """
    own = _place(url, folder)
    mark = own.with_suffix(".etag")
    known = mark.read_text(encoding="utf-8") if own.is_file() and mark.is_file() else ""
    with asked(end, "GET", url, {"If-None-Match": known} if known else {}) as answer:
        if answer.status == 304 and known:
            try:
                return read(own)
            except ArkwrightError:
                with writing(f"the advisories in {folder}"):
                    mark.unlink(missing_ok=True)
            return fetch(url, folder, end, read)  # what is kept cannot be read, and is nothing
        if answer.status != 200:
            raise ArkwrightError(f"{shown(url)} answers {answer.status}; look at advisories.source in site.toml")
        half, left = own.with_name(f"{own.name}.half-{os.getpid()}"), _left_behind(own)
        with writing(f"the advisories in {folder}", half, *left):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with half.open("wb") as out:
                for block in answer.blocks(LARGEST_FILE):
                    out.write(block)
            if own.suffix == ".zip" and not zipfile.is_zipfile(half):  # a page to sign in, such as a proxy has
                raise ArkwrightError(f"{shown(url)} gives no whole zip; look at advisories.source in site.toml")
            try:
                found = read(half)
            except ArkwrightError as error:
                raise ArkwrightError(f"{shown(url)} gives no advisories: {error}") from None
            mark.unlink(missing_ok=True)  # who is killed here fetches it once more
            publish(half, own)
            mark.write_text(str(answer.headers.get("ETag", ""))[:500], encoding="utf-8")
    return found


def _left_behind(own: Path) -> list[Path]:
    """Halves of it by who was killed: nobody who still writes has written nothing for so long."""
    found = []
    for half in own.parent.glob(f"{own.name}.half-*"):
        with suppress(FileNotFoundError):  # it has its name by now
            found += [half] if time.time() - half.stat().st_mtime > 2 * WHOLE_S else []
    return found


def kept(url: str, folder: Path) -> Path | None:
    """What was fetched from there before."""
    own = _place(url, folder)
    return own if own.is_file() else None


def _place(url: str, folder: Path) -> Path:
    return folder / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}{Path(urlsplit(url).path).suffix}"


def ask(url: str, packages: Packages, found: Database, folder: Path, now: Any, end: End) -> bool:
    """What the API knows of these packages, put into `found`; whether all of it came. `folder`: where it is kept in
    which order it was asked. Raises ArkwrightError where nobody knows what there is.
    """
    base, whole, turns = url.rstrip("/"), True, Turns(_place(url, folder))
    wanted = {normal(name) for name, _ in packages}
    for number in turns.of({one for start in range(0, len(packages), AT_ONCE)
                            for one in _ids(base, packages[start : start + AT_ONCE], end)}):  # fmt: skip
        where, called = f"{base}/v1/vulns/{quote(number, safe='')}", f"{shown(url)}, {number[:60]}"
        try:
            with turns.asks(number), asked(end, "GET", where) as answer:
                if answer.status == 200:
                    found.take(b"".join(answer.blocks(LARGEST)), called, wanted, now)
                else:
                    found.miss(called, f"it answers {answer.status}")
        except ArkwrightError as error:  # of hundreds some are known when the time is over, and the others may be one
            found.miss(called, str(error))
            whole = False
    if not whole:
        turns.keep()
    found.newest = now
    return whole


def _ids(base: str, packages: Packages, end: End) -> Iterator[str]:
    """Of every advisory on one of them, page by page."""
    queries: list[dict[str, Any]] = [
        {"package": {"name": normal(name), "ecosystem": ECOSYSTEM}, "version": version} for name, version in packages
    ]
    for _ in range(_MOST_PAGES):
        results = _told(f"{base}/v1/querybatch", {"queries": queries}, _Results, end).results
        if len(results) != len(queries):
            raise ArkwrightError(f"{shown(base)} answers otherwise than osv.dev does; look at advisories.source")
        yield from (one.id for result in results for one in result.vulns)
        more = zip(queries, results, strict=True)
        queries = [query | {"page_token": one.next_page_token} for query, one in more if one.next_page_token]
        if not queries:
            return
    raise ArkwrightError(f"{shown(base)} has no end of pages; look at advisories.source in site.toml")


def _told(url: str, value: Any, kind: type[T], end: End) -> T:
    with asked(end, "POST", url, {"Content-Type": "application/json"}, msgspec.json.encode(value)) as answer:
        if answer.status != 200:
            raise ArkwrightError(f"{shown(url)} answers {answer.status}; look at advisories.source in site.toml")
        body = b"".join(answer.blocks(LARGEST))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError):
        raise ArkwrightError(f"{shown(url)} answers otherwise than osv.dev does; look at advisories.source") from None
