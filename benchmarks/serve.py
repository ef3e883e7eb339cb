"""How fast the endpoint is: one LightGBM of 100 trees on 30 numbers, served by us and by others, on the same core.

    python benchmarks/serve.py --short     # ours, FastAPI and a hello-world: about two minutes
    python benchmarks/serve.py             # the same and what our own options cost
    python benchmarks/serve.py --peers     # every server; their environments are made once, with pip

Servers run on one core, the load generator (C, compiled here) on another. What is compared is requests per second of
the server's own processor time, its processes all counted, so that a machine which others use tells no lies; ratios
are medians of same-round ratios in interleaved rounds. Some answers of every window are held against ONNX Runtime's.
"""

import argparse
import os
import statistics
from pathlib import Path

from serving import alone, contenders, peers, project, report, variants
from serving.alone import Against
from serving.contenders import Contender, arkwright
from serving.over_grpc import v2_grpc
from serving.report import Target
from serving.rounds import ALONE, HUNDRED, MANY, ONE, Bench, Up, measured, ratio, up

DATA = Path(__file__).resolve().parent / "data"
HALF_ROUNDS = 7
WORKER = ("--workers", "1")
NOTE = """
Processor time a request stands on a busy machine; latencies do not: where the load is far above 2, p50 and p99 tell
how long others held the core. With one row of binary tensors 1.3 × `session.run` is out of reach over HTTP, because
a hello-world alone costs as much as the run; the target is one for 100 rows."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--short", action="store_true", help="ours, FastAPI and a hello-world only")
    how.add_argument("--peers", action="store_true", help="every server")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one window")
    given = parser.parse_args()
    folder = DATA / "serving"
    folder.mkdir(parents=True, exist_ok=True)
    released = project.made(folder / "one", {"points": variants.lines()})
    bench = Bench(folder, DATA / "peers-serve", project.model(released))
    infer = contenders.v2("/v2/models/points/infer", bench.tensor)
    base = arkwright("v2", "Arkwright, Open Inference Protocol", released, infer, WORKER)
    rows = contenders.named("/endpoints/points/predict", project.NAMES)
    ours = [base, arkwright("rows", "Arkwright, raw rows by name", released, rows, WORKER)]
    others = [peers.fastapi(), *(peers.others(bench.tensor) if given.peers else ())]
    targets = servers(bench, [*ours, contenders.hello(bench.tensor), *others], given.rounds, given.seconds)
    if not given.short:
        targets += by_itself(bench, base, folder, given.rounds, given.seconds)
    print("**Targets** (Arkwright over the Open Inference Protocol, JSON; metrics and limits on;")
    print("the log of predictions, a rate, access log and traces off)\n")
    print(report.settled(targets))
    print(f"\n{given.rounds} interleaved rounds, windows of {given.seconds:g} s, {ONE.different} different requests;")
    busy = " ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"load averages in the end: {busy} (1, 5, 15 minutes; about 2 is this benchmark alone).{NOTE}")


def servers(bench: Bench, contending: list[Contender], rounds: int, seconds: float) -> list[Target]:
    """Every server under every load."""
    loads = [ONE, MANY, ALONE, HUNDRED]
    with up(bench, contending) as (running, failed):
        found, more = measured(bench, running, loads, rounds, seconds)
        titles = {one.contender.name: one.contender.title for one in running}
        for load in loads:
            print(report.table(load, found[load.title], titles), end="\n\n")
        half = [half_load(bench, one, seconds) for one in running if one.contender.name in ("v2", "hello", "fastapi")]
    print("**Half the saturating load, open loop (Poisson), one row, 64 connections**\n")
    print("| server | requests/s | p50 ms | p99 ms | p99 / p50 |\n|---|---|---|---|---|")
    print("\n".join(line for line, _ in half), end="\n\n")
    for one in contending:
        if one.install and one.title not in failed:
            print(f"- {one.title}: {one.versions(bench.peers)}")
    for what, why in {**failed, **more}.items():
        print(f"- **not measured**: {what}: {why}")
    print()
    return [*report.against_others(found), Target("half load: p99 against p50", 3, half[0][1], least=False)]


def half_load(bench: Bench, one: Up, seconds: float) -> tuple[str, float]:
    """A line of the table, and p99 / p50: medians over rounds, in each of which saturation is measured anew."""
    ask = one.contender.ask
    requests = bench.requests(one.contender.name, ask, MANY)
    found = []
    for _ in range(HALF_ROUNDS):
        most = bench.window(one, ask, requests, MANY, seconds / 2).per_second
        found.append((most / 2, bench.window(one, ask, requests, MANY, seconds, rate=most / 2)))
    rate, p50, p99 = (
        statistics.median(picked)
        for picked in ([r for r, _ in found], [w.p50 for _, w in found], [w.p99 for _, w in found])
    )
    times = statistics.median(window.p99 / window.p50 for _, window in found)
    return f"| {one.contender.title} | {rate:,.0f} | {1000 * p50:.2f} | {1000 * p99:.2f} | {times:.1f} |", times


def by_itself(bench: Bench, base: Contender, folder: Path, rounds: int, seconds: float) -> list[Target]:
    """Our server against `session.run`, a bare Python, and itself with more switched on."""
    released = folder / "one"
    ask = contenders.v2_binary("/v2/models/points/infer", bench.tensor)
    shapes = {"one row": ONE, "100 rows": HUNDRED}
    with up(bench, [arkwright("binary", "Arkwright, binary tensors", released, ask, WORKER)]) as (running, _):
        tensors = {what: alone.binary(bench, running[0], shape, rounds, seconds) for what, shape in shapes.items()}
        held = alone.memory(bench, running[0])
    wall, processor = alone.cold(bench, base, rounds)
    print("**Against a bare Python**\n\n| what | Arkwright | bare | ratio |\n|---|---|---|---|")
    for what, one in tensors.items():
        print(_line(f"binary tensors, {what}, against `session.run`: µs of processor", one, 1e6))
    print(_line("cold start to the first answer: seconds", wall))
    print(_line("cold start to the first answer: seconds of processor", processor))
    for what, one in held.items():
        print(_line(f"memory of {what}: MB", one))
    cost, failed = variants.costs(bench, folder, base, 2 * rounds - 1, seconds)
    print("\n**What more costs** (processor time of one-row requests, 16 connections)\n\n| with | more |\n|---|---|")
    for title, more in cost.items():
        print(f"| {title} | {100 * more:+.1f} % |")
    print("".join(f"\n- **not measured**: {what}: {why}" for what, why in failed.items()))
    over_grpc(bench, base, rounds, seconds)
    limits = {"a second endpoint": 0.05, "a canary": 0.05, "the log": 0.1}
    priced = [
        Target(f"cost of {what}", limit, next((v for t, v in cost.items() if t.startswith(what)), None), False, "%")  # noqa: FBT003
        for what, limit in limits.items()
    ]
    return [
        *(Target(f"binary tensors, {what}: session.run", 1.3, one.ratio, least=False) for what, one in tensors.items()),
        *priced,
        Target("cold start (processor): import, load, run", 3, processor.ratio, least=False),
        Target("memory of a worker: the same", 1.5, held["the worker, resident"].ratio, least=False),
    ]


def over_grpc(bench: Bench, base: Contender, rounds: int, seconds: float) -> None:
    """Our gRPC against our REST, one row; the server's own processor time, whatever the client costs."""
    if not project.serves("--grpc-port"):
        print("- **not measured**: gRPC: this server has none yet\n")
        return
    door = Contender(
        "grpc",
        "Arkwright, gRPC",
        lambda home, model, port: [*base.words(home, model, 0), "--grpc-port", str(port)],
        v2_grpc("points", bench.tensor),
    )
    with up(bench, [base, door]) as (running, failed):
        found, more = measured(bench, running, [ONE, ALONE], rounds, seconds)
    print("**gRPC against REST** (requests per processor-second)\n\n| load | gRPC / REST |\n|---|---|")
    for title, windows in found.items():
        if {"grpc", "v2"} <= set(windows):
            print(f"| {title} | {ratio(windows, 'grpc', 'v2'):.2f} |")
    print("".join(f"\n- **not measured**: {what}: {why}" for what, why in {**failed, **more}.items()))


def _line(what: str, found: Against, scale: float = 1) -> str:
    return f"| {what} | {found.ours * scale:.3g} | {found.bare * scale:.3g} | {found.ratio:.2f} |"


if __name__ == "__main__":
    main()
