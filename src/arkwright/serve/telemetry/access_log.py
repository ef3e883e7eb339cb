"""One JSON line for each request: who asked for what, what came of it, how long it took. Never a body, never a header.

A line is made on the way, in about a microsecond, and waits in memory; a thread writes once a second. Most of a line is
what another line said before: who asks for what, and the milliseconds, so these texts are kept. What does not fit in
memory, or cannot be written, is counted and left out: a full disk costs lines, not answers.
"""

import logging
import os
import select
import stat
import sys
from collections.abc import Iterator
from json.encoder import encode_basestring_ascii as quoted  # ASCII: what turns letters round is spelt out
from pathlib import Path
from time import gmtime, strftime, time

from arkwright.core.errors import Invalid

SHORT, LONG = 96, 320  # characters kept: a line fits in one write to a pipe, whatever has to be escaped in it
_MILLISECONDS = tuple(f".{i:03}Z" for i in range(1000))
MOST_KNOWN = 1024  # texts of each kind that are kept
MOST_WAITING = 8 * 2**20  # bytes of lines in memory
log = logging.getLogger("arkwright.serve")


class AccessLog:
    """Lines for one file, which may be renamed under it at any time, or for standard output (`-`).

    Several workers may append to one file: each write ends with a whole line.
    """

    def __init__(self, target: str, *, later: bool = False) -> None:
        """Raises Invalid when the file cannot be opened, unless it may be opened `later`, when there are lines."""
        self.written = self.full = self.failed = 0  # lines
        self._path = None if target == "-" else Path(target).absolute()
        self._waiting: list[str] = []
        self._size = 0
        self._second, self._stamp = -1, ""
        self._millisecond, self._begin = -1, ""
        self._known: dict[tuple[str, str, str, int, str], tuple[str, str]] = {}
        self._times: dict[int, str] = {}
        self._torn = self._told = False
        try:
            self._file = self._open()
        except OSError as error:
            if not later:
                other = "name another file, or -"
                raise Invalid(f"the access log {target} cannot be written: {error.strerror}; {other}") from None
            self._file = -1

    def add(
        self,
        *,
        caller: str,
        method: str,
        path: str,
        status: int,
        size: int,
        seconds: float,
        request_id: str = "",
        release: str = "",
        trace_id: str = "",
    ) -> None:
        """A line, to be written within a second. Whatever the caller sent stays in its JSON string, cut to SHORT and
        LONG; `release` and `trace_id` are the server's own words.
        """
        if self._size > MOST_WAITING:
            self.full += 1
            return
        millisecond = int(time() * 1000)
        if millisecond != self._millisecond:
            self._tick(millisecond)
        who = self._known.get((caller, method, path, status, release)) or self._know(
            caller, method, path, status, release
        )
        microseconds = int(seconds * 1e6)
        took = self._times.get(microseconds) or self._time(microseconds)
        id_ = quoted(request_id if len(request_id) <= SHORT else request_id[:SHORT]) if request_id else '""'
        line = f'{self._begin}{who[0]}{size}{took}{id_}{who[1]}{trace_id}"}}\n'
        self._size += len(line)
        self._waiting.append(line)

    def _tick(self, millisecond: int) -> None:
        """How lines begin in this millisecond."""
        second, rest = divmod(millisecond, 1000)
        if second != self._second:
            self._second, self._stamp = second, strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        self._millisecond = millisecond
        self._begin = f'{{"time":"{self._stamp}{_MILLISECONDS[rest]}","caller":'

    def _know(self, caller: str, method: str, path: str, status: int, release: str) -> tuple[str, str]:
        """What stands before the size, and behind the id."""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        asked = f'{quoted(caller[:SHORT])},"method":{quoted(method[:SHORT])},"path":{quoted(path[:LONG])}'
        found = f'{asked},"status":{status},"bytes":', f',"release":{quoted(release)},"trace_id":"'
        self._known[caller, method, path, status, release] = found
        return found

    def _time(self, microseconds: int) -> str:
        if len(self._times) >= MOST_KNOWN:
            self._times.clear()
        found = self._times[microseconds] = f',"ms":{microseconds / 1e3},"request_id":'
        return found

    def flush(self) -> None:
        """Write what waits. For one thread, which may wait here for a slow disk or a full pipe."""
        lines, self._waiting = self._waiting, []
        self._size = 0
        if not lines:
            return
        try:
            self._follow()
            regular = stat.S_ISREG(os.fstat(self._file).st_mode)
        except OSError as error:
            self._fail(len(lines), error)
            return
        for part in _parts(lines, 2**20 if regular else select.PIPE_BUF):
            self._write(part)

    def close(self) -> None:
        self.flush()
        if self._path is not None and self._file >= 0:
            os.close(self._file)

    def _open(self) -> int:
        if self._path is None:
            return sys.stdout.fileno()
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _follow(self) -> None:
        """Open the file anew when it was moved away, as those who rotate logs do."""
        if self._path is None:
            return
        if self._file < 0:
            self._file = self._open()
            return
        try:
            there, mine = self._path.stat(), os.fstat(self._file)
            if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
                return
        except FileNotFoundError:
            pass
        fresh = self._open()
        os.close(self._file)
        self._file, self._torn = fresh, False

    def _write(self, lines: list[str]) -> None:
        data = (("\n" if self._torn else "") + "".join(lines)).encode("ascii")
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        except OSError as error:
            self._torn = self._torn or done > 0  # the next line must not be taken for the rest of this one
            whole = data[:done].count(b"\n")
            self.written += whole
            self._fail(len(lines) - whole, error)
            return
        self.written += len(lines)
        self._torn = self._told = False

    def _fail(self, lines: int, error: OSError) -> None:
        self.failed += lines
        if not self._told:
            self._told = True
            log.error("the access log cannot be written, lines are lost and counted: %s", error.strerror)


def _parts(lines: list[str], most: int) -> Iterator[list[str]]:
    """Whole lines, together at most so many bytes: a pipe keeps those together that are written at once."""
    part: list[str] = []
    size = 0
    for line in lines:
        if part and size + len(line) > most:
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line)
    yield part
