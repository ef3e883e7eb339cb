"""A 2 GB file on 1 GB of memory: `arkwright run` from CSV to promises kept, with an aggregate and a sort in SQL.

    sudo python benchmarks/memory.py --folder /tmp/memory --gigabytes 2 --limit 1

The limit holds for everything together: page cache, the command line, its worker. It is a memory cgroup (v2 or v1, as
root); where there is none, RLIMIT_DATA, which holds for each process alone. Printed: how it ended, the most memory that
was in use, the time, and how often the kernel had to push something out.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TOML = """
project = "large"
owner   = "team@example.org"
purpose = "Fit into little memory"
code    = "large.py"

[data.orders]
source   = "orders.csv"
row      = "Order"
promises = ["missing(customer) == 0", "smallest(amount) >= 0", "distinct(place) == 97", "quantile(amount, 0.9) >= 1"]

[data.places]
promises = ["rows == 97"]

[data.dearest]
promises = ["largest(amount) <= 1000"]
"""
CODE = """
from dataclasses import dataclass
from datetime import datetime


@dataclass
class Order:
    id: int
    customer: int
    place: str
    amount: float
    at: datetime
    note: str | None
"""
SQL = {
    "places": "SELECT place, count(*) AS orders, avg(amount) AS amount FROM orders GROUP BY place",
    "dearest": "SELECT * FROM orders ORDER BY amount DESC, id",
}
_V2, _V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")
GROUP = "arkwright-benchmark"


def write(folder: Path, size: float) -> int:
    """The project with about `size` bytes of CSV; the number of rows."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "arkwright.toml").write_text(TOML)
    (folder / "large.py").write_text(CODE)
    for name, query in SQL.items():
        (folder / f"{name}.sql").write_text(query)
    tails = [
        f",{i * 7919 % 500_000},place{i % 97:02d},{i * 104_729 % 99_991 / 100}"
        f",2024-0{1 + i % 9}-{1 + i % 28:02d}T{i % 24:02d}:{i % 60:02d}:00Z"
        f",{'' if i % 3 else 'left at the door of number ' + str(i % 1000)}\n"
        for i in range(99_991)
    ]  # fmt: skip
    rows = 0
    with (folder / "orders.csv").open("w") as file:
        written = file.write("id,customer,place,amount,at,note\n")
        while written < size:
            written += file.write("".join(f"{rows + n}{tail}" for n, tail in enumerate(tails)))
            rows += len(tails)
    return rows


@contextmanager
def limited(size: int) -> Iterator[tuple[str, Callable[[], None], Callable[[], dict[str, str]]]]:
    """(what limits, a function for the child to put itself under the limit, what the kernel counted)."""
    if (_V2 / "cgroup.controllers").exists() and os.access(_V2, os.W_OK):
        with _group(_V2 / GROUP, {"memory.max": size, "memory.swap.max": 0}) as group:
            names = ("memory.peak", "memory.events")
            yield "cgroup v2", lambda: _enter(group), lambda: _read(group, names)
    elif _V1.is_dir() and os.access(_V1, os.W_OK):
        with _group(_V1 / GROUP, {"memory.limit_in_bytes": size, "memory.swappiness": 0}) as group:
            names = ("memory.max_usage_in_bytes", "memory.failcnt", "memory.oom_control")
            yield "cgroup v1", lambda: _enter(group), lambda: _read(group, names)
    else:
        yield "RLIMIT_DATA", lambda: resource.setrlimit(resource.RLIMIT_DATA, (size, size)), dict


@contextmanager
def _group(group: Path, settings: dict[str, int]) -> Iterator[Path]:
    group.mkdir(exist_ok=True)
    try:
        for name, value in settings.items():
            if (group / name).exists():
                (group / name).write_text(str(value))
        yield group
    finally:
        for _ in range(50):
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.1)


def _enter(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()))


def _read(group: Path, names: tuple[str, ...]) -> dict[str, str]:
    return {name: " ".join((group / name).read_text().split()) for name in names if (group / name).exists()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of CSV")
    parser.add_argument("--limit", type=float, default=1.0, help="gigabytes of memory")
    given = parser.parse_args()
    rows = write(given.folder, given.gigabytes * 1e9)
    size = (given.folder / "orders.csv").stat().st_size
    program = Path(sysconfig.get_path("scripts")) / "arkwright"
    with limited(int(given.limit * 1e9)) as (what, enter, counted):
        begin = time.monotonic()
        done = subprocess.run([program, "run", "--project", given.folder, "--by", "me"], preexec_fn=enter, check=False)
        seconds, found = time.monotonic() - begin, counted()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\n{size / 1e9:.2f} GB of CSV, {rows:,} rows, on {given.limit:g} GB ({what}): exit {done.returncode}")
    processor = used.ru_utime + used.ru_stime
    print(f"{seconds:.0f} s, processor {processor:.0f} s, largest process {used.ru_maxrss / 1e3:.0f} MB")
    print("\n".join(f"{name}: {value}" for name, value in found.items()))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
