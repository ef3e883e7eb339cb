"""What every ledger does alike: a seal checked whenever an event is read, and the walk over all of them."""

from collections.abc import Iterable, Sequence
from typing import Any

from arkwright.core.errors import Corrupt, Refused
from arkwright.core.nouns import Event
from arkwright.core.record import GENESIS, seal
from arkwright.infra.head_file import HeadFile

Anchor = tuple[str, tuple[int, str]]  # what it is called, and the seq and seal that it knows


def checked(row: Sequence[Any]) -> Event:
    """An event from (seq, at, by, kind, key, body, seal, the seal before). Raises Corrupt when it is not what was
    sealed.
    """
    seq, at, by, kind, key, body, mark, before = row
    if seal(before or GENESIS, seq, at, by, kind, key, body) != mark or (before is None) != (seq == 1):
        raise Corrupt(f"event {seq} ({kind!s:.40} {key!s:.80}) is not what was written: its seal does not fit")
    return Event(seq=seq, at=at, by=by, kind=kind, key=key, body=body, seal=mark)


def walk(rows: Iterable[Sequence[Any]], anchors: Sequence[Anchor], where: str) -> int:
    """Check every event, in order; how many. One that an anchor knows must be the one noted there. Raises Corrupt."""
    count = 0
    for row in rows:
        if row[0] != count + 1:
            raise Corrupt(f"event {count + 1} is missing from {where}")
        count = checked(row).seq
        for what, (seq, mark) in anchors:
            if seq == count and mark != row[6]:
                raise Corrupt(f"event {count} is not the one that {what} knows: the ledger was written anew")
    for what, (seq, _) in anchors:
        if seq > count:
            raise Corrupt(f"the ledger ends at event {count}, but {what} says {seq}: its tail was cut off")
    return count


def not_cut_back(head: HeadFile, seq: int) -> None:
    """Raises Refused when the head file knows of more than these many events."""
    beside = head.read()
    if beside and beside[0] > seq:
        raise Refused(
            f"the ledger ends at event {seq}, but {head.path} says {beside[0]}: its tail was cut off or an "
            "older copy put back; if that was on purpose, remove that file"
        )


def behind(prefix: str) -> bytes:
    """Sorts behind every text that starts with `prefix`: UTF-8 never holds the byte 255."""
    return prefix.encode() + b"\xff"
