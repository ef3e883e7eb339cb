"""What is new is worked into the hours of labelled rows that are kept: an hour is joined when its rows are new, of one
that goes on those that came since, and of all others only the rows whose labels, or whose later answers, are.

Each hour that is kept is right beside all others that are: what is new about a request is worked into every hour of the
window that may have it, and an hour outside the window that may is forgotten.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from arkwright.api.watch.log import LoggedWindow
from arkwright.core import arrow
from arkwright.core.nouns import Column
from arkwright.measures.evaluation import Array
from arkwright.monitor.labelled_hours import Hour, LabelledHours, counted
from arkwright.serve.tap import hours as sql
from arkwright.serve.tap import labels as log
from arkwright.serve.tap.hours import AGAIN, CORRECTED, HOUR, OF
from arkwright.serve.tap.label_index import are_in, ascending, numbered
from arkwright.serve.tap.labels import Place
from arkwright.serve.tap.parts import Part
from arkwright.serve.tap.query import SAID
from arkwright.serve.tap.tables import ACTUAL
from arkwright.serve.tap.window import Came

MOST = 500_000  # rows, or requests with new labels, that are worked in at once; of an hour all are
LONG = 2 * 86_400  # seconds; what is merged spans a day
Known = tuple[str, tuple[str, ...]]  # what an hour was made of, its columns
_OWN = (Column(name="at", type="datetime"), Column(name="id", type="str"), Column(name="row", type="int"))
_ORDER = [(column.name, "ascending") for column in _OWN]


@dataclass(slots=True)
class _Came:
    """In an hour: how many rows, and the numbers of their requests, some at once."""

    rows: int = 0
    requests: list[Array] = field(default_factory=list)


def follow(window: LoggedWindow, kept: LabelledHours, columns: Sequence[str], parts: Sequence[Part]) -> None:
    """Have every hour of the window kept as it is now, with these columns of the log. `parts`: of the release, which
    stay there meanwhile, as `window.came` has it.
    """
    release = window.release.ref
    made_of, there, mark = hours_of(window, parts), kept.there(release), kept.mark(release)
    place, said = _new_labels(window.folder, mark)
    wanted = {hour: (of, tuple(columns)) for hour, of in made_of.items()}
    begin, end = _whole(window)
    stay = {
        hour
        for hour, known in there.items()
        if said is not None and (wanted.get(hour) == known or not begin <= hour < end)
    }
    more, grown = _grown(wanted, {} if said is None else there)
    without, new = there.keys() - stay - grown, made_of.keys() - stay - grown
    if not new and not grown and not without and mark == json.dumps(place):
        return
    kept.put(release, [], without, mark)
    wide = replace(window, since=datetime.fromtimestamp(begin, UTC), until=datetime.fromtimestamp(end, UTC))
    with window.site.scratch("labels") as scratch:
        made = _Made(wide, kept, columns, made_of, wide.came_too(scratch), scratch)
        since = replace(made, came=wide.came_too(scratch, more))
        for requests, hours in _batches(made, new, since, grown, said or set()):
            made.put(requests, hours, place)


def hours_of(window: LoggedWindow, parts: Sequence[Part]) -> dict[int, str]:
    """The hours in which the window may have rows -> the parts they are in, as is kept. `parts`: which stay there."""
    begin, end = _whole(window)
    found: dict[int, list[str]] = {}
    for part in parts:
        if part.until >= begin * 10**9 and part.since < end * 10**9:
            for hour in _of_part(window, part, begin, end):
                found.setdefault(hour, []).append(part.digest)
    return {hour: ",".join(sorted(digests)) for hour, digests in found.items()}


def _grown(wanted: Mapping[int, Known], there: Mapping[int, Known]) -> tuple[set[str], set[int]]:
    """(parts that are new, the hours of which each such part is new and nothing else is)"""
    more, before = dict[int, set[str]](), dict[int, set[str]]()
    for hour, (made_of, columns) in wanted.items():
        if hour in there and there[hour][1] == columns:
            before[hour], now = ({*text.split(",")} for text in (there[hour][0], made_of))
            if before[hour] < now:
                more[hour] = now - before[hour]
    parts = {digest for digests in more.values() for digest in digests}
    return parts, {hour for hour in more if not parts & before[hour]}  # one that has a part already is joined anew


def _of_part(window: LoggedWindow, part: Part, begin: int, end: int) -> Iterable[int]:
    """Its hours between. Of one that lasts longer than parts do they are looked up: of a machine that began in 1970
    nothing came in the years until it knew the time.
    """
    first, last = (moment // 10**9 // HOUR * HOUR for moment in (part.since, part.until))
    if last - first <= LONG:
        return range(max(begin, first), min(last + 1, end), HOUR)
    at = pq.read_table(window.site.store.path(part.digest), columns=["at"]).column("at").cast(pa.int64()).to_numpy()
    hours = np.unique(at // (HOUR * 10**6) * HOUR)
    found: list[int] = hours[(hours >= begin) & (hours < end)].tolist()
    return found


def _whole(window: LoggedWindow) -> tuple[int, int]:
    """From when to when its hours last."""
    return int(window.since.timestamp()) // HOUR * HOUR, -int(-window.until.timestamp() // HOUR) * HOUR


def _new_labels(folder: Path, mark: str) -> tuple[Place, set[int] | None]:
    """(where they end, the numbers of the requests that they are about); None where all are new, or too many at
    once.
    """
    known = Place(*json.loads(mark)) if mark else Place()
    end = log.end(folder, known)
    if not mark or end is None:
        return end or log.end(folder, Place()) or Place(), None
    requests = set[int]()
    for block in log.between(folder, known, end):
        requests.update(numbered(id_ for id_, *_ in block).tolist())
        if len(requests) > MOST:
            return end, None
    return end, requests


def _batches(
    made: "_Made", new: Collection[int], since: "_Made", grown: Collection[int], said: set[int]
) -> Iterator[tuple[Array, dict[int, _Came]]]:
    """(numbers of the requests of which anything is new, ascending, what came in the hours that are new or have grown),
    at least one; some whole hours at once, first all that have grown. `since`: of only what came into these.
    """
    requests, hours, seen, rows = [np.array([*said], np.uint64)], dict[int, _Came](), set[int](), 0
    for hour, numbers in chain(since.requests(grown), made.requests(new)):
        if hour not in hours and hour not in grown and rows >= MOST:
            yield _together(requests), hours
            requests, hours, rows = [], {}, 0
        one = hours.setdefault(hour, _Came())
        one.requests.append(numbers)
        one.rows += len(numbers)
        rows += len(numbers)
        seen.add(hour)
        requests.append(numbers)
    yield _together(requests), hours | {hour: _Came() for hour in (*new, *grown) if hour not in seen}


@dataclass(frozen=True, slots=True)
class _Made:
    """Hours, from the rows that came in them."""

    window: LoggedWindow
    kept: LabelledHours
    columns: Sequence[str]
    made_of: Mapping[int, str]
    came: Came
    scratch: Path

    def requests(self, hours: Collection[int]) -> Iterator[tuple[int, Array]]:
        """(hour, of some rows that came in it the number of each one's request)"""
        if not hours:
            return
        for table in sql.requests(self.window.site.tables, self.came, self.scratch, hours):
            for hour, some in apart(table):
                yield hour, _numbers(some)

    def put(self, requests: Array, hours: Mapping[int, _Came], place: Place) -> None:
        """Work these requests into each hour that has them, and what came into those that are new or have grown."""
        release, window = self.window.release.ref, self.window
        others = [hour for hour in self.kept.about(release, requests) if hour not in hours]
        inside = [hour for hour in others if hour in self.made_of]
        joined = dict[int, pa.Table]()
        if hours or inside:
            among = [*hours, *inside]
            found = sql.joined(
                window.folder, window.site.tables, self.came, self.scratch, among, requests, self.columns
            )
            joined = dict(apart(found))
        made = self._hours(requests, {**dict.fromkeys(inside, _Came()), **hours}, joined)
        self.kept.put(release, made, [hour for hour in others if hour not in self.made_of], json.dumps(place))

    def _hours(self, requests: Array, hours: Mapping[int, _Came], joined: Mapping[int, pa.Table]) -> Iterator[Hour]:
        release, empty = self.window.release.ref, schema(self.window, self.columns).empty_table()
        there = self.kept.there(release)
        for hour, came in hours.items():
            some = joined.get(hour, empty).select(empty.column_names).cast(empty.schema)
            if hour not in there:
                yield self._hour(hour, came.rows, _together(came.requests), some)
                continue
            before = self.kept.hour(release, hour)
            others = [one.filter(pa.array(~are_in(requests, _numbers(one)))) for one in (before.every, before.earlier)]
            every = pa.concat_tables([*others, some]).sort_by(_ORDER)
            yield self._hour(hour, before.rows + came.rows, _together([before.requests, *came.requests]), every)

    def _hour(self, hour: int, rows: int, requests: Array, every: pa.Table) -> Hour:
        """`every`: with each of its labels."""
        last = pc.is_null(every.column(CORRECTED))
        earlier, every = every.filter(pc.invert(last)), every.filter(last)
        once = pc.is_null(every.column(AGAIN))
        alike = told_apart(self.window, self.columns)
        return Hour(
            begin=hour,
            made_of=self.made_of[hour],
            columns=tuple(self.columns),
            rows=rows,
            requests=requests,
            alike=counted(every.filter(once), alike),
            again=every.filter(pc.invert(once)),
            every=every,
            earlier=earlier,
        )


def schema(window: LoggedWindow, columns: Sequence[str]) -> pa.Schema:
    """Of the rows of an hour: when and to what each was answered, when again, these columns, the label as text, when it
    came, and when it was corrected.
    """
    types = {column.name: column.type for column in (*_OWN, *window.layout.file)}
    types |= {AGAIN: "datetime", ACTUAL: "str", SAID: "datetime", CORRECTED: "datetime"}
    names = [*(column.name for column in _OWN), AGAIN, *columns, ACTUAL, SAID, CORRECTED]
    return arrow.schema([Column(name=name, type=types[name], nullable=True) for name in names])


def told_apart(window: LoggedWindow, columns: Sequence[str]) -> list[str]:
    """By what rows are counted that are alike: nearly no two have the same probabilities, or the same number."""
    answer = window.layout.answer
    return [name for name in (*columns, ACTUAL) if name not in (answer[1:] if window.layout.classes else answer)]


def apart(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """The rows of each hour, in whose order they are."""
    hours = table.column(OF).to_numpy()
    found, begins = np.unique(hours, return_index=True)
    for hour, begin, end in zip(found.tolist(), begins, np.append(begins, len(hours))[1:], strict=True):
        yield hour, table.slice(begin, end - begin)


def _numbers(table: pa.Table) -> Array:
    """(n,) of the request of each row."""
    return numbered(table.column("id").to_pylist())


def _together(numbers: Sequence[Array]) -> Array:
    """(n,) ascending, each once."""
    return ascending(np.concatenate([np.zeros(0, np.uint64), *numbers]))
