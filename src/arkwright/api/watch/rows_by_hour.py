"""What is promised of data, asked of each hour of a window and added up."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from arkwright.api.watch.by_hour import Question, rows, told
from arkwright.api.watch.log import LoggedWindow
from arkwright.data.scan import parts, sql
from arkwright.measures.aggregates import Aggregate
from arkwright.serve.tap.joining import OF, OF_HOUR
from arkwright.serve.tap.window import Came

ROWS = "what came"  # as queries call them


def answers(window: LoggedWindow, scratch: Path, needs: Sequence[Aggregate]) -> dict[Aggregate, Any]:
    """Of all its rows, whose files stay there meanwhile. `needs`: such as add up."""
    needs = parts.weighed(needs)
    kinds = {column.name: column.type for column in window.layout.columns}

    def read(came: Came, wanted: Mapping[int, bool]) -> Iterator[tuple[int, Sequence[Any]]]:
        select, out = window.layout.select(rows(came, wanted), f'{OF_HOUR} AS "{OF}"'), scratch / "by_hour.parquet"
        found = sql.by(window.site.tables, select, ROWS, came.files, kinds, needs, OF, out)
        return ((hour, [answers[need] for need in needs]) for hour, answers in found.items())

    question = Question[Any](
        asked=[repr(need) for need in needs],
        read=read,
        nothing=[*parts.together(needs, []).values()],
        pack=lambda answer: json.dumps(answer).encode(),
        unpack=json.loads,
    )
    with told(window, scratch, question) as given:
        hours = zip(*map(given, question.asked), strict=True)
        return parts.together(needs, [dict(zip(needs, hour, strict=True)) for hour in hours])
