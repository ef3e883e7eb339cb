"""How many different rows a window has: of each hour the 64-bit fingerprints of its different rows are kept, ascending.

Two rows with one fingerprint are one: among n different ones that is so in one of 2^65 / n² windows.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from arkwright.api.watch import by_hour
from arkwright.api.watch.log import LoggedWindow
from arkwright.core.quoting import quoted_name
from arkwright.data.scan.distinct import SORTED, Sorted
from arkwright.data.scan.hash import fingerprints
from arkwright.data.scan.values import Values, sorted_unique
from arkwright.measures.aggregates import Distinct
from arkwright.measures.evaluation import Array
from arkwright.serve.tap.hours import OF, OF_HOUR
from arkwright.serve.tap.window import Came


def different(window: LoggedWindow, scratch: Path, need: Distinct) -> int:
    """Of all its rows, whose files stay there meanwhile."""
    kinds = {column.name: column.type for column in window.layout.columns}

    def read(came: Came, wanted: Mapping[int, bool]) -> Iterator[tuple[int, Sequence[Array]]]:
        out, names = scratch / "different.parquet", ", ".join(map(quoted_name, need.columns))
        select = window.layout.select(by_hour.rows(came, wanted), f'{OF_HOUR} AS "{OF}"')
        window.site.tables.write(f'SELECT "{OF}", {names} FROM ({select}) ORDER BY "{OF}"', came.files, out)  # noqa: S608
        for hour, some in by_hour.apart(out):
            each = [
                fingerprints([Values(table.column(name).combine_chunks(), kinds[name]) for name in need.columns])
                for table in some
            ]
            yield hour, [sorted_unique(np.concatenate(each))]

    question = by_hour.Question[Array](
        asked=[repr(need)],
        read=read,
        nothing=[np.zeros(0, np.uint64)],
        pack=lambda found: found.tobytes(),
        unpack=lambda body: np.frombuffer(body, np.uint64),
    )
    with by_hour.told(window, scratch, question) as given:
        there = Sorted(sum(map(len, given(repr(need)))), SORTED)
        count, more = 0, True
        while more:
            for some in given(repr(need)):
                there.add(some)
            count += there.count()[0]
            more = there.next()
        return count
