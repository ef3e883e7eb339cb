"""What a source is, by how it is spelt: a scheme, or a file's ending."""

from pathlib import Path, PurePosixPath

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.data import places, streams
from arkwright.data.batch import Reader
from arkwright.data.csv_reader import CsvReader

ENDINGS = (".csv", ".tsv")


def readers(source: str, *, folder: Path, null: tuple[str, ...]) -> list[Reader]:
    """One reader for each file, table or query that the source means.

    Raises Invalid for a scheme or an ending that nothing reads, Unknown or Missing for what is not there.
    """
    scheme, colon, rest = source.partition(":")
    if colon and scheme == "package":
        return [reader(places.in_package(rest), source, null)]
    return [reader(path, _what(path, folder), null) for path in places.files(source, folder)]


def reader(path: Path, what: str, null: tuple[str, ...]) -> Reader:
    """The reader for one file, by the ending of its name (of its member's, for a zip). Raises Invalid."""
    name = PurePosixPath(path.name.lower())
    packed = name.suffix in streams.PACKED
    if name.suffix == ".zip":
        name = PurePosixPath(streams.member(path, what).lower())
    elif packed:
        name = PurePosixPath(name.stem)
    match name.suffix:
        case ".csv":
            return CsvReader(path, what, null)
        case ".tsv":
            return CsvReader(path, what, null, delimiter="\t")
    raise Invalid(f"{what}: nothing reads files that end in {name.suffix!r}{did_you_mean(name.suffix, ENDINGS)}")


def _what(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
