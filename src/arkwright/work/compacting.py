"""Compaction beside a server: `python -m arkwright.work.compacting SITE PREDICTIONS PARENT`.

Each minute in which something was logged, and each hour for what is old enough to go, a process is started that
compacts once; the rest of the time there is only this one, which imports next to nothing. It ends on SIGTERM and with
the process PARENT, and so does what it started: at whatever step that is, nothing is lost, nothing doubled.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from arkwright.work.parent import dies_with

EVERY_S, ANYWAY_S = 60.0, 3600.0
SEGMENTS = "*/*.segment"  # of every endpoint; `serve.tap.segment`, which says so too, would be most of this process


def main() -> int:
    site, predictions, parent = sys.argv[1:]
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: sys.exit(0))  # kills what runs now on the way
    if not dies_with(int(parent)):
        return 0
    os.nice(10)  # the server's requests come first
    command = [sys.executable, "-m", "arkwright.work.compact", site, "--parent", str(os.getpid())]
    due = 0.0
    while True:
        time.sleep(EVERY_S)
        if time.monotonic() >= due or any(Path(predictions).glob(SEGMENTS)):
            subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
            due = time.monotonic() + ANYWAY_S


if __name__ == "__main__":
    raise SystemExit(main())
