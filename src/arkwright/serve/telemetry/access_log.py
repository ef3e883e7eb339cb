"""One JSON line for each request: who asked for what, what came of it, how long it took. Never a body, never a header.

A line is made on the way, in about a microsecond, and waits in memory; a thread writes once a second. What does not fit
in memory, or cannot be written, is counted and left out: a full disk costs lines, not answers.
"""

import json
import logging
import os
import re
import select
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from arkwright.core.errors import Invalid

_MILLISECONDS = tuple(f".{i:03}Z" for i in range(1000))  # formatting one costs a quarter of the line
SHORT, LONG = 96, 320  # characters kept: a line fits in one write to a pipe, whatever has to be escaped in it
_PLAIN = re.compile(r"[ !#-\[\]-~]*").fullmatch  # needs no escape in JSON
MOST_WAITING = 8 * 2**20  # bytes of lines in memory
log = logging.getLogger("arkwright.serve")


class AccessLog:
    """Lines for one file, which may be renamed under it at any time, or for standard output (`-`).

    Several workers may append to one file: each write ends with a whole line.
    """

    def __init__(self, target: str) -> None:
        """Raises Invalid when the file cannot be opened."""
        self.written = self.full = self.failed = 0  # lines
        self._path = None if target == "-" else Path(target).absolute()
        self._waiting: list[str] = []
        self._size = 0
        self._second, self._stamp = 0, ""
        self._torn = self._told = False
        try:
            self._file = self._open()
        except OSError as error:
            raise Invalid(f"the access log {target} cannot be written: {error.strerror}") from None

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
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second, self._stamp = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        stamp = self._stamp + _MILLISECONDS[int((now - second) * 1000)]
        milliseconds = int(seconds * 1e6) / 1e3
        said = caller + method + request_id
        if len(said) <= SHORT and len(path) <= LONG and _PLAIN(said + path):  # half the time of an encoder's
            line = (
                f'{{"time":"{stamp}","caller":"{caller}","method":"{method}","path":"{path}","status":{status},'
                f'"bytes":{size},"ms":{milliseconds},"request_id":"{request_id}","release":"{release}",'
                f'"trace_id":"{trace_id}"}}\n'
            )
        else:
            facts = {
                "time": stamp,
                "caller": caller[:SHORT],
                "method": method[:SHORT],
                "path": path[:LONG],
                "status": status,
                "bytes": size,
                "ms": milliseconds,
                "request_id": request_id[:SHORT],
                "release": release,
                "trace_id": trace_id,
            }
            line = json.dumps(facts, separators=(",", ":")) + "\n"  # ASCII: what turns letters round is spelt out
        self._size += len(line)
        self._waiting.append(line)

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
        if self._path is not None:
            os.close(self._file)

    def _open(self) -> int:
        if self._path is None:
            return sys.stdout.fileno()
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _follow(self) -> None:
        """Open the file anew when it was moved away, as those who rotate logs do."""
        if self._path is None:
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
