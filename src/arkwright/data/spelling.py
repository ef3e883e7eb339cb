"""Names that look the same and are not: `ö` may be one letter or an o with two dots (NFC, NFD), and Python reads every
name in a class as NFKC, where the micro sign is a Greek letter. A column is found by either spelling.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unicodedata import normalize

from arkwright.core.rows import Field
from arkwright.data.batch import Batch, Reader


@dataclass(frozen=True)
class Respelt:
    """A reader some of whose columns are called otherwise here. `called`: the source's name -> the name here."""

    reader: Reader
    called: Mapping[str, str]

    @property
    def what(self) -> str:
        return self.reader.what

    @property
    def sparse(self) -> bool:
        return self.reader.sparse

    def names(self) -> tuple[str, ...]:
        return tuple(self.called.get(name, name) for name in self.reader.names())

    def fields(self) -> tuple[Field, ...] | None:
        declared = self.reader.fields()
        return declared and tuple(replace(field, name=self.called.get(field.name, field.name)) for field in declared)

    def batches(self, wanted: Sequence[str] | None) -> Iterator[Batch]:
        own = {here: name for name, here in self.called.items()}
        for batch in self.reader.batches(None if wanted is None else [own.get(name, name) for name in wanted]):
            whole = None if batch.whole is None else [self._respelt(row) for row in batch.whole]
            yield replace(batch, columns=self._respelt(batch.columns), whole=whole)

    def _respelt(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {self.called.get(name, name): value for name, value in row.items()}


def aligned(reader: Reader, wanted: Sequence[str] | None) -> Reader:
    """The reader with its columns called as they are wanted, or in NFC where nobody says how."""
    names = reader.names()
    if all(name.isascii() for name in (*names, *(wanted or ()))):
        return reader
    if wanted is None:
        called = {name: normalize("NFC", name) for name in names}
    else:
        spare = {normalize("NFKC", name): name for name in wanted if name not in names}
        called = {name: spare.get(normalize("NFKC", name), name) for name in names if name not in wanted}
    odd = {name: here for name, here in called.items() if name != here}
    unambiguous = len({*called.values()}) == len(called)
    return Respelt(reader, odd) if odd and unambiguous else reader
