"""What a gate measures without a label, such as how often one group is answered with yes: on all rows of a window that
were answered.

What only counts adds up the hours, of each of which it is kept how many rows are alike.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.api.watch import by_hour
from arkwright.api.watch.beside import Asked
from arkwright.api.watch.evaluated import Rows, bound, columns, evaluation, rows, words
from arkwright.api.watch.log import LoggedWindow
from arkwright.core import arrow
from arkwright.core.nouns import Column
from arkwright.core.promises import Reading
from arkwright.core.quoting import quoted_name
from arkwright.measures import traffic
from arkwright.measures.evaluation import Evaluation
from arkwright.monitor.labelled_hours import ALIKE, packed, summed, unpacked
from arkwright.serve.tap import window as logged
from arkwright.serve.tap.hours import OF, OF_HOUR
from arkwright.serve.tap.tables import ACTUAL
from arkwright.serve.tap.window import Came

MOST = 2_000_000  # rows that are looked at one by one: they are all that came


def readings(window: LoggedWindow, promises: Mapping[str, Asked]) -> dict[str, Reading]:
    """Of promises that need no label. One that asks for what is not there stops no other."""
    with window.site.scratch("answers") as scratch, window.came(scratch) as came:
        measures, found = bound(window, came, promises)
        counts = {
            text: measure
            for text, measure in measures.items()
            if window.layout.classes and traffic.only_counts(promises[text].promise.call)
        }
        others = {text: measure for text, measure in measures.items() if text not in counts}
        for some, rows_of in ((counts, _alike), (others, _each)):
            if some:
                by = columns(window.layout, came, words([promises[text] for text in some]))
                given = rows_of(window, scratch, came, by)
                found |= {text: given.reading(measure) for text, measure in some.items()}
    return found


def _alike(window: LoggedWindow, scratch: Path, _: Came, by: Mapping[str, str]) -> Rows:
    """All rows, those that are alike in their answer and the columns `by` as one."""
    names, types = [*sorted(by.values()), window.layout.answer[0]], {one.name: one.type for one in window.layout.file}
    told = [Column(name=name, type=types[name], nullable=True) for name in names]
    nothing = arrow.schema([*told, Column(name=ALIKE, type="int", nullable=True)]).empty_table()

    def read(came: Came, wanted: Mapping[int, bool]) -> Iterator[tuple[int, Sequence[pa.Table]]]:
        out, said = scratch / "alike.parquet", ", ".join(map(quoted_name, names))
        sql = f'SELECT {OF_HOUR} AS "{OF}", {said}, count(*) AS "{ALIKE}" FROM ({by_hour.rows(came, wanted)})'  # noqa: S608
        window.site.tables.write(f'{sql} GROUP BY ALL ORDER BY "{OF}"', came.files, out)
        for hour, some in by_hour.apart(out):
            yield hour, [pa.concat_tables(some).select(nothing.column_names).cast(nothing.schema)]

    asked = f"alike in {json.dumps(names)}"
    question = by_hour.Question[pa.Table](asked=[asked], read=read, nothing=[nothing], pack=packed, unpack=unpacked)
    with by_hour.told(window, scratch, question) as given:
        table = summed(pa.concat_tables([nothing, *given(asked)]), names)
    return _rows(window, table.append_column(ACTUAL, pa.nulls(len(table), pa.string())), by)


def _each(window: LoggedWindow, scratch: Path, came: Came, by: Mapping[str, str]) -> Rows:
    """The rows one by one, or some of very many."""
    n = int(window.site.tables.row(f"SELECT count(*) FROM ({came.select})", came.files)[0])  # noqa: S608
    names, out = [*by.values(), *window.layout.answer], scratch / "answered.parquet"
    logged.answered(window.site.tables, came, names, out, max(1, math.ceil(n / MOST)))
    return _rows(window, pq.read_table(out), by, n)


def _rows(window: LoggedWindow, table: pa.Table, by: Mapping[str, str], n: int | None = None) -> Rows:
    """Those of a table, where more came: of n."""
    every, usable = evaluation(window.layout, window.signature.task, table, by)
    whole = every.take(usable)
    return rows(whole, _said(len(every) if n is None else n, len(every), whole, window))


def _said(n: int, looked: int, whole: Evaluation, window: LoggedWindow) -> str:
    """`looked`: at so many of the n rows; `whole`: those of them that tell something."""
    if not n:
        return "no rows came"
    told = f"{n:,} rows, whether they have labels or not"
    if looked < n:
        told = f"{looked:,} of {told}"
    if unusable := looked - len(whole):
        why = f"no class of {window.release.ref}" if window.layout.classes else "no number"
        told += f", not counting {unusable:,} whose answer is {why}"
    return told
