"""What is promised of data, asked of each hour of a window and added up."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from arkwright.api.watch import by_hour
from arkwright.api.watch.different_by_hour import different
from arkwright.api.watch.log import LoggedWindow
from arkwright.data.scan import parts, sql
from arkwright.measures.aggregates import Aggregate, Distinct
from arkwright.serve.tap.hours import OF, OF_HOUR
from arkwright.serve.tap.window import Came

ROWS = "what came"  # as queries call them


def adds_up(need: Aggregate) -> bool:
    """Whether hours tell of the whole window."""
    return isinstance(need, Distinct) or parts.adds_up(need)


def answers(window: LoggedWindow, scratch: Path, needs: Sequence[Aggregate]) -> dict[Aggregate, Any]:
    """Of all its rows, whose files stay there meanwhile. `needs`: such as add up."""
    found: dict[Aggregate, Any] = {
        need: different(window, scratch, need) for need in needs if isinstance(need, Distinct)
    }
    return found | _answers(window, scratch, [need for need in needs if need not in found])


def _answers(window: LoggedWindow, scratch: Path, needs: Sequence[Aggregate]) -> dict[Aggregate, Any]:
    needs = parts.weighed(needs)
    kinds = {column.name: column.type for column in window.layout.columns}

    def read(came: Came, wanted: Mapping[int, bool]) -> Iterator[tuple[int, Sequence[Any]]]:
        out = scratch / "by_hour.parquet"
        select = window.layout.select(by_hour.rows(came, wanted), f'{OF_HOUR} AS "{OF}"')
        found = sql.by(window.site.tables, select, ROWS, came.files, kinds, needs, OF, out)
        return ((hour, [answers[need] for need in needs]) for hour, answers in found.items())

    question = by_hour.Question[Any](
        asked=[repr(need) for need in needs],
        read=read,
        nothing=[*parts.together(needs, []).values()],
        pack=lambda answer: json.dumps(answer).encode(),
        unpack=json.loads,
    )
    with by_hour.told(window, scratch, question) as given:
        hours = zip(*map(given, question.asked), strict=True)
        return parts.together(needs, [dict(zip(needs, hour, strict=True)) for hour in hours])
