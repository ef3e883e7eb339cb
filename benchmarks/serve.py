"""How fast the endpoint is: one LightGBM of 100 trees on 30 numbers, served by us and by others, on the same core.

    python benchmarks/serve.py --short     # ours, FastAPI and a hello-world: about four minutes
    python benchmarks/serve.py --peers     # every server

Servers run on one core, the load generator on the other. What is compared is requests per second of the server's own
processor time, so that a machine which others use does not tell lies; ratios are medians of same-round ratios.
"""

import argparse
import statistics
from pathlib import Path

from serving import contenders, peers, project
from serving.rounds import ALONE, HUNDRED, MANY, ONE, Bench, Found, measured, ratio, up

DATA = Path(__file__).resolve().parent / "data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    folder = DATA / "serving"
    folder.mkdir(parents=True, exist_ok=True)
    released = project.made(folder / "one", {"points": ""})
    bench = Bench(folder, DATA / "peers-serve", project.model(released))
    ours = [
        contenders.arkwright(
            "v2", "Arkwright, Open Inference Protocol", released, contenders.v2("/v2/models/points/infer", bench.tensor)
        ),
        contenders.arkwright(
            "rows", "Arkwright, raw rows", released, contenders.named("/endpoints/points/predict", project.NAMES)
        ),
    ]
    others = [peers.fastapi(), *(peers.others(bench.tensor) if given.peers else ())]
    with up(bench, [*ours, contenders.hello(bench.tensor), *others]) as (running, failed):
        found, more = measured(bench, running, [ONE, MANY, ALONE, HUNDRED], given.rounds, given.seconds)
    titles = {one.contender.name: one.contender.title for one in running}
    for workload, windows in found.items():
        print(table(workload, windows, titles))
    for what, why in {**failed, **more}.items():
        print(f"- {what}: {why}")


def table(title: str, windows, titles) -> str:
    lines = [f"\n**{title}**\n", "| server | µs of processor a request | × FastAPI | × hello-world | requests/s | p50 ms | p99 ms |", "|---|---|---|---|---|---|---|"]
    for name, own in windows.items():
        middle = lambda pick: statistics.median(pick(w) for w in own)
        lines.append(
            f"| {titles[name]} | {1e6 / middle(lambda w: w.per_processor_second):.1f} | "
            f"{ratio(windows, name, 'fastapi'):.2f} | {ratio(windows, name, 'hello'):.2f} | "
            f"{middle(lambda w: w.per_second):,.0f} | {1000 * middle(lambda w: w.p50):.2f} | {1000 * middle(lambda w: w.p99):.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
