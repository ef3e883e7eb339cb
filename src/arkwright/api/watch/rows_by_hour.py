"""What is promised of data, of a window whose hours were asked before: only the rows of new hours are read, and of
those that the window cuts.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

from arkwright.api.watch.joining import hours_of
from arkwright.api.watch.log import LoggedWindow
from arkwright.core.record import digest_of
from arkwright.data.scan import parts, sql
from arkwright.measures.aggregates import Aggregate
from arkwright.monitor.asked import Asked, file
from arkwright.serve.tap.hours import HOUR, OF, OF_HOUR, within
from arkwright.serve.tap.parts import Index
from arkwright.serve.tap.window import Came

ROWS = "what came"  # as queries call them


def answers(window: LoggedWindow, scratch: Path, came: Came, needs: Sequence[Aggregate]) -> dict[Aggregate, Any]:
    """Of all its rows, `came`, whose files stay there meanwhile. `needs`: such as add up."""
    needs, release = parts.weighed(needs), window.release.ref
    ours = hours_of(window, [part for part in Index(window.folder).parts if release in part.releases])
    made_of = {hour: digest_of(of) for hour, of in ours.items()}  # it stands beside each answer
    since, until = window.since.timestamp(), window.until.timestamp()
    window.site.watched.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(Asked(file(window.site.watched, window.folder.name))) as asked:
        there = _there(asked, release, needs, made_of)
        there = {hour: one for hour, one in there.items() if since <= hour and hour + HOUR <= until}
        found = _read(window, scratch, came, needs, {hour: hour not in there for hour in sorted(made_of)})
        whole = [hour for hour in found if since <= hour and hour + HOUR <= until]
        if whole:
            asked.put(release, ((hour, made_of[hour], _spelt(found[hour])) for hour in whole))
    return parts.together(needs, [*there.values(), *found.values()])


def _there(
    asked: Asked, release: str, needs: Sequence[Aggregate], made_of: Mapping[int, str]
) -> dict[int, parts.Answers]:
    """The hours of which all is known, made of what they are made of now."""
    if not made_of:
        return {}
    begin, end = min(made_of), max(made_of) + 1
    each = {need: asked.answers(release, repr(need), begin, end) for need in needs}
    return {
        hour: {need: known[hour][1] for need, known in each.items()}
        for hour, digest in made_of.items()
        if all(known.get(hour, ("",))[0] == digest for known in each.values())
    }


def _read(
    window: LoggedWindow, scratch: Path, came: Came, needs: Sequence[Aggregate], wanted: Mapping[int, bool]
) -> dict[int, parts.Answers]:
    """Of the hours that are wanted, by one query. `wanted`: of each hour that has rows, in order."""
    hours = [hour for hour, yes in wanted.items() if yes]
    if not hours:
        return {}
    spans = " OR ".join(f"({within(begin, end)})" for begin, end in _spans(wanted))
    came_in = f"SELECT * FROM ({came.select}) WHERE {spans}"  # noqa: S608 - names of ours
    select = window.layout.select(came_in, f'{OF_HOUR} AS "{OF}"')
    kinds, out = {column.name: column.type for column in window.layout.columns}, scratch / "by_hour.parquet"
    found = sql.by(window.site.tables, select, ROWS, came.files, kinds, needs, OF, out)
    return {**dict.fromkeys(hours, parts.together(needs, [])), **found}


def _spans(wanted: Mapping[int, bool]) -> Iterator[tuple[int, int]]:
    """(begin, end) of hours that are wanted and have no other between; nights in which nothing came end none."""
    for yes, some in groupby(wanted, wanted.__getitem__):
        if yes:
            hours = list(some)
            yield hours[0], hours[-1] + HOUR


def _spelt(given: parts.Answers) -> dict[str, Any]:
    return {repr(need): one for need, one in given.items()}
