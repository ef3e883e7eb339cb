"""What a source is, by how it is spelt: a scheme, or a file's ending."""

import os
import re
from pathlib import Path, PurePosixPath

from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.record import digest_file, digest_of
from arkwright.data.batch import Reader
from arkwright.data.readers import http_source, places, sql_address, streams
from arkwright.data.readers.csv import CsvReader
from arkwright.data.readers.json import JsonReader
from arkwright.data.readers.parquet import ParquetReader
from arkwright.data.readers.postgres import PostgresReader
from arkwright.data.readers.sqlite import SqliteReader

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
SCHEMES = ("package", "http", "https", "sqlite", "postgresql")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//)?")


def readers(source: str, *, folder: Path, null: tuple[str, ...], spool: Path) -> list[Reader]:
    """One reader for each file, table or query that the source means; what is fetched goes into `spool`.

    Raises Invalid for a scheme or an ending that nothing reads, Unknown or Missing for what is not there.
    """
    match _scheme(source, folder):
        case "package":
            return [reader(places.in_package(_after(source)), source, null)]
        case "http" | "https":
            kind_of(http_source.name(source), http_source.what(source), known_member="x.csv")
            return [reader(http_source.download(source, spool), http_source.what(source), null)]
        case "sqlite":
            address = sql_address.parse(source)
            return [SqliteReader(_sqlite_file(address, folder), address)]
        case "postgresql":
            return [PostgresReader(sql_address.parse(source))]
    return [reader(path, _what(path, folder), null) for path in places.files(source, folder)]


def fingerprint(source: str, folder: Path) -> str | None:
    """A digest that changes when the source's content does; None when only reading it can tell, as of a database."""
    match _scheme(source, folder):
        case "package":
            files = [places.in_package(_after(source))]
        case "http" | "https":
            return http_source.fingerprint(source)
        case "sqlite" | "postgresql":
            return None
        case _:
            files = places.files(source, folder)
    with streams.reading(source):
        return digest_of([[path.name, digest_file(path)] for path in files])


def leaves(source: str) -> bool:
    """Whether a source is a path that climbs out of the project's folder. An absolute path does not climb."""
    path, scheme = source, _SCHEME.match(source)
    if scheme:
        if scheme[1].lower() != "sqlite":
            return False
        path = sql_address.parse(source).address[scheme.end() :].removeprefix("/")
    return PurePosixPath(os.path.normpath(path)).parts[:1] == ("..",)


def reader(path: Path, what: str, null: tuple[str, ...]) -> Reader:
    """The reader for one file, by the ending of its name (of its member's, for a zip). Raises Invalid."""
    inner = streams.member(path, what) if path.suffix.lower() == ".zip" else ""
    match kind_of(path.name, what, known_member=inner):
        case ".csv":
            return CsvReader(path, what, null)
        case ".tsv":
            return CsvReader(path, what, null, delimiter="\t")
        case ".parquet":
            return ParquetReader(path, what)
        case _:
            return JsonReader(path, what)


def kind_of(name: str, what: str, *, known_member: str) -> str:
    """The ending that tells how to read a file. Raises Invalid for one that nothing reads."""
    path = PurePosixPath(name.lower())
    packed = path.suffix in streams.PACKED
    if packed:
        path = PurePosixPath(known_member.lower() if path.suffix == ".zip" else path.stem)
    if path.suffix not in ENDINGS:
        hint = "; JSON is read as JSON lines (.jsonl)" if path.suffix == ".json" else did_you_mean(path.suffix, ENDINGS)
        raise Invalid(f"{what}: nothing reads files that end in {path.suffix or 'nothing'!r}{hint}")
    if packed and path.suffix == ".parquet":
        raise Invalid(f"{what}: Parquet is packed already; unpack it and name that file")
    return path.suffix


def _scheme(source: str, folder: Path) -> str | None:
    """The scheme of a source, None for a file. Raises Invalid for one that nothing reads."""
    found = _SCHEME.match(source)
    if found is None or (folder / source).exists():
        return None
    scheme = found[1].lower()
    if scheme not in SCHEMES:
        raise Invalid(f"nothing reads {scheme}: sources{did_you_mean(scheme, SCHEMES)}")
    if scheme != "package" and not found[2]:
        raise Invalid(f"write the source like {scheme}://…")
    return scheme


def _after(source: str) -> str:
    return source.partition(":")[2]


def _sqlite_file(address: sql_address.SqlAddress, folder: Path) -> Path:
    spelt = address.address.partition("://")[2]
    if not spelt.startswith("/"):
        raise Invalid(f"write {address.address} with three slashes for a path in the project: sqlite:///{spelt}")
    path = folder / spelt[1:]
    if path.is_file():
        return path
    if Path(spelt).is_file() and not spelt.startswith("//"):
        raise Invalid(f"write {address.address} with four slashes for a path from the root: sqlite:///{spelt}")
    raise Unknown(f"there is no SQLite file {spelt[1:]!r}{places.beside(path, folder)}")


def _what(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
