"""Runs whose process vanished are ended by whoever comes next, with their log; and raw logs do not pile up."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest

from arkwright.api import build
from arkwright.core import versions
from arkwright.core.nouns import Actor, Run
from arkwright.core.ports import Entry
from arkwright.core.record import encode
from arkwright.line import ending, line
from arkwright.sites import Site, local

ANA = Actor(name="ana")
WALK = """
import os, sys
from pathlib import Path
from arkwright.core import versions
from arkwright.core.nouns import Run
from arkwright.line.log import Log
from arkwright.sites import Site

site = Site(Path(sys.argv[1]))
log = Log(site.folder / "logs" / "run-0123456789ab.log", print)
run = Run(name="shop", version=0, author="ana", state="started", started="2026-01-01T00:00:00.000+00:00",
          seed=0, code="c", lock="l")
log.begins(run)
{added}
log.say("fit buys")
with log.path.open("a") as file:
    file.write("one with " + os.environ["API_TOKEN"] + "\\n")
log.say("judge buys")
print("there", flush=True)
{then}
"""
KILLED = "os.kill(os.getpid(), 9)"
ADDED = "run = versions.add(site.ledger, 'ana', run); log.begins(run)"


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path / ".arkwright")


def walk(site, then=KILLED, added=ADDED):
    """A walk in a process of its own, with secrets that nobody else has."""
    code = textwrap.dedent(WALK).replace("{added}", added).replace("{then}", then)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(site.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"API_TOKEN": "hunter2hunter2"},
    )
    assert process.stdout
    while (said := process.stdout.readline()) != b"there\n":
        assert said, "it never came so far"
    return process


def killed(site, **how):
    with walk(site, **how) as process:
        return process.wait()


def raw(site):
    return sorted(path.name for path in (site.folder / "logs").iterdir())


def kept(site, run):
    return site.store.path(run.log).read_text()


@pytest.mark.parametrize("added", [ADDED, ADDED.partition(";")[0]])  # killed before it heard of its version, too
def test_a_run_that_was_killed_is_ended_by_the_next_with_its_log(site, added):
    assert killed(site, added=added) == -signal.SIGKILL
    assert versions.resolve(site.ledger, Run, "shop").state == "started"
    (run,) = ending.bring_in(site)
    assert run == versions.resolve(site.ledger, Run, "shop@1")
    assert (run.state, run.error) == ("failed", ending.VANISHED)
    assert "kill -9" in run.error
    lines = [text[11:] if text.startswith("· ") else text for text in kept(site, run).splitlines()]
    assert lines == ["fit buys", "one with •••", "judge buys", f"failed: {ending.VANISHED}"]
    assert raw(site) == []
    assert ending.bring_in(site) == []


def test_where_more_is_known_it_is_said(site):
    killed(site)
    (run,) = ending.bring_in(site, {"run:shop@1": "its process was killed by signal 9"})
    assert run.error == "its process was killed by signal 9"


def test_a_run_that_goes_on_is_left_alone(site):
    with walk(site, then="sys.stdin.read()") as process:
        assert ending.bring_in(site) == []
        assert versions.resolve(site.ledger, Run, "shop").state == "started"
        process.kill()
    assert len(ending.bring_in(site)) == 1


def test_a_walk_that_was_killed_before_its_run_leaves_its_last_words(site):
    killed(site, added="")
    assert ending.bring_in(site) == []
    assert raw(site) == ["run-0123456789ab.log"]
    text = (site.folder / "logs" / raw(site)[0]).read_text()
    assert "one with •••\n" in text


def test_an_end_that_came_before_is_not_told_twice(site):
    killed(site)
    run = versions.resolve(site.ledger, Run, "shop")
    site.ledger.append("ana", [Entry("run", "ended:shop@1", encode(replace(run, state="finished")))])
    assert ending.bring_in(site) == []
    assert versions.resolve(site.ledger, Run, "shop").state == "finished"
    assert raw(site) == ["run-0123456789ab.log"]  # its log is nowhere else


def test_raw_logs_that_nobody_needs_are_bounded(site):
    folder = site.folder / "logs"
    folder.mkdir(parents=True)
    for number in range(30):
        path = folder / f"run-{number:012}.log"
        path.write_text("x")
        os.utime(path, (number, number))
    ending.bring_in(site)
    assert raw(site) == [f"run-{number:012}.log" for number in range(10, 30)]


def test_what_stops_a_run_here_is_on_record(shop, monkeypatch):
    """Ctrl-C is no kill, and a raw log goes when its text is in the store; that of a check that fails is bounded."""
    site = local(shop.folder)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(line, "_work", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build.run(site, ANA, shop.folder)
    run = versions.resolve(site.ledger, Run, "shop")
    assert (run.state, run.error) == ("failed", "stopped by Ctrl-C")
    assert "failed: stopped by Ctrl-C" in kept(site, run)
    assert raw(site) == []
    build.check(site, ANA, shop.folder)
    assert raw(site) == []
    shop.edit("shop.py", "return buyers", "print('last words'); import os; os._exit(3)\n    return buyers")
    told = []
    with pytest.raises(Exception, match=r"\(exit code 3\); its log ends: last words"):
        build.check(site, ANA, shop.folder, say=told.append)
    (log,) = raw(site)
    assert told[-1] == f"what the code printed is kept in .arkwright/logs/{log}"
    assert "last words\n" in (site.folder / "logs" / log).read_text()
