"""The way in: a source as typed, checked rows in one Parquet file, and beside it the rows that did not fit."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arkwright.core.durable import publish, writing
from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.nouns import Column
from arkwright.core.rows import Field
from arkwright.data import infer, sources
from arkwright.data.batch import Reader
from arkwright.data.cells.caster import Caster
from arkwright.data.quarantine import Quarantine
from arkwright.data.snapshot import Snapshot
from arkwright.data.spelling import aligned
from arkwright.data.writing import half

_SECONDS = 5.0  # between two words about progress


@dataclass(frozen=True)
class Ingested:
    """What came in. `reasons`: reason -> rows, at most 101 of them; each bad row counts once, under its first.
    `left_out`: columns that the row class does not ask for.
    """

    rows: int
    columns: tuple[Column, ...]
    quarantined: int
    reasons: dict[str, int]
    left_out: tuple[str, ...] = ()


def fingerprint(source: str, folder: Path) -> str | None:
    """A digest that changes when the source's content does; None when only reading it can tell."""
    return sources.fingerprint(source, folder)


def ingest(
    source: str,
    *,
    folder: Path,
    row: tuple[Field, ...] | None,
    null: tuple[str, ...],
    out: Path,
    quarantine: Path,
    say: Callable[[str], None],
) -> Ingested:
    """Read a source into `out`, the rows that do not fit into `quarantine` (written only when there are any).

    Output rows keep the source's order. Both files are there wholly or not at all. Raises Invalid, Unknown or Missing
    with one line about what is wrong with the source, ArkwrightError when the disk is full.
    """
    with writing(str(out.parent)), tempfile.TemporaryDirectory(prefix=".spool-", dir=out.parent) as spool:
        asked = None if row is None else [field.name for field in row]
        found = sources.readers(source, folder=folder, null=null, spool=Path(spool))
        readers = [aligned(reader, asked) for reader in found]
        fields = row if row is not None else infer.fields(readers)
        left_out = dict.fromkeys(name for reader in readers for name in _check_names(reader, fields, say))
        with half(out) as rows_half, half(quarantine) as bad_half:
            caster = Caster(fields)
            with Quarantine(bad_half) as bad, Snapshot(rows_half, caster.schema) as good:
                _pour(readers, caster, good, bad, say)
            if bad.rows:
                publish(bad_half, quarantine)
            else:
                quarantine.unlink(missing_ok=True)
            publish(rows_half, out)
    _hint(source, bad.counts, say)
    columns = tuple(field.column for field in fields)
    return Ingested(good.rows, columns, bad.rows, bad.reasons(), tuple(left_out))


def _pour(
    readers: Sequence[Reader], caster: Caster, good: Snapshot, bad: Quarantine, say: Callable[[str], None]
) -> None:
    """Every batch through the caster. Row numbers go on from file to file."""
    wanted = [field.name for field in caster.fields]
    before, told = 0, time.monotonic()
    for reader in readers:
        last = before
        for batch in reader.batches(wanted):
            rows, dropped = caster.cast(batch)
            good.add(rows)
            bad.add([one.moved(before) for one in dropped])
            last = max(last, before + batch.last)
            if time.monotonic() - told > _SECONDS:
                told = time.monotonic()
                say(f"{good.rows + bad.rows:,} rows read")
        before = last


def _check_names(reader: Reader, fields: Sequence[Field], say: Callable[[str], None]) -> list[str]:
    """Which columns there are besides. Raises Invalid when a column of the row class is not there."""
    names = dict.fromkeys(reader.names())
    wanted = {field.name for field in fields}
    missing = [f.name for f in fields if f.name not in names and not (reader.sparse and f.nullable)]
    extra = [name for name in names if name not in wanted]
    if missing and (names or not reader.sparse):
        near = did_you_mean(missing[0], extra or names)
        more = f" (nor {', '.join(missing[1:6])})" if len(missing) > 1 else ""
        raise Invalid(f"{reader.what} has no column {missing[0]!r}{more}, which the row class asks for{near}")
    if extra:
        shown = ", ".join(extra[:12]) + (" …" if len(extra) > 12 else "")
        say(f"{reader.what}: the row class leaves out {len(extra)} columns: {shown}")
    return extra


def _hint(source: str, counts: Mapping[str, int], say: Callable[[str], None]) -> None:
    """Text that is not UTF-8 is nearly always Latin-1."""
    count = sum(rows for reason, rows in counts.items() if reason.endswith("not UTF-8"))
    if count:
        say(f"{source}: {count:,} rows are not UTF-8; is it Latin-1? iconv -f LATIN1 -t UTF-8 makes it so")
