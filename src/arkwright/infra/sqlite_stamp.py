"""Whether anything was written to a SQLite file, by this connection or another: asked in 10 µs, never waited for."""

import threading
from typing import Any

from pysqlite3 import dbapi2 as sqlite


def stamp_of(db: Any, lock: "threading.Lock | threading.RLock") -> tuple[int, int] | None:
    """(what others committed, what this connection changed). None where another thread has its turn, or none may.

    The first is SQLite's own count: https://www.sqlite.org/pragma.html#pragma_data_version
    """
    if db is None or not lock.acquire(blocking=False):
        return None
    try:
        (others,) = db.execute("PRAGMA data_version").fetchone()
    except sqlite.Error:  # whoever reads next is told what it is
        return None
    else:
        return others, db.total_changes
    finally:
        lock.release()
