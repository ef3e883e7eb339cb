"""One worker process, seen from outside."""

import asyncio
import errno
import gc
import os
import signal
import socket
import subprocess
import sys
import threading

import msgspec
import pytest
from tests.serve.clock import Clock

from arkwright.serve.processes import birth, control, process, zygote
from arkwright.serve.processes.birth import Forked, Nursery
from arkwright.serve.processes.process import Worker
from arkwright.serve.wire.limits import Limits

START = control.Start(
    listening=-1, passing=-1, passed=-1, loopback=True, gateway=False, limits=Limits(), cpu=None, mirror="",
    shadow=False, repository=False, load_time=60.0, shared="", worker=0, host="127.0.0.1", grpc_port=None,
    access_log=None, traces=None,
)  # fmt: skip


def sleeps(words, fds):
    made = subprocess.Popen(["sleep", "600"], pass_fds=fds)
    made.returncode = 0  # it is asked by its number
    return Forked(made.pid)


def descriptors():
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


class Says:
    """Bears a worker that says something, and does nothing."""

    def __init__(self, message):
        self._message = message

    async def born(self, start):
        with socket.socket(fileno=os.dup(start.control)) as wire:
            wire.sendall(control.line(self._message))
        await asyncio.sleep(0.01)  # so it is heard before its end of the wire is closed
        return sleeps((), ())


def test_a_worker_may_say_of_many_endpoints_why_not():
    """What nobody reads to its end would never be done, and no endpoint would be moved again."""
    why = {f"late{number}": "its features cannot be imported " * 10 for number in range(500)}

    async def told():
        worker = Worker(None, START, None, Says(control.Done(why)))
        await worker.start()
        failed = await worker.tell(control.Serve({}, []))
        await worker.stop(signal.SIGKILL)
        worker.forget()
        return failed

    assert asyncio.run(told()) == why


@pytest.mark.parametrize("forked", [True, False])
def test_where_the_zygote_dies_before_it_answers_there_is_one_worker_all_the_same(monkeypatch, forked):
    """It may have forked before: then the worker says who it is. Else another zygote is asked, with another wire."""
    monkeypatch.setattr(process, "Forked", lambda pid: sleeping[pid])
    sleeping, wires = {}, []

    class Dies(Says):
        async def born(self, start):
            wires.append(os.fstat(start.control).st_ino)
            made = await super().born(start)
            sleeping[7] = made
            return made if len(wires) > 1 else None

    class Nobody(Dies):
        async def born(self, start):
            return await super().born(start) if wires else wires.append(os.fstat(start.control).st_ino)

    async def born():
        worker = Worker(None, START, None, (Dies if forked else Nobody)(control.Born(7)))
        await worker.start()
        assert worker.process is sleeping[7]
        assert worker.hears
        await worker.stop(signal.SIGKILL)
        worker.forget()

    asyncio.run(born())
    assert len(set(wires)) == len(wires) == 2 - forked


def test_where_no_process_can_be_forked_nothing_is_left_open(monkeypatch):
    def full():
        raise BlockingIOError

    monkeypatch.setattr(zygote.os, "fork", full)
    before = descriptors()
    assert [zygote._fork() for _ in range(3)] == [0] * 3
    assert descriptors() == before


@pytest.mark.skipif(not birth.forks(), reason="needs a zygote: Linux")
def test_what_workers_are_forked_from_may_hang_and_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(birth, "_exec", sleeps)
    monkeypatch.setattr(birth, "BIRTH", 0.1)
    with pytest.raises(OSError, match="ends at once, or hangs"):
        asyncio.run(Worker(None, START, None, Nursery(tmp_path)).start())


def answers(times):
    """A zygote that forks so often, and then hangs."""

    def begin(words, fds):
        with socket.socket(fileno=os.dup(fds[0])) as way:
            for _ in range(times):
                made = subprocess.Popen(["sleep", "600"])
                made.returncode = 0  # it is asked by its number
                way.send(control.PID.pack(made.pid))
        return sleeps(words, fds)

    return begin


async def bears(nursery):
    """Whether a worker is born, and ends."""
    if born := await nursery.born(START):
        born.kill()
        await born.wait()
    return born is not None


@pytest.mark.skipif(not birth.forks(), reason="needs a zygote: Linux")
def test_who_has_imported_and_hangs_is_not_waited_for_as_if_it_imported(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(birth, "_exec", answers(1))
    monkeypatch.setattr(birth, "FORK", 0.1)

    async def born():
        nursery = Nursery(tmp_path)
        found = [await asyncio.wait_for(bears(nursery), 20) for _ in range(3)]
        await nursery.close()
        return found

    assert asyncio.run(born()) == [True, False, True]
    assert caplog.text.count("the process that workers are forked from hangs: it is ended, and another begins") == 1


@pytest.mark.skipif(not birth.forks(), reason="needs a zygote: Linux")
def test_what_workers_are_forked_from_stays_until_another_works(tmp_path, monkeypatch):
    """Half an upgrade: what is installed now cannot be imported."""

    def ends(words, fds):
        return Forked(os.posix_spawn("/bin/true", ["true"], os.environ))

    def begin(words, fds, installed=iter([answers(2), ends, answers(1)])):  # noqa: B008 - once
        return next(installed)(words, fds)

    monkeypatch.setattr(birth, "_exec", begin)

    async def upgraded():
        nursery, born = Nursery(tmp_path), []
        born.append(await bears(nursery))
        for _ in range(2):
            await nursery.renew()
            born.append(await bears(nursery))
            await nursery.decide(works=born[-1])
            born.append(await bears(nursery)) if not born[-1] else None
        await nursery.close()
        return born

    assert asyncio.run(upgraded()) == [True, False, True, True]


def test_who_hangs_is_ended_though_the_supervisor_was_killed():
    """What workers are forked from sees to it."""
    hangs = subprocess.Popen(["sleep", "600"])
    workers = zygote.Workers()
    workers.add(hangs.pid, msgspec.structs.replace(START, limits=Limits(drain_time=-control.GRACE)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "killpg", lambda *_: None)  # it is of our group
        workers.outlive()
    assert hangs.wait(60) == -signal.SIGKILL
    workers.close()


def test_a_halt_while_a_worker_drains_does_not_end_it():
    """Of the whole server: a container that is paused."""
    clock = Clock()

    class Drains:
        pid, returncode = 4_000_000, None

        def __init__(self):
            self.told, self.over = [], asyncio.Event()

        def send_signal(self, sign):
            self.told.append(sign)
            if sign == signal.SIGTERM:
                clock.call_at(1.0, setattr, clock, "now", 100.0)
                clock.call_at(109.0, self.over.set)

        def kill(self):
            self.told.append(signal.SIGKILL)
            self.over.set()

        async def wait(self):
            await self.over.wait()
            return 0

    async def stopped():
        worker, worker.process = Worker(None, START, None, None), Drains()
        worker.gone, worker.opened = False, True
        return await worker.stop(), worker.process.told

    asyncio.set_event_loop(clock)
    assert clock.run_until_complete(stopped()) == (False, [signal.SIGTERM, signal.SIGCONT])
    clock.close()


def test_a_worker_that_does_not_say_who_it_is_is_none():
    """Another is asked for, and then it is an error as any other."""

    class Torn:
        async def born(self, start):
            with socket.socket(fileno=os.dup(start.control)) as wire:
                wire.sendall(control.line(control.Born(7))[:9])

    with pytest.raises(OSError, match="ends at once, or hangs"):
        asyncio.run(Worker(None, START, None, Torn()).start())


def test_who_is_not_wanted_any_more_when_it_is_born_does_not_begin():
    async def born():
        worker = Worker(None, START, None, Says(control.Loading("")))
        await worker.stop()
        with pytest.raises(OSError, match="the old one ended"):
            await worker.start()
        await worker.stop()
        worker.forget()
        return worker.process.returncode

    assert asyncio.run(born()) == -9


def test_who_hears_nothing_any_more_and_lives_on_is_ended(monkeypatch):
    """Its wire is gone: it can be told neither what to serve nor to leave."""
    monkeypatch.setattr(control, "GRACE", 0.0)
    start = msgspec.structs.replace(START, limits=Limits(drain_delay=0.0, drain_time=0.05))

    async def ended():
        worker = Worker(None, start, None, Says(control.Loading("")))
        await worker.start()
        code = await asyncio.wait_for(worker.ended(), 60)
        worker.forget()
        return code

    assert asyncio.run(ended()) == -signal.SIGKILL


@pytest.fixture
def no_thread(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


@pytest.mark.skipif(not birth.forks(), reason="needs a zygote: Linux")
def test_where_no_thread_can_be_started_there_is_a_process_all_the_same(tmp_path, monkeypatch, no_thread):
    """Else what was forked would go on unseen, and the server end."""
    monkeypatch.setattr(sys, "executable", "/bin/true")  # a zygote that ends at once
    with pytest.raises(OSError, match="ends at once, or hangs"):
        asyncio.run(Worker(None, START, None, Nursery(tmp_path)).start())


def test_the_end_of_a_process_is_seen_where_no_file_is_left_for_its_handle(monkeypatch):
    def full(pid):
        raise OSError(errno.EMFILE, "Too many open files")

    async def ended():
        child = Forked(os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], os.environ))  # noqa: ASYNC221
        return child.returncode, await asyncio.wait_for(child.wait(), 60), child.returncode

    monkeypatch.setattr(os, "pidfd_open", full)
    assert asyncio.run(ended()) == (None, 3, 3)


def test_the_end_of_a_process_is_seen_where_the_loop_takes_no_more_handles(monkeypatch):
    def full(fd, do):
        raise OSError(errno.ENOSPC, "No space left on device")

    async def ended():
        monkeypatch.setattr(asyncio.get_running_loop(), "add_reader", full)
        before = descriptors()
        child = Forked(os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], os.environ))  # noqa: ASYNC221
        assert descriptors() <= before
        return await asyncio.wait_for(child.wait(), 60)

    assert asyncio.run(ended()) == 3


@pytest.mark.skipif(not birth.forks(), reason="needs a zygote: Linux")
def test_that_no_file_is_left_does_not_say_for_good_that_there_is_no_zygote(monkeypatch):
    def full(pid):
        raise OSError(errno.EMFILE, "Too many open files")

    birth.forks.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(os, "pidfd_open", full)
        with pytest.raises(OSError, match="Too many open files"):
            birth.forks()
    assert birth.forks()


def test_where_no_process_can_be_made_nothing_is_left_open(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    birth.forks()
    gc.collect()  # of what others left
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        asyncio.run(Nursery(tmp_path).born(START))
    assert descriptors() == before
