"""A server under siege: overload, swaps, restarts, kills, slow clients, large requests, poison. One table.

    python benchmarks/siege.py [--short] [--only NAME …] [--json FILE]

Each attack has bounds. What does not hold is said, and the exit code is 1.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from siege_grpc import over_grpc
from siege_load import Impatient, Load
from siege_proxies import proxy, through
from siege_report import Report, answers, until
from siege_rolls import rolls
from siege_server import Server, request
from siege_slow import MODES, large, slow

WORKERS = 2
WINDOWS = 3  # of each load, one after the other
GIVEN_BACK = 2.5  # seconds after which the server has given free memory back


async def overload(folder: Path, *, seconds: float, work: float = 0, wait: float = 0, code: bool = True) -> Report:
    """Ten times what one worker can do for so many seconds, with as long at its capacity between: what else the machine
    does meanwhile weighs on both alike. The server has one processor, its callers another.
    """
    kind = f"{work:g} ms of Python" if work else f"{wait:g} ms of waiting" if wait else "on the loop"
    processors = sorted(os.sched_getaffinity(0))
    ones, tens, asked = [], [], request(work, wait)
    try:
        os.sched_setaffinity(0, processors[:1])
        with Server(folder, workers=1, code=code) as server:
            os.sched_setaffinity(0, processors[-1:])
            most = Load(server.port, asked, connections=16, rate=None)
            await most.run(max(2.0, seconds / WINDOWS))
            before = server.megabytes()
            for _ in range(WINDOWS):
                for loads, times, connections in ((ones, 1, 64), (tens, 10, 1000)):
                    loads.append(Load(server.port, asked, connections=connections, rate=times * most.goodput()))
                    await loads[-1].run(seconds / WINDOWS)
            after = server.megabytes()
    finally:
        os.sched_setaffinity(0, processors)
    return _overloaded(Report(f"overload: {kind}"), most.goodput(), ones, tens, (before, after))


def _overloaded(
    report: Report, capacity: float, ones: list[Load], tens: list[Load], megabytes: tuple[float, float]
) -> Report:
    """Medians of the windows."""
    good1, good10 = (median(one.goodput() for one in loads) for loads in (ones, tens))
    slow1, slow10 = (median(one.quantile(0.99) for one in loads) for loads in (ones, tens))
    refused = median(ten.quantile(0.99, 503) for ten in tens)
    statuses, failed = sum((ten.statuses for ten in tens), Counter()), sum(len(ten.failed) for ten in tens)
    offered = (statuses.total() + failed) / sum(ten.seconds for ten in tens)
    report.measured = {
        "capacity": round(capacity), "offered": round(offered), "offered x": round(offered / capacity, 1),
        "goodput 1x": round(good1), "goodput 10x": round(good10), "goodput ratio": round(good10 / good1, 3),
        "of each": " ".join(f"{ten.goodput() / one.goodput():.2f}" for one, ten in zip(ones, tens, strict=True)),
        "p99 1x ms": round(slow1, 1), "p99 10x ms": round(slow10, 1), "p99 of 503 ms": round(refused, 1),
        "answers": {str(status): count for status, count in sorted(statuses.items())} | {"failed": failed},
        "unsent": sum(ten.unsent for ten in tens), "MB before": round(megabytes[0]), "MB after": round(megabytes[1]),
    }  # fmt: skip
    report.bounds = {
        "10x offered": offered >= 9 * capacity,
        "goodput >= 90 %": good10 >= 0.9 * good1,
        "accepted p99 <= 2x": slow10 <= 2 * slow1,
        "the others 429 or 503": set(statuses) <= {200, 429, 503} and not failed,
        "each with Retry-After": not any(ten.unhelpful for ten in tens),
        "503 within 50 ms": 503 not in statuses or refused <= 50,
        "memory bounded": megabytes[1] < megabytes[0] + 100,
    }
    return report


class Matching:
    """Whether every answer is of one release, and says which."""

    def __init__(self) -> None:
        self.mixed: list[bytes] = []
        self.by: dict[str, int] = {}
        self.pids: dict[int, float] = {}  # when a process answered first

    def __call__(self, status: int, head: bytes, body: bytes) -> None:
        if status != 200:
            return
        said = json.loads(body)
        pid, version = said["prediction"]["value"]
        release = f"release:who@{version:.0f}"
        digest = f"{int(version):02x}" * 32
        lines = f"\r\narkwright-release: {release}\r\narkwright-digest: {digest}\r\n".encode()
        if (said["release"], said["digest"]) != (release, digest) or lines not in head.lower():
            self.mixed.append(body)
        self.by[release] = self.by.get(release, 0) + 1
        self.pids.setdefault(int(pid), time.perf_counter())


async def swaps(folder: Path, *, count: int) -> Report:
    """Another release, again and again, under load."""
    seen, stale = Matching(), 0
    with Server(folder, workers=WORKERS) as server:
        async with Load(server.port, request(), connections=16, rate=400, seen=seen) as load:
            for i in range(count):
                server.turn_to(2 - i % 2)
                await until(server.followed)
                after = Matching()
                async with Load(server.port, request(), connections=2, rate=None, seen=after):
                    await asyncio.sleep(0.02)
                stale += sum(n for release, n in after.by.items() if release != f"release:who@{2 - i % 2}")
    report = Report("hot swaps", {"swaps": count, "answers": answers(load), "by release": seen.by})
    report.bounds = {
        "0 failed": not load.failed and set(load.statuses) == {200},
        "each of one release": not seen.mixed and len(seen.by) == 2,
        "none of the old one after it was done": stale == 0,
    }
    report.measured |= {"mixed": len(seen.mixed), "stale": stale, "p99 ms": round(load.quantile(0.99), 1)}
    return report


async def restarts(folder: Path, *, count: int, requests: int, behind: str = "") -> Report:
    """All workers replaced, at least so often and for so many requests, under load on connections that are kept;
    `behind` a proxy or not.
    """
    seen, done = Matching(), 0
    async with AsyncExitStack() as stack:
        server = stack.enter_context(Server(folder, workers=WORKERS))
        port = await stack.enter_async_context(proxy(behind, folder, server.port)) if behind else server.port
        load = await stack.enter_async_context(Load(port, request(), connections=16, rate=None, seen=seen))
        while done < count or sum(load.statuses.values()) < requests:
            before = set(server.workers())
            server.process.send_signal(signal.SIGHUP)
            await until(lambda: len(now := set(server.workers())) == WORKERS and not now & before, 120)  # noqa: B023
            done += 1
    name = f"rolling restarts behind {behind}" if behind else "rolling restarts"
    report = Report(name, {"restarts": done, "answers": answers(load), "processes": len(seen.pids)})
    report.measured |= {"p99 ms": round(load.quantile(0.99), 1), "failures": load.failed[:3]}
    report.bounds = {"0 failed": not load.failed and set(load.statuses) == {200}}
    return report


async def kills(folder: Path, *, count: int) -> Report:
    """kill -9 for a worker, again and again, under load. Its place is taken when a new process answers."""
    seen, times, lost = Matching(), [], []
    connections = 16
    chosen = random.Random(7)
    with Server(folder, workers=WORKERS) as server:
        await until(lambda: len(server.workers()) == WORKERS)
        async with Load(server.port, request(), connections=connections, rate=300, seen=seen) as load:
            for _ in range(count):
                failed, known = len(load.failed) + load.statuses[503], set(seen.pids)
                os.kill(chosen.choice(server.workers()), signal.SIGKILL)
                start = time.perf_counter()
                probes: set[asyncio.Task[None]] = set()
                while not (new := set(seen.pids) - known):
                    probes.add(asyncio.create_task(_probe(server.port, seen)))
                    await asyncio.sleep(0.02)
                times.append(seen.pids[new.pop()] - start)
                await asyncio.wait(probes)
                lost.append(len(load.failed) + load.statuses[503] - failed)
                await asyncio.sleep(chosen.uniform(0, 0.1))
    times.sort()
    report = Report("kill -9", {"kills": count, "answers": answers(load), "lost by a kill, most": max(lost)})
    report.measured |= {
        "s to full capacity, p50": round(times[len(times) // 2], 2), "p99": round(times[int(len(times) * 0.99)], 2),
        "most": round(times[-1], 2), "refused as poison": load.statuses[422], "failures": load.failed[:3],
    }  # fmt: skip
    report.bounds = {
        "only what was in flight": max(lost) <= connections and set(load.statuses) <= {200, 503},
        "each told so": not load.failed and not load.unhelpful,
        "full capacity within 2 s": times[-1] <= 2,
    }
    return report


async def _probe(port: int, seen: Matching) -> None:
    """One request on a connection of its own: it waits where the dead worker would have taken it."""
    with suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request().replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        if body:
            seen(int(head[9:12]), head + b"\r\n", body)


async def poison(folder: Path, *, count: int) -> Report:
    """A request that ends the process that computes it, sent again and again beside good ones."""
    refused = 0
    with Server(folder, workers=WORKERS) as server:
        async with Load(server.port, request(wait=1), connections=8, rate=100) as load:
            for _ in range(count):
                with suppress(OSError):
                    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                    writer.write(request(work=666).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
                    refused += (await reader.read())[9:12] == b"422"
                    writer.close()
        deaths = server.log.read_text().count("another takes its place")
    report = Report("poison", {"sent": count, "deaths": deaths, "refused": refused, "others": answers(load)})
    report.bounds = {
        "at most 4 deaths": deaths <= 4,
        "every other one refused": refused == count - deaths,
        "others refused: none": set(load.statuses) <= {200, 503},
        "others lost: only in flight": not load.failed and load.statuses[503] <= 8 * deaths,
    }
    return report


async def slow_clients(folder: Path, *, connections: int, seconds: float) -> list[Report]:
    """Clients that are slow in five ways, while good ones are looked at."""
    reports = []
    with Server(folder, workers=WORKERS) as server:
        for mode, longest in MODES.items():
            free = server.megabytes()
            before, during, crowd = await slow(server.port, mode, request(wait=1), connections, seconds)
            report = Report(f"slow: {mode}", {"connections": connections, "seconds": seconds})
            most = max(crowd.lives + crowd.open, default=0.0)
            report.measured |= {
                "good": answers(during), "p99 before ms": round(before.quantile(0.99), 1),
                "p99 ms": round(during.quantile(0.99), 1), "most ms": round(during.quantile(1.0), 1),
                "slow ones sent away": len(crowd.lives), "and there": len(crowd.open), "s, most": round(most, 1),
                "may be": longest,
                "MB before": round(free), "MB after": round(server.megabytes()),
            }  # fmt: skip
            report.bounds = {
                "0 errors": not during.failed and set(during.statuses) == {200},
                "good p99 <= 2x": during.quantile(0.99) <= 2 * before.quantile(0.99),
                "none is let too long": most <= longest + 2,
            }
            reports.append(report)
    return reports


async def leak(folder: Path, *, count: int) -> Report:
    """Requests that are too large, or large and wrong: what is left of them in memory."""
    with Server(folder, workers=1) as server:
        found: dict[str, float] = {}
        for kind in ("announced", "chunked", "wrong"):
            await large(server.port, kind, 20)
            await asyncio.sleep(GIVEN_BACK)
            before = server.megabytes()
            await large(server.port, kind, count)
            await asyncio.sleep(GIVEN_BACK)
            found[kind] = round(server.megabytes() - before, 2)
    report = Report("leak", {"requests of each kind": count} | {f"MB more, {kind}": mb for kind, mb in found.items()})
    report.bounds = {
        "< 1 MB for 100 requests": max(found.values()) < max(1, count / 100),
        "no body stays": max(found.values()) < 16 + count / 100,  # one alone has up to 66 MB
    }
    return report


async def retries(folder: Path, *, count: int, seconds: float) -> Report:
    """Clients whose time-out is shorter than their queue: each leaves, and asks again at once. They are few enough that
    the length of the queue alone refuses nobody."""
    wait, patience = 100, 0.5
    asked = request(wait=wait)
    with Server(folder, workers=1) as server:
        most = Load(server.port, asked, connections=2, rate=None)
        await most.run(seconds / 2)
        crowd = Impatient(server.port, asked, patience=patience)
        await crowd.run(count, seconds)
    goodput = crowd.statuses[200] / seconds
    report = Report("retries", {"clients": count, "s of patience": patience, "ms of each": wait})
    report.measured |= {
        "capacity": round(most.goodput(), 1), "goodput": round(goodput, 1),
        "goodput ratio": round(goodput / most.goodput(), 3), "left": crowd.left,
        "answers": {str(status): n for status, n in sorted(crowd.statuses.items())},
    }  # fmt: skip
    report.bounds = {
        "goodput >= 80 %": goodput >= 0.8 * most.goodput(),
        "the others 503": set(crowd.statuses) <= {200, 503},
    }
    return report


async def soak(folder: Path, *, seconds: float) -> Report:
    """Steady work for long: what memory grows by. The first sixth of the time is for warming up."""
    found: list[float] = []
    with Server(folder, workers=1) as server:
        async with Load(server.port, request(), connections=16, rate=500) as load:
            await asyncio.sleep(seconds / 6)
            for _ in range(50):
                await asyncio.sleep(seconds / 60)
                found.append(server.megabytes())
    slope = statistics.linear_regression(range(len(found)), found).slope * 60 / seconds * 3600
    percent = 100 * slope / statistics.mean(found)
    report = Report("soak", {"minutes": round(seconds / 60), "answers": answers(load), "MB": round(found[-1])})
    report.measured["% more an hour"] = round(percent, 2)
    report.bounds = {"0 failed": not load.failed and set(load.statuses) == {200}, "< 1 % an hour": percent < 1}
    return report


def attacks(*, short: bool) -> dict[str, Callable[[Path], Coroutine[Any, Any, Any]]]:
    def n(full: int, few: int) -> int:
        return few if short else full

    return {
        "overload-python": lambda at: overload(at, seconds=n(60, 3), work=2),
        "overload-wait": lambda at: overload(at, seconds=n(60, 3), wait=2),
        "overload-loop": lambda at: overload(at, seconds=n(60, 3), code=False),
        "retries": lambda at: retries(at, count=12, seconds=n(60, 5)),
        "swaps": lambda at: swaps(at, count=n(200, 4)),
        "restarts": lambda at: restarts(at, count=n(100, 2), requests=n(350_000, 0)),
        "restarts-nginx": lambda at: restarts(at, count=n(100, 2), requests=n(350_000, 0), behind="nginx"),
        "restarts-haproxy": lambda at: restarts(at, count=n(100, 2), requests=n(350_000, 0), behind="haproxy"),
        "rolls": lambda at: rolls(at, count=n(50, 2)),
        "kills": lambda at: kills(at, count=n(500, 3)),
        "grpc": lambda at: over_grpc(at, swaps=n(50, 2), restarts=n(25, 1), kills=n(50, 1)),
        "slow": lambda at: slow_clients(at, connections=n(2000, 100), seconds=n(240, 2)),
        "leak": lambda at: leak(at, count=n(1000, 20)),
        "poison": lambda at: poison(at, count=n(50, 8)),
        "proxies": proxies,
        "soak": lambda at: soak(at, seconds=n(3600, 6)),
    }


async def proxies(folder: Path) -> list[Report]:
    """Requests that two parsers might cut in two ways, through real proxies."""
    reports = []
    for kind in ("nginx", "haproxy"):
        found = await through(kind, folder)
        bounds = {"no bystander astray": not found["astray"], "asked": found["bystanders"] > 0}
        reports.append(Report(f"smuggling through {kind}", found, bounds))
    return reports


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few of each, in less than a minute")
    parser.add_argument("--only", nargs="*", metavar="NAME", choices=list(attacks(short=True)))
    parser.add_argument("--json", type=Path, metavar="FILE")
    words = parser.parse_args()
    reports: list[Report] = []
    for name, attack in attacks(short=words.short).items():
        if words.only and name not in words.only:
            continue
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(attack(Path(folder)))
        for report in found if isinstance(found, list) else [found]:
            print(line(report), flush=True)
            reports.append(report)
        if words.json:
            words.json.write_text(json.dumps([asdict(report) for report in reports], indent=1))
    return 0 if all(report.held() for report in reports) else 1


def line(report: Report) -> str:
    """A row of the table."""
    measured = ", ".join(f"{name} {_told(value)}" for name, value in report.measured.items())
    bounds = "; ".join(f"{name}: {'yes' if held else '**no**'}" for name, held in report.bounds.items())
    return f"| {report.name} | {measured} | {bounds} |"


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name}: {count:,}" for name, count in value.items()) + ")"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
