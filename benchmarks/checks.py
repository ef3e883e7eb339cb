"""Twenty promises about ten million rows: processor time and peak memory, ours and the peers', in interleaved rounds.

    python benchmarks/checks.py --folder /tmp/orders --peers /tmp/peers/bin/python --rounds 5

Each contender runs in a process of its own (start-up included) and is measured by the kernel (`wait4`). The machine's
noise hits all of a round alike, so ratios are taken within a round; their medians are printed as Markdown.
`--peers` is a Python with pandera[polars], pointblank, polars, great_expectations, pandas, pyarrow and duckdb.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SLOW = {"great_expectations": 3, "great_expectations_sets": 1}  # runs in so many rounds only
NAMES = {
    "bare": "bare Parquet scan of the columns used (pyarrow)",
    "bare_coded": "the same, texts left as dictionaries",
    "ours_trusted": "Arkwright, its own snapshot",
    "ours": "Arkwright, a file it does not trust",
    "polars": "Polars by hand, one lazy query",
    "duckdb": "DuckDB SQL by hand, one query",
    "pandera": "pandera on Polars",
    "pointblank": "pointblank on Polars",
    "great_expectations": "Great Expectations on pandas, references looked up by pandas before",
    "great_expectations_sets": "Great Expectations on pandas, references as its manual has them (`value_set`)",
}
PROMISES = """
rows >= 100000
missing(order_id) == 0
duplicates(order_id) == 0
missing(customer_id) == 0
references(customer_id, customers.customer_id) == 1
freshness_hours(placed_at) <= 1000000
missing(channel) <= 0.05
allowed(country, {countries}) == 1
allowed(status, {statuses}) == 1
allowed(channel, {channels}) == 1
matches(country, "[A-Z]{{2}}") == 1
matches(product, "SKU-[0-9]{{5}}") == 1
references(product, products.sku) == 1
smallest(price) >= 0
largest(price) <= 20000
30 <= mean(price) <= 50
quantile(price, 0.99) <= 500
between(discount, 0, 1) == 1
missing(discount) <= 0.1
between(quantity, 1, 100) == 1
"""


def ours(folder: Path, *, trusted: bool) -> int:
    """How many of the promises are kept."""
    import pyarrow.parquet as pq
    from checks_peers import CHANNELS, COUNTRIES, STATUSES

    from arkwright.core.promises import judge, parse
    from arkwright.data import check
    from arkwright.measures import binding, registry

    columns = tuple(pq.read_schema(folder / "orders.parquet").names)
    scope = registry.Scope(columns, others=("customers.customer_id", "products.sku"))
    text = PROMISES.format(countries=COUNTRIES, statuses=STATUSES, channels=CHANNELS)
    promises = {line: parse(line) for line in text.strip().splitlines()}
    bound = {line: binding.bind(promise.call, "data", scope) for line, promise in promises.items()}
    others = {name: folder / f"{name}.parquet" for name in ("customers", "products")}
    readings = check.measure(folder / "orders.parquet", bound, others=others, trusted=trusted)
    return sum(judge(promises[line], reading).word == "kept" for line, reading in readings.items())


def run(contender: str, folder: Path, peers: str) -> tuple[float, float]:
    """(processor seconds, peak MB) of one process. Exits when it does not find all twenty promises kept."""
    own = contender.startswith("ours")
    script = (
        [sys.executable, str(HERE / "checks.py"), "--child", contender]
        if own
        else [peers, str(HERE / "checks_peers.py"), contender]
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(
        [*script, *(["--folder"] if own else []), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode or said.strip().splitlines()[-1:] != ["20"]:
        sys.exit(f"{contender} answered {said!r} with status {child.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def table(found: dict[str, list[tuple[float, float] | None]]) -> str:
    """Medians, and medians of the same-round ratios to the bare scan."""
    lines = [
        "| contender | processor s | × bare scan | × untrusted Arkwright | peak MB | rounds |",
        "|---|---|---|---|---|---|",
    ]
    for contender, rounds in found.items():
        done = [i for i, measured in enumerate(rounds) if measured]
        ratio = {
            other: statistics.median(rounds[i][0] / found[other][i][0] for i in done) for other in ("bare", "ours")
        }
        seconds = statistics.median(rounds[i][0] for i in done)
        peak = max(rounds[i][1] for i in done)
        cells = [
            NAMES[contender],
            f"{seconds:.2f}",
            f"{ratio['bare']:.2f}",
            f"{ratio['ours']:.2f}",
            f"{peak:.0f}",
            str(len(done)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def versions(peers: str) -> str:
    """Machine and versions."""
    names = "pandera pointblank polars great_expectations pandas pyarrow duckdb numpy"
    code = (
        f"from importlib.metadata import version as v; print(', '.join(f'{{n}} {{v(n)}}' for n in '{names}'.split()))"
    )
    found = subprocess.run([peers, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    model = next(
        (l.split(":")[1].strip() for l in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in l), ""
    )
    return f"{os.cpu_count()} cores of {model}, {platform.system()}, Python {platform.python_version()}; {found}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the data is, or will be made")
    parser.add_argument("--peers", default=sys.executable, help="a Python that has the peers installed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(ours(given.folder, trusted=given.child == "ours_trusted"))
        return
    if not (given.folder / "orders.parquet").exists():
        subprocess.run([sys.executable, str(HERE / "checks_data.py"), str(given.folder)], check=True)
    found: dict[str, list[tuple[float, float] | None]] = {contender: [] for contender in NAMES}
    run("ours", given.folder, given.peers)  # compiles what is not compiled yet
    for number in range(given.rounds):
        for contender in NAMES:
            skip = number >= SLOW.get(contender, given.rounds)
            found[contender].append(None if skip else run(contender, given.folder, given.peers))
            print(f"round {number + 1} {contender} {found[contender][-1]}", file=sys.stderr, flush=True)
    print(versions(given.peers), table(found), sep="\n\n")


if __name__ == "__main__":
    main()
