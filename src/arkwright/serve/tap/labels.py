"""Labels, which come later, by the id of the request: a log that acknowledges only what is on the disk.

`ENDPOINT/labels/NUMBER.log` holds blocks of labels. All writers append to the newest file, one at a time under a lock,
so that there is one order, whatever the clocks say: the last label of an (id, row) counts. Whoever appends cuts off the
tail that a killed writer tore. Callers that come together share one fsync (group commit).
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from arkwright.core.errors import ArkwrightError, Refused
from arkwright.core.locks import locked
from arkwright.serve.tap.blocks import HEAD, Blocks, append, frame
from arkwright.serve.tap.blocks import MAGIC as MAGIC_SIZE
from arkwright.serve.tap.files import sync_folder

MAGIC = b"ARKWLAB1"
LABELS = b"L"
ROLL_BYTES = 16 << 20  # what is not full is read as a whole
MANY = 10_000  # labels of a block at most
DAY_S = 86_400
MOST_WAITING = 1_000_000
FOLDER, LOCK = "labels", "labels.lock"
PATIENCE = 5.0  # seconds, in which whoever appends lets go of it again and again
Value = int | float | str | bool
Kept = tuple[str, int, Value, int, str]  # id, row, label, nanoseconds since 1970, who said it


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What turned out to be true of one predicted row."""

    id: str
    label: Value
    row: int = 0


class Place(NamedTuple):
    """Between two blocks: in which log, by its number, and how many bytes lie before; `first`: how the log begins, as
    numbers begin again when all were forgotten.
    """

    log: int = 0
    end: int = 0
    first: str = ""


_kept = msgspec.msgpack.Decoder(list[Kept])


class Labels:
    """The label log in `folder` (`SITE/predictions/ENDPOINT`), to be written to from any thread; a context manager.

    Its thread begins with the first `add`.
    """

    def __init__(self, folder: Path, *, roll_bytes: int = ROLL_BYTES) -> None:
        self._folder, self._roll_bytes = folder, roll_bytes
        self._some = threading.Condition()
        self._waiting: list[tuple[list[Kept], Future[int]]] = []
        self._count = 0
        self._closed = False
        self._thread: threading.Thread | None = None
        self._known: tuple[Path, int, int] | None = None  # the newest file, its inode, and its size when it was whole

    def add(self, labels: Sequence[Label], by: str) -> "Future[int]":
        """Their number, once they are on the disk; `by` is who said so.

        The future raises ArkwrightError when the disk is full or fails: none of them counts then. An event loop awaits
        `asyncio.wrap_future` of it. Raises Refused when too many labels wait already, or no thread is left to write.
        """
        at = time.time_ns()
        kept = [(one.id, one.row, one.label, at, by) for one in labels]
        future: Future[int] = Future()
        with self._some:
            if self._closed:
                raise Refused("the labels are closed; the server is stopping")
            if self._count and self._count + len(kept) > MOST_WAITING:
                raise Refused("too many labels wait for the disk; send these again in a moment")
            if self._thread is None:
                self._thread = self._begun()
            self._waiting.append((kept, future))
            self._count += len(kept)
            self._some.notify()
        return future

    def _begun(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name="arkwright-labels", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            raise Refused("no thread is left to write labels; send these again in a moment") from None
        return thread

    def close(self) -> None:
        """Write what waits, and end."""
        with self._some:
            self._closed = True
            self._some.notify()
        if self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while True:
            with self._some:
                self._some.wait_for(lambda: self._waiting or self._closed)
                group, self._waiting, self._count = self._waiting, [], 0
            if not group:
                return
            try:
                self._commit([kept for labels, _ in group for kept in labels])
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
                for _, future in group:
                    future.set_exception(_told(error))
            else:
                for labels, future in group:
                    future.set_result(len(labels))

    def _commit(self, kept: list[Kept]) -> None:
        """Append them and force them to the disk."""
        folder = self._folder / FOLDER
        if not folder.is_dir():
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            sync_folder(self._folder)
        with locked(self._folder / LOCK):
            path = self._newest(folder)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                end = self._whole(path, handle)
                os.ftruncate(handle, end)
                os.lseek(handle, end, os.SEEK_SET)
                some = (kept[start : start + MANY] for start in range(0, len(kept), MANY))
                data = b"".join([b"" if end else MAGIC, *(frame(LABELS, msgspec.msgpack.encode(one)) for one in some)])
                try:
                    append(handle, data)
                    os.fsync(handle)
                    if not end:
                        sync_folder(folder)
                except OSError:
                    os.ftruncate(handle, end)
                    raise
                self._known = path, os.fstat(handle).st_ino, end + len(data)
            finally:
                os.close(handle)

    def _newest(self, folder: Path) -> Path:
        """The file to append to: it holds the labels of one day at most, so that they can be forgotten."""
        known = files(folder)
        if known:
            facts = known[-1].stat()
            if facts.st_size < self._roll_bytes and facts.st_mtime // DAY_S == time.time() // DAY_S:
                return known[-1]
        return folder / f"{int(known[-1].stem) + 1 if known else 1:06d}.log"

    def _whole(self, path: Path, handle: int) -> int:
        """Where the whole blocks of the file end; what others appended since our last look is gone through."""
        facts = os.fstat(handle)
        if self._known == (path, facts.st_ino, facts.st_size):
            return facts.st_size
        with open(os.dup(handle), "rb") as file:  # noqa: PTH123 - the file that is locked, whatever has its name
            file.seek(0)
            blocks = Blocks(file, MAGIC)
            for _ in blocks:
                pass
            return blocks.end if blocks.end > MAGIC_SIZE else 0


def any_came(folder: Path) -> bool:
    """Whether anybody ever sent a label."""
    return any(path.stat().st_size > len(MAGIC) for path in (folder / FOLDER).glob("*.log"))


def read(folder: Path) -> Iterator[list[Kept]]:
    """Every label in order, block by block. Raises Corrupt for a log of another version."""
    for path in files(folder / FOLDER):
        yield from (block for _, block in placed(path))


def placed(path: Path, places: Iterable[int] | None = None) -> Iterator[tuple[int, list[Kept]]]:
    """(where it begins, the labels) of each block of a log, or of those that begin at these places."""
    with path.open("rb") as file:
        blocks = Blocks(file, MAGIC)
        found = blocks if places is None else (one for place in places for one in blocks.at(place))
        for _, payload in found:
            yield blocks.end - len(payload) - HEAD, _kept.decode(payload)


def end(folder: Path, known: Place) -> Place | None:
    """Behind the last label that is on the disk for good; None where what is known is no place any more. Where somebody
    who appends stands still, no more is known than was.
    """
    logs = {int(path.stem): path for path in files(folder / FOLDER)}
    if known.log and (known.log not in logs or not _holds(logs[known.log], known)):
        return None
    if not logs:
        return known
    with locked(folder / LOCK, shared=True, within=PATIENCE) as got:  # who appends has it until all is on the disk
        if not got:
            return known
        sizes = {number: path.stat().st_size for number, path in logs.items() if number >= known.log}
    for number in sorted(sizes, reverse=True):  # who began the newest may have been killed then
        with logs[number].open("rb") as file:
            blocks = Blocks(file, MAGIC)
            reached = known.end if number == known.log else blocks.end
            for _ in blocks.behind(reached):
                if blocks.end > sizes[number]:
                    break
                reached = blocks.end
        if reached > MAGIC_SIZE:
            return Place(number, reached, _first(logs[number]))
    return known  # nothing is in them yet


def between(folder: Path, known: Place, until: Place) -> Iterator[list[Kept]]:
    """The labels behind one place and before another, block by block."""
    for path in files(folder / FOLDER):
        if not known.log <= int(path.stem) <= until.log:
            continue
        with path.open("rb") as file:
            blocks = Blocks(file, MAGIC)
            for _, payload in blocks.behind(known.end) if int(path.stem) == known.log else blocks:
                if int(path.stem) == until.log and blocks.end > until.end:
                    break
                yield _kept.decode(payload)


def _holds(path: Path, place: Place) -> bool:
    return path.stat().st_size >= place.end and _first(path) == place.first


def _first(path: Path) -> str:
    """The head of its first block, which has its checksum."""
    with path.open("rb") as file:
        return file.read(MAGIC_SIZE + HEAD)[MAGIC_SIZE:].hex()


def forget(folder: Path, keep_s: float) -> int:
    """Remove the files that nothing was added to since; their number. The next time where somebody holds them."""
    if not (folder / FOLDER).is_dir():
        return 0
    with locked(folder / LOCK, within=1) as alone:
        known = files(folder / FOLDER) if alone else []
        old = [path for path in known if path.stat().st_mtime < time.time() - keep_s]
        for path in old:
            path.unlink()
            path.with_suffix(".index").unlink(missing_ok=True)
    return len(old)


def files(folder: Path) -> list[Path]:
    """Of labels, the oldest first."""
    return sorted(folder.glob("[0-9]*.log"))


def _told(error: Exception) -> ArkwrightError:
    if isinstance(error, ArkwrightError):
        return error
    if isinstance(error, OSError):
        why = (error.strerror or "the disk failed").lower()
        return ArkwrightError(f"the labels were not kept: {why}; none of them counts, so send them again")
    return ArkwrightError(f"the labels were not kept: {type(error).__name__}")
