"""What a gate measures without a label, such as how often one group is answered with yes: on all rows of a window that
were answered.
"""

import math
from collections.abc import Mapping

import pyarrow.parquet as pq

from arkwright.api.watch.beside import Asked
from arkwright.api.watch.evaluated import bound, columns, evaluation, rows, words
from arkwright.api.watch.log import LoggedWindow
from arkwright.core.promises import Reading
from arkwright.measures.evaluation import Evaluation
from arkwright.serve.tap import window as logged

MOST = 2_000_000  # rows that are looked at: they are all that came


def readings(window: LoggedWindow, promises: Mapping[str, Asked]) -> dict[str, Reading]:
    """Of promises that need no label. One that asks for what is not there stops no other."""
    with window.site.scratch("answers") as scratch, window.came(scratch) as came:
        measures, refused = bound(window, came, promises)
        if not measures:
            return refused
        by = columns(window.layout, came, words([promises[text] for text in measures]))
        n = int(window.site.tables.row(f"SELECT count(*) FROM ({came.select})", came.files)[0])  # noqa: S608
        names, out = [*by.values(), *window.layout.answer], scratch / "answered.parquet"
        logged.answered(window.site.tables, came, names, out, max(1, math.ceil(n / MOST)))
        table = pq.read_table(out)
    every, usable = evaluation(window.layout, window.signature.task, table, by)
    whole = every.take(usable)
    found = rows(whole, _said(n, len(table), whole, window))
    return refused | {text: found.reading(measure) for text, measure in measures.items()}


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
