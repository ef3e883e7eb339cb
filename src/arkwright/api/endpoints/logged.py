"""Verbs about what was answered: find predictions again, and label them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.api.people.accounts import allow
from arkwright.core import versions
from arkwright.core.bounds import LARGEST, Number
from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.record import decode, split_reference
from arkwright.core.signature import Signature
from arkwright.core.where import parse
from arkwright.serve.tap import asked
from arkwright.serve.tap.labels import Labels, Value
from arkwright.serve.tap.query import Wanted, find, unknown
from arkwright.serve.wire.messages import Problem
from arkwright.sites import Site


@dataclass(frozen=True)
class Labelled:
    """How many labels were kept, and how many of them belong to no prediction that is known by now."""

    labels: int
    unknown: int


def predictions(
    site: Site,
    by: Actor,
    project: Path,
    *,
    endpoint: str,
    since: datetime | None = None,
    until: datetime | None = None,
    release: str | None = None,
    id: str | None = None,  # noqa: A002 - as people say it
    where: Sequence[str] = (),
    limit: Number | None = 100,
) -> pa.Table:
    """What the endpoint answered, newest first, one row for each row it was asked about; `actual` is its label.

    `since` and `until` are UTC without a zone; `where`: values of columns, each `carrier=UA`, `distance>=500` or `age=`
    (empty). Raises Unknown for an endpoint, a release or a column that is not there.
    """
    with site.scratch("predictions") as scratch:
        out = scratch / "found.parquet"
        _find(site, endpoint, (since, until), release, id, where, limit, out)
        return pq.read_table(out)


def save(
    site: Site,
    by: Actor,
    project: Path,
    *,
    endpoint: str,
    out: Path,
    since: datetime | None = None,
    until: datetime | None = None,
    release: str | None = None,
    id: str | None = None,  # noqa: A002 - as people say it
    where: Sequence[str] = (),
    limit: Number | None = None,
) -> int:
    """The same in a Parquet file, however many they are; the number of rows. Raises Invalid for an unusable path."""
    if not out.parent.is_dir() or out.is_dir():
        raise Invalid(f"{out} cannot be written: name a file in a folder that is there")
    return _find(site, endpoint, (since, until), release, id, where, limit, out)


def label(site: Site, by: Actor, project: Path, *, endpoint: str, labels: Sequence[Mapping[str, Any]]) -> Labelled:
    """Keep labels, each `{"id": …, "label": …}` and `"row"` where a request had several; durable when it returns.

    The last label of a row counts. An id that nobody knows yet is kept too. Raises Invalid with the place of a mistake.
    """
    allow(site, by, "work")
    name = _known(site, endpoint)
    try:
        given = asked.decode(msgspec.json.encode(labels), kind(site, name), _classes(site, name))
    except Problem as problem:
        raise Invalid(problem.message) from None
    folder = site.predictions / name
    with Labels(folder) as log:
        count = log.add(given, by.name).result()
    with site.scratch("label") as scratch:
        strangers = unknown(folder, site.store, site.tables, scratch, [(one.id, one.row) for one in given])
    return Labelled(count, strangers)


def kind(site: Site, endpoint: str) -> type[Value] | None:
    """What a label of this endpoint is: of the classes' type, or a number; None where no release is on record."""
    noun = versions.latest(site.ledger, Endpoint, _known(site, endpoint))
    if noun is None:
        return None
    kinds: set[Any] = {type(value) for value in _classes_of(site, next(iter(noun.shares)))} or {float}
    return kinds.pop() if len(kinds) == 1 else None


def _classes(site: Site, endpoint: str) -> set[Value]:
    """Of every release that ever stood behind the endpoint, whose answers may be labelled still; none where one of them
    has no classes.
    """
    ever = {ref for one in versions.all_of(site.ledger, Endpoint, endpoint) for ref in (*one.shares, *one.shadows)}
    found = [_classes_of(site, ref) for ref in ever]
    return {value for classes in found for value in classes} if all(found) else set()


def _classes_of(site: Site, ref: str) -> tuple[Value, ...]:
    return signature(site, versions.resolve(site.ledger, Release, ref)).classes


def signature(site: Site, release: Release) -> Signature:
    """What it takes and gives."""
    return decode(Signature, site.store.path(release.files["signature.json"]).read_bytes())


def spelt(text: str, wanted: type[Value] | None) -> Value:
    """A label as people type it, or as a CSV file has it. Raises Invalid."""
    if wanted is bool:
        if text.lower() not in ("true", "false"):
            raise Invalid(f"the label {text[:40]!r} is neither true nor false")
        return text.lower() == "true"
    if wanted in (int, float):
        try:
            number: int | float = wanted(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise Invalid(f"the label {text[:40]!r} is not {'a whole' if wanted is int else 'a'} number")
        return number
    return text


def _find(
    site: Site,
    endpoint: str,
    span: tuple[datetime | None, datetime | None],
    release: str | None,
    id_: str | None,
    where: Sequence[str],
    limit: Number | None,
    out: Path,
) -> int:
    if limit is not None and limit < 1:
        raise Invalid(f"{limit} rows cannot be listed; take 1 to {LARGEST:,}")
    name = _known(site, endpoint)
    ref = versions.resolve(site.ledger, Release, release).ref if release else None
    values = tuple(parse(one) for one in where)
    wanted = Wanted(since=span[0], until=span[1], release=ref, id=id_, limit=limit, where=values)
    with site.scratch("predictions") as scratch:
        return find(site.predictions / name, site.store, site.tables, scratch, wanted, out)


def _known(site: Site, endpoint: str) -> str:
    """The name of an endpoint that answers, or that answered once. Raises Unknown."""
    name, _ = split_reference(endpoint, Endpoint.KIND)
    names = versions.names(site.ledger, Endpoint)
    if name not in names and not (site.predictions / name).is_dir():
        raise Unknown(f"no endpoint is called {name!r}{did_you_mean(name, names)}")
    return name
