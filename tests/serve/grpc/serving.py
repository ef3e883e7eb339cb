"""A server in a process of its own: both protocols in one loop. Says on its output what the tests wait for.

A run of HELD rows says `held` and waits for a line on the input; every run says `ran ROWS`, every job `added ROWS`, and
`gone ROWS` when its caller has left.
"""

import asyncio
import json
import logging
import signal
import socket
import sys
import tempfile
from pathlib import Path

import uvloop

from arkwright.core.ports import Routing, Served, Share
from arkwright.serve.grpc.door import AppDoor
from arkwright.serve.grpc.server import GrpcServer
from arkwright.serve.model.loaded import load
from arkwright.serve.observer.observer import Observer
from arkwright.serve.processes.server import Server
from arkwright.serve.rest.repository import Repository
from arkwright.serve.telemetry.counters import Counters
from arkwright.serve.telemetry.telemetry import Telemetry
from arkwright.serve.traffic.batch import Batcher
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.quota import Quota

HELD = 400
WATCHED = 300  # rows from which on a job is spoken of


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def watch(lane):
    run = lane.loaded.graph.run

    def held(inputs):
        rows = len(next(iter(inputs.values())))
        if rows == HELD:
            say("held")
            sys.stdin.readline()
        if rows >= WATCHED:
            say("ran", rows)
        return run(inputs)

    lane.loaded.graph.run = held


class Watched(Batcher):
    jobs: list = []  # noqa: RUF012 - one process, one list

    def add(self, job):
        super().add(job)
        if job.rows >= WATCHED:
            say("added", job.rows)
            Watched.jobs.append(job)


async def tell_who_left():
    while True:
        for job in [job for job in Watched.jobs if job.request.gone]:
            Watched.jobs.remove(job)
            say("gone", job.rows)
        await asyncio.sleep(0.005)


def observer_in(folder):
    """Counters and an access log in this folder; None without one."""
    if not folder:
        return None
    Counters.create(Path(folder), 1)
    return Observer(Telemetry(Path(folder), 0, access_log=f"{folder}/access"))


async def main(folders, limits, observed):
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    def ask(verb, name, told):
        told(None if name in server.app.routes else f"no endpoint is called {name!r}")

    observer, quota = observer_in(observed), None
    if limits.rate:
        with tempfile.TemporaryDirectory() as shared:
            Quota.create(Path(shared))
            quota = Quota(Path(shared), limits.rate)
    server = Server(limits, Repository(ask), observer=observer, quota=quota)
    routes = {}
    for name, versions in folders.items():
        lanes = []
        for version, folder in versions.items():
            loaded = load(Path(folder), endpoint=name, release=f"release:{name}@{version}", digest=version * 64)
            lane = Lane(loaded, limits)
            lane.batcher.__class__ = Watched
            watch(lane)
            lanes.append((lane, 1 / len(versions)))
        routes[name] = Route(name, lanes)
        if observer:
            shares = [Share(Served(Path(), lane.loaded.release, lane.loaded.digest), part) for lane, part in lanes]
            observer.follow(name, Routing(tuple(shares)), [lane for lane, _ in lanes])
    server.app.install(routes)
    listening = socket.create_server(("127.0.0.1", 0))
    await server.start(listening)
    grpc = GrpcServer(AppDoor(server.app, server.front.quota, observer), limits)
    address = await grpc.start("127.0.0.1", 0)
    server.beside.append(grpc.stop)
    say(address.rpartition(":")[2], listening.getsockname()[1])
    telling = asyncio.create_task(tell_who_left())
    await stopped.wait()
    server.app.stopping = True
    say("stopping")
    await server.stop()
    telling.cancel()
    if observer:
        observer.close()
    say("stopped")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(json.loads(sys.argv[1]), Limits(**json.loads(sys.argv[2])), sys.argv[3]))
