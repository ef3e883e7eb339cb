"""Shadows: every request is copied to them, none of their answers is anybody's."""

import asyncio
import socket

import uvloop
from tests.serve.conftest import FLIGHTS, late_model, late_signature, write
from tests.serve.raw import HOST, ROW

from arkwright.core.ports import Routing, Served, Share
from arkwright.serve.processes.server import Server
from arkwright.serve.traffic.mirror import MOST_WAITING, Mirror
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Request

NOTED = """

def noted(flights: "pl.DataFrame") -> "pl.DataFrame":
    from pathlib import Path

    with Path(__file__).with_name("seen").open("a") as seen:
        seen.write(f"{flights['distance'].to_list()}\\n")
    return polars_features(flights)
"""
ASK = b"POST /endpoints/late/predict HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b"


def shares(tmp_path):
    live = write(tmp_path / "3", late_signature("polars_features"), late_model(), FLIGHTS)
    shadow = write(tmp_path / "4", late_signature("noted"), late_model(), FLIGHTS + NOTED)
    return {
        "late": Routing(
            (
                Share(Served(shadow, "release:late@4", "cd" * 32), 0.0, shadow=True),
                Share(Served(live, "release:late@3", "ab" * 32)),
            )
        )
    }


async def answers(port, count):
    """`count` requests, one after the other, and the releases that answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = set()
    for i in range(count):
        row = ROW.replace(b"1200", b"%d" % (1000 + i))
        writer.write(ASK % (HOST, len(row), row))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(size)
        found.add(body.partition(b'"release":"')[2].partition(b'"')[0])
    writer.close()
    return found


async def served(tmp_path, *, with_shadow):
    aside = socket.socket(socket.AF_UNIX)
    aside.bind(str(tmp_path / "aside"))
    mirror = Mirror(str(tmp_path / "aside"))
    front, back = Server(Limits(), mirror=mirror), Server(Limits(), shadow=True)
    listening = socket.create_server(("127.0.0.1", 0))
    traffic = shares(tmp_path)
    assert await front.serve(traffic) == {}
    await front.start(listening)
    if with_shadow:
        assert await back.serve(traffic) == {}
        await back.start(aside)
    found = await answers(listening.getsockname()[1], 20)
    await front.stop()
    if with_shadow:
        lane = back.app.routes["late"].first
        while mirror.waiting():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        await lane.batcher.idle()
        await back.stop()
    mirror.close()
    aside.close()
    return found, mirror


def run(made):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(made)


def test_a_shadow_gets_a_copy_of_every_request_and_answers_none(tmp_path):
    found, mirror = run(served(tmp_path, with_shadow=True))
    assert found == {b"release:late@3"}
    assert (mirror.sent, mirror.dropped) == (20, 0)
    seen = (tmp_path / "4" / "code" / "seen").read_text().split()
    assert sorted(seen)[-20:] == sorted(f"[{1000.0 + i}]" for i in range(20))


async def for_a_tester(tmp_path, *, there):
    """What a tester is answered who asks for the shadow: by predict and by infer, large and small."""
    aside, listening = socket.socket(socket.AF_UNIX), socket.create_server(("127.0.0.1", 0))
    aside.bind(str(tmp_path / "aside"))
    mirror = Mirror(str(tmp_path / "aside"))
    front, back = Server(Limits(), mirror=mirror), Server(Limits(), shadow=True)
    traffic, found = shares(tmp_path), []
    assert await front.serve(traffic) == {}
    await front.start(listening)
    if there:
        assert await back.serve(traffic) == {}
        await back.start(aside)
    many = b"[" + b",".join([ROW] * 10_000) + b"]"
    for wanted, row in ((b"late@4", ROW), (b"4", ROW), (b"release:late@4", many), (b"4", b"{}"), (b"late@5", ROW)):
        more = HOST + b"Connection: close\r\nX-Request-Id: mine\r\nArkwright-Release: %b\r\n" % wanted
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(ASK % (more, len(row), row))
        found.append(await reader.read())
        writer.close()
    await front.stop()
    if there:
        await back.stop()
    mirror.close()
    aside.close()
    return found


def test_a_tester_may_ask_a_shadow(tmp_path):
    found = run(for_a_tester(tmp_path, there=True))
    assert [answer[9:12] for answer in found] == [b"200", b"200", b"200", b"422", b"404"]
    for answer in found[:3]:
        assert b"\r\nArkwright-Release: release:late@4\r\n" in answer
        assert answer.count(b"\r\nX-Request-Id: mine\r\n") == 1
        assert b'"release":"release:late@4"' in answer


def test_a_tester_is_told_when_the_shadow_is_not_there(tmp_path):
    found = run(for_a_tester(tmp_path, there=False))
    assert [answer[9:12] for answer in found] == [b"503", b"503", b"503", b"503", b"404"]
    assert b"Retry-After" in found[0]


def test_a_shadow_that_is_not_there_harms_nobody(tmp_path):
    found, mirror = run(served(tmp_path, with_shadow=False))
    assert found == {b"release:late@3"}
    assert (mirror.sent, mirror.dropped) == (0, 20)


async def taken(path, sizes, *, reading, shadows=1):
    """Whether each of these bodies was taken, one after the other, by each shadow; and what came at the other end."""
    came, free = [], asyncio.Event()

    async def take(reader, _):
        await free.wait()
        while head := await reader.readuntil(b"\r\n\r\n"):
            size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            came.append(len(await reader.readexactly(size)))

    async def done(count):
        while len(came) < count or mirror.waiting():  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    server = await asyncio.start_unix_server(take, path, limit=2**20)
    mirror, request, found = Mirror(path, longest=2**26), Request("POST", "/predict", {}, b""), []
    if reading:
        free.set()
    for size in sizes:
        body = bytes(size)
        found += [mirror.send(request, "/predict", body, f"release:late@{i}") for i in range(shadows)]
        if reading:
            await done(sum(found))
    free.set()
    await done(sum(found))
    mirror.close()
    server.close()
    return found, came, mirror.dropped


def test_a_body_alone_is_always_taken(tmp_path):
    sizes = [1, 2**20, 3 * 2**20, 2**26]
    assert run(taken(str(tmp_path / "aside"), sizes, reading=True)) == ([True] * 4, sizes, 0)


def test_under_pressure_copies_are_dropped_and_counted(tmp_path):
    """Nothing is read: the first is taken whatever its size, then as much as may wait; what is no body never."""
    sizes = [2**25, 10, MOST_WAITING, 2**26 + 1]
    found, came, dropped = run(taken(str(tmp_path / "aside"), sizes, reading=False))
    assert (found, came, dropped) == ([True, False, False, False], [2**25], 3)
    found, came, dropped = run(taken(str(tmp_path / "again"), [2**22, 10, MOST_WAITING, 2**20], reading=False))
    assert (found, came, dropped) == ([True, True, False, True], [2**22, 10, 2**20], 1)


def test_a_shadow_has_room_of_its_own(tmp_path):
    found, came, dropped = run(taken(str(tmp_path / "aside"), [2**25, 10], reading=False, shadows=2))
    assert (found, came, dropped) == ([True, True, False, False], [2**25, 2**25], 2)


def test_all_shadows_together_have_so_much_room(tmp_path):
    found, _, dropped = run(taken(str(tmp_path / "aside"), [2**26], reading=False, shadows=5))
    assert (found, dropped) == ([True] * 3 + [False] * 2, 2)  # beside the bodies there are heads
    found, _, dropped = run(taken(str(tmp_path / "again"), [2**26 - 2**10], reading=False, shadows=5))
    assert (found, dropped) == ([True] * 4 + [False], 1)
