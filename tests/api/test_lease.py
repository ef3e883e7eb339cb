"""One process at a time has a turn, and a dead one's ends with it, whatever its clock said."""

import os
import subprocess
import sys
import time

import pytest

from arkwright.api import lease
from arkwright.core.errors import Refused
from arkwright.sites import local

HOLDS = """
import sys, time
from pathlib import Path
from arkwright.api import lease
from arkwright.sites import local
now = time.time
time.time = lambda: now() + 86_400  # its clock is a day ahead
with lease.held(local(Path(sys.argv[1])), "watch"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def site(tmp_path):
    return local(tmp_path)


def test_one_at_a_time_and_then_the_next(site):
    who = f"process {os.getpid()} on "
    with lease.held(site, "watch") as turn:
        with pytest.raises(Refused, match=f"the watch is at work already: {who}"), lease.held(site, "watch"):
            pass
        with lease.held(site, "another thing"):
            pass
        turn.must_be_held()
    with lease.held(site, "watch") as turn:
        turn.must_be_held()


def test_it_ends_with_whoever_held_it_and_no_clock_counts(site, monkeypatch):
    command = [sys.executable, "-c", HOLDS, str(site.folder.parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        monkeypatch.setattr(time, "time", lambda: 9e9)
        with pytest.raises(Refused, match=f"process {other.pid} on"), lease.held(site, "watch"):
            pass
        monkeypatch.undo()
        other.kill()
        other.wait()
        with lease.held(site, "watch"):
            pass


def test_who_lost_it_is_told():
    with pytest.raises(Refused, match="the turn at the watch is lost: the connection broke"):
        lease.Lease("watch", lambda: False).must_be_held()
