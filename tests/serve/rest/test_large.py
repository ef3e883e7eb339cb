"""Whoever sends what takes long to read waits for it; nobody else does."""

import asyncio
import gzip
import http.client
import json
import threading
import time
from pathlib import Path

import pytest
from tests.serve.conftest import flat_release
from tests.serve.supervised import Supervised

from arkwright.serve.rest.aside import LARGE, MOST, Aside
from arkwright.serve.tap import labels
from arkwright.serve.wire.messages import Problem

ROW = b'{"km":1.0,"aa":0.0}'
BOMB = gzip.compress(bytes(64 * 2**20 - 1))
ROWS = gzip.compress(b"[%b]" % b",".join([ROW] * 200_000))
TENSOR = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1_000_000, 3], "data": [[1.5, 0, 2]] * 1_000_000}]}
).encode()
LABELS = [{"id": f"request-{i}", "label": i % 2 == 0} for i in range(20_000)]
GZIP = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
PLAIN = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    logs = {"late": {"folder": str(folder / "predictions")}}
    with Supervised(folder / "s", {"late": [(flat_release(folder / "late"), 1, 1.0)]}, logs) as server:
        server.logged = folder / "predictions"
        yield server


def post(server, body, headers, path="/predict"):
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        client.request("POST", path, body, headers)
        answer = client.getresponse()
        answer.read()
        return answer.status, answer.headers
    finally:
        client.close()


def megabytes(server):
    (worker,) = server.workers()
    return int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * 4096 / 2**20


def besieged(server, body, headers, *, each=3, callers=8):
    """The longest that a look at the server's health took while so many sent this, what they were answered, and MB."""
    seen, memory, longest = [], [megabytes(server)], 0.0

    def send():
        seen.extend(post(server, body, headers)[0] for _ in range(each))

    threads = [threading.Thread(target=send) for _ in range(callers)]
    for thread in threads:
        thread.start()
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    while any(thread.is_alive() for thread in threads):
        start = time.perf_counter()
        client.request("GET", "/v2/health/live")
        assert client.getresponse().read()
        longest = max(longest, time.perf_counter() - start)
        memory.append(megabytes(server))
        time.sleep(0.005)
    client.close()
    return longest, seen, max(memory) - memory[0]


@pytest.mark.parametrize("kind", ["bombs", "rows"])
def test_health_is_answered_meanwhile(server, kind):
    """As it is among as many callers of small requests, on whatever machine this is, or within a second."""
    usual, _, _ = besieged(server, ROW, PLAIN, each=50)
    body = {"bombs": BOMB, "rows": ROWS}[kind]
    longest, seen, grown = besieged(server, body, GZIP, each=2 if kind == "bombs" else 1, callers=8)
    assert set(seen) <= ({400, 503} if kind == "bombs" else {200, 503})
    assert longest < max(1.0, 10 * usual)
    assert grown < 900


def test_what_is_read_aside_is_answered_as_ever(server):
    many = [json.loads(ROW)] * 3000
    small = server.call("/predict", many[:10])[2]["predictions"]
    assert server.call("/predict", many)[2]["predictions"] == small * 300
    assert post(server, gzip.compress(json.dumps(many).encode()), GZIP)[0] == 200
    assert post(server, gzip.compress(bytes(65 * 2**20)), GZIP)[0] == 413
    assert post(server, BOMB[:-20], GZIP)[0] == 400
    wrong = [*many, {"km": "far"}]
    status, _, answer = server.call("/predict", wrong)
    assert (status, answer["error"].startswith("$[3000].")) == (422, True)


def test_many_labels_are_read_aside_and_all_or_none_is_kept(server):
    path = "/endpoints/late/labels"
    kept = [*LABELS, {"id": "last", "label": True}]
    assert len(json.dumps(kept)) > LARGE
    assert server.call(path, kept)[2] == {"labels": 20_001}
    assert post(server, gzip.compress(json.dumps(kept).encode()), GZIP, path)[0] == 200
    status, _, answer = server.call(path, [*LABELS, {"id": "wrong", "label": "yes"}])
    assert (status, answer["error"].startswith("$[20000].label: expected bool")) == (422, True)
    assert post(server, gzip.compress(json.dumps(kept).encode())[:-20], GZIP, path)[0] == 400
    found = [label for block in labels.read(server.logged) for label in block]
    assert {one[0] for one in found} == {label["id"] for label in kept}


def test_a_large_tensor_is_read_in_pieces(server):
    assert post(server, TENSOR, PLAIN, "/v2/models/late/infer")[0] == 200


def test_there_is_room_for_so_much():
    async def main():
        aside, gone = Aside(100, 0.05), []
        async with aside.place(60) as first:
            with pytest.raises(Problem, match="too many large requests") as problem:  # it waits for too long
                async with aside.place(60):
                    pass
            assert problem.value.headers.startswith(b"Retry-After: ")

            async def later(size):
                async with aside.place(size):
                    gone.append(size)

            tasks = [asyncio.create_task(later(size)) for size in (70, 10)]
            await asyncio.sleep(0)
            assert gone == []  # nobody goes ahead of who waits
            first.shrink(20)
            await asyncio.gather(*tasks)
        async with aside.place(10**9):  # more than there is: all of it
            waiting = [asyncio.create_task(later(1)) for _ in range(MOST + 1)]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert len(done) == 1
            assert isinstance(done.pop().exception(), Problem)
        await asyncio.wait(waiting)
        async with aside.place(100):  # everything came back
            pass

    asyncio.run(main())
