"""What is told of the rows of each hour of a window, kept so that an hour is read once: a look reads the rows of new
hours, and of those that the window cuts.

An hour whose files were joined, or of which more came, is new.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.api.watch import joining
from arkwright.api.watch.log import LoggedWindow
from arkwright.core.record import digest_of
from arkwright.monitor.asked import Asked, file
from arkwright.serve.tap.hours import HOUR, within
from arkwright.serve.tap.parts import Index
from arkwright.serve.tap.window import Came

AT_ONCE = 64 << 20  # bytes of answers that are kept at once
T = TypeVar("T")
Answers = Callable[[str], Iterator[T]]


@dataclass(frozen=True, kw_only=True)
class Question(Generic[T]):
    """`asked`: in words, which stand beside what is kept. `read`: files with the rows of the hours that are wanted
    (True), of every hour in order -> each that has rows, with an answer to each of these; `nothing`: those of one that
    has none.
    """

    asked: Sequence[str]
    read: Callable[[Came, Mapping[int, bool]], Iterable[tuple[int, Sequence[T]]]]
    nothing: Sequence[T]
    pack: Callable[[T], bytes]
    unpack: Callable[[bytes], T]


@contextmanager
def told(window: LoggedWindow, scratch: Path, question: Question[T]) -> Iterator[Answers[T]]:
    """By its words, what was answered of every hour, one after the other, as often as it is asked for. The files of the
    endpoint are had to stay meanwhile, as `window.came` has it.
    """
    release = window.release.ref
    ours = joining.hours_of(window, [part for part in Index(window.folder).parts if release in part.releases])
    made_of = {hour: digest_of(of) for hour, of in ours.items()}  # it stands beside each answer
    since, until = window.since.timestamp(), window.until.timestamp()
    whole = {hour for hour in made_of if since <= hour and hour + HOUR <= until}
    window.site.watched.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(Asked(file(window.site.watched, window.folder.name))) as kept:
        there = whole & _there(kept, release, question.asked, made_of)
        cut = dict[int, Sequence[bytes]]()
        for some in _read(window, scratch, question, {hour: hour not in there for hour in sorted(made_of)}, ours):
            cut |= {hour: answers for hour, answers in some.items() if hour not in whole}
            stays = {hour: answers for hour, answers in some.items() if hour in whole}
            for place, words in enumerate(question.asked):
                kept.put(release, words, ((hour, made_of[hour], answers[place]) for hour, answers in stays.items()))

        def answers(words: str) -> Iterator[T]:
            own = [each[question.asked.index(words)] for each in cut.values()]
            for body in chain(kept.answers(release, words, whole), own):
                try:
                    answer = question.unpack(body)
                except (ValueError, OSError, pa.ArrowException) as error:
                    raise kept.damaged(error) from None
                yield answer

        yield answers


def rows(came: Came, wanted: Mapping[int, bool]) -> str:
    """SQL: those of the hours that are wanted."""
    spans = " OR ".join(f"({within(begin, end)})" for begin, end in _spans(wanted))
    return f"SELECT * FROM ({came.select}) WHERE {spans}"  # noqa: S608 - names of ours


def apart(path: Path) -> Iterator[tuple[int, Iterator[pa.Table]]]:
    """(hour, its rows, some at once) of a file that has them in the order of their hours, OF."""
    with pq.ParquetFile(path) as found:
        some = (one for number in range(found.num_row_groups) for one in joining.apart(found.read_row_group(number)))
        for hour, pieces in groupby(some, itemgetter(0)):
            yield hour, (table for _, table in pieces)


def _there(kept: Asked, release: str, asked: Sequence[str], made_of: Mapping[int, str]) -> set[int]:
    """The hours of which all is known, made of what they are made of now."""
    there = set(made_of)
    for words in asked:
        known = kept.there(release, words)
        there = {hour for hour in there if known.get(hour) == made_of[hour]}
    return there


def _read(
    window: LoggedWindow, scratch: Path, question: Question[T], wanted: Mapping[int, bool], ours: Mapping[int, str]
) -> Iterator[dict[int, Sequence[bytes]]]:
    """What is told of the hours that are wanted, some hours at once. `ours`: the files each is in, commas between."""
    without = {hour for hour, yes in wanted.items() if yes}
    if not without:
        return
    among = {digest for hour in without for digest in ours[hour].split(",")}
    found, size = dict[int, Sequence[bytes]](), 0
    for hour, answers in question.read(window.came_too(scratch, among), wanted):
        without.discard(hour)
        found[hour] = [*map(question.pack, answers)]
        size += sum(map(len, found[hour]))
        if size > AT_ONCE:
            yield found
            found, size = {}, 0
    yield found | dict.fromkeys(without, tuple(map(question.pack, question.nothing)))


def _spans(wanted: Mapping[int, bool]) -> Iterator[tuple[int, int]]:
    """(begin, end) of hours that are wanted and have no other between; nights in which nothing came end none."""
    for yes, some in groupby(wanted, wanted.__getitem__):
        if yes:
            hours = list(some)
            yield hours[0], hours[-1] + HOUR
