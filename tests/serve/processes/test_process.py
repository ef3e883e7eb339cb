"""One worker process, seen from outside."""

import asyncio
import os
import signal
import socket

import pytest

from arkwright.serve.processes import birth, control, zygote
from arkwright.serve.processes.birth import Nursery
from arkwright.serve.processes.process import Worker
from arkwright.serve.wire.limits import Limits

START = control.Start(
    listening=-1, passing=-1, passed=-1, loopback=True, gateway=False, limits=Limits(), cpu=None, mirror="",
    shadow=False, repository=False, load_time=60.0, shared="", worker=0, host="127.0.0.1", grpc_port=None,
    access_log=None, traces=None,
)  # fmt: skip


class Says:
    """Bears a worker that says something, and does nothing."""

    def __init__(self, message):
        self._message = message

    async def born(self, start):
        with socket.socket(fileno=os.dup(start.control)) as wire:
            wire.sendall(control.line(self._message))
        return await asyncio.create_subprocess_exec("sleep", "600")


def test_a_worker_may_say_of_many_endpoints_why_not():
    """What nobody reads to its end would never be done, and no endpoint would be moved again."""
    why = {f"late{number}": "its features cannot be imported " * 10 for number in range(500)}

    async def told():
        worker = Worker(None, START, None, Says(control.Done(why)))
        await worker.start()
        failed = await worker.tell(control.Serve({}, []))
        await worker.stop(signal.SIGKILL)
        return failed

    assert asyncio.run(told()) == why


def test_who_may_have_been_born_of_a_zygote_that_died_has_no_wire_to_anybody(monkeypatch):
    """It was killed behind the fork, before it said so."""

    class Dies(Says):
        wires = ()

        async def born(self, start):
            self.wires += (socket.socket(fileno=os.dup(start.control)),)
            if len(self.wires) == 1:
                raise birth.Unanswered("the zygote is gone")
            return await super().born(start)

    async def born():
        nursery = Dies(control.Done({}))
        worker = Worker(None, START, None, nursery)
        await worker.start()
        assert await worker.tell(control.Serve({}, [])) == {}
        said = [wire.recv(2, socket.MSG_DONTWAIT) for wire in nursery.wires]
        await worker.stop(signal.SIGKILL)
        for wire in nursery.wires:
            wire.close()
        return said

    assert asyncio.run(born()) == [b"", b'{"'], "the first is closed, so whoever has it ends"


def test_where_no_process_can_be_forked_nothing_is_left_open(monkeypatch):
    def full():
        raise BlockingIOError

    def descriptors():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    monkeypatch.setattr(zygote.os, "fork", full)
    before = descriptors()
    assert [zygote._fork() for _ in range(3)] == [0] * 3
    assert descriptors() == before


async def sleeps(words, fds):
    return await asyncio.create_subprocess_exec("sleep", "600", pass_fds=list(fds))


@pytest.mark.skipif(not birth.forks(), reason="needs a zygote: Linux")
def test_what_workers_are_forked_from_may_hang_and_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(birth, "_exec", sleeps)
    monkeypatch.setattr(birth, "BIRTH", 0.1)
    with pytest.raises(OSError, match="ends at once, or hangs"):
        asyncio.run(Nursery(tmp_path).born(START))
