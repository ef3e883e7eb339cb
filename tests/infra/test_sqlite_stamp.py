"""Whether anything was written: never waited for, never a failure."""

import threading

from pysqlite3 import dbapi2 as sqlite

from arkwright.infra.sqlite_stamp import stamp_of


def test_nobody_is_waited_for(tmp_path):
    db, lock = sqlite.connect(str(tmp_path / "a.db"), check_same_thread=False), threading.Lock()
    assert stamp_of(db, lock) is not None
    with lock:
        assert stamp_of(db, lock) is None
    assert stamp_of(None, lock) is None
    (tmp_path / "a.db").write_bytes(b"no database" * 1000)
    broken = sqlite.connect(str(tmp_path / "a.db"))
    assert stamp_of(broken, lock) is None
    assert lock.acquire(blocking=False)
