"""What logging costs: an unmodified MLflow client against `arkwright up` and against `mlflow server` on SQLite; and
`arkwright.track`, our own way, without a server.

    python benchmarks/track.py            # MLflow's environment is made once, with pip

Each server is one process with one worker, on one core; the client is on the other. Every point is durable with both:
ours by a commit that is synced, theirs by SQLite as SQLAlchemy opens it. A third server keeps nothing and answers at
once: what the client's clock says then is the client's own time, and its ratio to MLflow the most that there can be.
Lists are also asked for by plain HTTP, where there is nothing of the client. Rounds are interleaved; a ratio is the
median of same-round ratios.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

os.environ |= {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}

import msgspec
from mlflow.entities import Metric
from serving.processes import LOAD_CORE
from track_servers import PINNED, Cost, Server, arkwright, at_once, mlflow

from mlflow import MlflowClient

DATA = Path(__file__).resolve().parent / "data"
SINGLE, BATCHES, CLIENTS, TARGET = 200, 20, 4, 10
ORDER = "metrics.m2 DESC"
FILTER = "metrics.m1 > 0.5 and params.p1 = '3' and tags.t1 = 'north'"
LISTS = (
    ("the newest 100", 100, {}),
    ("the newest 1,000", 1000, {}),
    ("a filter, by a metric, 100 of 535", 100, {"filter_string": FILTER, "order_by": [ORDER]}),
)
Round = dict[str, dict[str, Cost]]  # by what was done and by whom


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    folder = DATA / "track"
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as held:
        ours, theirs = held.enter_context(arkwright(folder / "ours")), held.enter_context(mlflow(folder / "theirs"))
        answers = folder / "answers"
        answers.mkdir()
        for _, most, words in LISTS:
            said = ours.plain(asked(ours, most, words), 1)
            (answers / (f"{most}-filtered" if words else str(most))).write_bytes(said)
        servers = [ours, theirs, held.enter_context(at_once(answers))]
        logged = [logging(servers) for _ in range(given.rounds)]
        listed = [listing(servers) for _ in range(given.rounds)]
        plainly = [plain(servers[:2]) for _ in range(given.rounds)]
    print("**Points through an unmodified client**, µs for a point\n")
    through_the_client(logged, 1e6)
    print("\n**Lists of 10,000 runs through the client** (5 parameters, 5 metrics, 3 tags each), ms for one\n")
    through_the_client(listed, 1e3)
    print("\n“At once” is a server that keeps nothing: the client's own time, and the most that its clock can show.")
    print("\n**The same lists by plain HTTP**, ms for one\n")
    by_itself(plainly)
    print("\n**`arkwright.track`**, durable, all its threads counted\n")
    alone(given.rounds)
    busy = " ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"\n{given.rounds} interleaved rounds; {PINNED}, one worker, no jobs; load averages in the end: {busy}.")


def logging(servers: list[Server]) -> Round:
    """One round, for a point."""
    found: Round = {}
    for what, points, act in (
        ("point by point, one client", SINGLE, one_by_one),
        (f"point by point, {CLIENTS} clients at once", SINGLE * CLIENTS, many),
        ("in batches of 1,000", BATCHES * 1000, batches),
    ):
        for server, client in with_clients(servers):
            found.setdefault(what, {})[server.name] = server.cost(lambda act=act, client=client: act(client), points)
    return found


def with_clients(servers: list[Server]) -> Iterator[tuple[Server, MlflowClient]]:
    """A client reads its token when it is made."""
    for server in servers:
        yield server, server.client


def one_by_one(client: MlflowClient) -> None:
    run = client.create_run("0").info.run_id
    for step in range(SINGLE):
        client.log_metric(run, "loss", 1 / (step + 1), step=step)


def many(client: MlflowClient) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one_by_one, [client] * CLIENTS))


def batches(client: MlflowClient) -> None:
    run, now = client.create_run("0").info.run_id, int(time.time() * 1000)
    for number in range(BATCHES):
        points = [Metric(f"m{i % 5}", i / 7, now + i, number * 200 + i // 5) for i in range(1000)]
        client.log_batch(run, points)


def listing(servers: list[Server]) -> Round:
    """One round, for one list through the client."""
    found: Round = {}
    for what, most, words in LISTS:
        for server, client in with_clients(servers):
            times = 1 if server.name == "theirs" else 4

            def act(client: MlflowClient = client, many: str = server.many, times: int = times) -> None:
                for _ in range(times):
                    page = client.search_runs([many], max_results=most, **words)  # noqa: B023 - called at once
                    assert len(page) == most, len(page)  # noqa: B023

            found.setdefault(what, {})[server.name] = server.cost(act, times)
    return found


def plain(servers: list[Server]) -> Round:
    """One round, for one list by plain HTTP."""
    found: Round = {}
    for what, most, words in LISTS:
        for server in servers:
            body, times = asked(server, most, words), 3 if server.name == "theirs" else 30

            def ask(server: Server = server, body: bytes = body, times: int = times) -> object:
                return server.plain(body, times)

            found.setdefault(what, {})[server.name] = server.cost(ask, times)
    return found


def asked(server: Server, most: int, words: dict[str, object]) -> bytes:
    """What the client would send."""
    said = {"filter": words.get("filter_string", ""), "order_by": words.get("order_by", [])}
    return msgspec.json.encode({"experiment_ids": [server.many], "max_results": most, **said})


def through_the_client(rounds: list[Round], scale: float) -> None:
    print("| what | server's processor: Arkwright | MLflow | ÷ | by the clock: Arkwright | MLflow | ÷ | at once |")
    print("|---|---|---|---|---|---|---|---|")
    for what in rounds[0]:
        ours, theirs, floor = ([one[what][name] for one in rounds] for name in ("ours", "theirs", "at once"))
        shown = [
            middle(ours, "server", scale), middle(theirs, "server", scale), f"**{ratio(theirs, ours, 'server'):.1f}**",
            middle(ours, "clock", scale), middle(theirs, "clock", scale), f"**{ratio(theirs, ours, 'clock'):.1f}**",
            f"{middle(floor, 'clock', scale)}: {ratio(theirs, floor, 'clock'):.1f}",
        ]  # fmt: skip
        print(f"| {what} | {' | '.join(shown)} |")


def by_itself(rounds: list[Round]) -> None:
    print("| what | by the clock: Arkwright | MLflow | ÷ | server's processor: Arkwright | MLflow | ÷ | target |")
    print("|---|---|---|---|---|---|---|---|")
    for what in rounds[0]:
        ours, theirs = ([one[what][name] for one in rounds] for name in ("ours", "theirs"))
        clock, processor = ratio(theirs, ours, "clock"), ratio(theirs, ours, "server")
        met = "met" if min(clock, processor) >= TARGET else "**not met**"
        print(f"| {what} | {middle(ours, 'clock', 1e3)} | {middle(theirs, 'clock', 1e3)} | **{clock:.1f}** | "
              f"{middle(ours, 'server', 1e3)} | {middle(theirs, 'server', 1e3)} | {processor:.1f} | "
              f"≥ {TARGET}: {met} |")  # fmt: skip


def middle(costs: list[Cost], of: str, scale: float) -> str:
    found = statistics.median(getattr(cost, of) for cost in costs) * scale
    return f"{found:,.0f}" if found >= 100 else f"{found:.3g}"


def ratio(more: list[Cost], less: list[Cost], of: str) -> float:
    return statistics.median(getattr(a, of) / getattr(b, of) for a, b in zip(more, less, strict=True))


def alone(rounds: int) -> None:
    """Our own API in a process of its own: it must not share threads with what measures."""
    code = (
        "import sys, time, arkwright\n"
        "with arkwright.track('speed', sys.argv[1]) as run:\n"
        "    run.log(loss=0.0)\n"
        "    run.flush()\n"
        "    begun = time.process_time()\n"
        "    for step in range(200_000):\n"
        "        run.log(loss=0.5, step=step)\n"
        "    run.flush()\n"
        "    print((time.process_time() - begun) / 200_000 * 1e6)\n"
    )
    folder = DATA / "track" / "alone"
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", code, str(folder)]
    found = [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(rounds)]
    middle = statistics.median(found)
    print("| what | processor µs a point | target |\n|---|---|---|")
    print(f"| 200,000 points, one by one | {middle:.2f} | ≤ 5: {'met' if middle <= 5 else '**not met**'} |")


if __name__ == "__main__":
    main()
