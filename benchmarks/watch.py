"""The watch: drift of 30 columns, fairness of a million rows, and what following a log costs; in interleaved rounds.

    python benchmarks/watch.py --folder /tmp/watch --rounds 5

Each contender is a process of its own, measured by the kernel (`wait4`), its start-up included. The peers have an
environment each, made here once: their wishes do not agree. One that cannot be installed or imported, or takes longer
than `--limit` seconds of its processor, is named with what it said; so is one that is left out (`--without`).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).parent
INSTALLED = {
    "scipy": ["scipy", "pandas", "pyarrow"],
    "alibi": ["alibi-detect==0.13.0", "pyarrow"],
    "nannyml": ["nannyml==0.13.1", "statsmodels", "pandas<3", "pyarrow"],  # it asks for neither, and needs both
    "evidently": ["evidently==0.7.23", "pandas<3", "pyarrow"],  # with pandas 3 it is not imported
    "fairlearn": ["fairlearn==0.15.0", "scikit-learn", "pandas", "pyarrow"],
}
NAMES = {
    "bare": "decoding the window alone (pyarrow)",
    "bare_coded": "the same, texts left as dictionaries",
    "bare_both": "one scan of both files",
    "ours": "Arkwright, one more window against the kept reference, five tests a column",
    "ours_both": "Arkwright, from both files, five tests a column",
    "scipy": "scipy, a column at a time",
    "alibi": "alibi-detect (one or two tests a column)",
    "nannyml": "NannyML (four tests a column)",
    "evidently": "Evidently",
}
FAIR = {
    "ours_fair": "Arkwright, with 95 % intervals",
    "fairlearn": "fairlearn's MetricFrame, no intervals",
    "fairlearn_intervals": "the same, ten bootstrap draws",
}
ROUNDS = {"scipy": 1, "alibi": 1, "nannyml": 1, "evidently": 1, "fairlearn": 1, "fairlearn_intervals": 1}
METRICS = ("accuracy", "recall", "precision", "positive_rate", "specificity")
BY = ("carrier", "origin", "(carrier, origin)")


def _read(path: Path, *, coded: bool):
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    texts = [name for name in schema.names if coded and pa.types.is_string(schema.field(name).type)]
    file = pq.ParquetFile(path, read_dictionary=texts)
    for number in range(file.num_row_groups):
        yield file.read_row_group(number, use_threads=False)


def scan(folder: Path, *names: str, coded: bool = False) -> None:
    for name in names:
        for _ in _read(folder / f"{name}.parquet", coded=coded):
            pass


def _kept(folder: Path) -> Path:
    """The reference as a release has it: made once, when it was judged."""
    import pyarrow.parquet as pq

    from arkwright.monitor import counting, packing

    path = folder / packing.FILE
    if not path.exists():
        packing.save(path, counting.reference(pq.read_table(folder / "reference.parquet")))
    return path


def ours(folder: Path, *, both: bool = False) -> None:
    import pyarrow as pa

    from arkwright.measures import drift
    from arkwright.monitor import counting, packing

    if both:
        reference = counting.reference(pa.Table.from_batches(
            [batch for table in _read(folder / "reference.parquet", coded=True) for batch in table.to_batches()]
        ))  # fmt: skip
    else:
        reference = packing.load(folder / packing.FILE)
    counts = counting.Counts()
    for table in _read(folder / "current.parquet", coded=True):
        counts += reference.count(table)
    window = reference.window(counts)
    numbers = (drift.psi, drift.ks, drift.jensen_shannon, drift.wasserstein, drift.hellinger)
    words = (drift.psi, drift.chi_square, drift.jensen_shannon, drift.largest_change, drift.hellinger)
    for name in window.columns:
        for measure in numbers if reference.columns[name].of_numbers else words:
            assert measure(window, name).value is not None


def ours_fair(folder: Path) -> None:
    import pyarrow.parquet as pq

    from arkwright.core.promises import parse
    from arkwright.measures import binding, registry
    from arkwright.measures.evaluation import Evaluation

    rows = pq.read_table(folder / "answers.parquet")
    given = {name: rows.column(name).to_numpy() for name in ("truth", "label")}
    groups = {name: _fixed(rows.column(name)) for name in ("carrier", "origin")}
    evaluation = Evaluation(task="classification", groups=groups, **given)
    began = time.process_time()
    for by in BY:
        promises = [parse(f"gap({metric}, by={by}) <= 0.1") for metric in METRICS]
        asked = [binding.bind(one.call, "model", registry.Scope(("carrier", "origin"))) for one in promises]
        found = [one(evaluation) for one in asked]
        print("gap", by.strip("()").replace(" ", ""), *(f"{one.value:.12f}" for one in found))
    print(f"alone {time.process_time() - began:.4f}")


def _fixed(column):
    """Texts as an evaluation has them, without a look at each."""
    import numpy as np

    coded = column.combine_chunks().dictionary_encode()
    return np.array(coded.dictionary.to_pylist(), np.str_)[coded.indices.to_numpy()]


def follow(folder: Path) -> None:
    """A minute of 20,000 answers a second, 30 columns: what it takes to count and to keep them."""
    import numpy as np
    import pyarrow as pa

    from arkwright.monitor import packing
    from arkwright.monitor.following import Block, File, Log
    from arkwright.monitor.following import follow as followed
    from arkwright.monitor.kept import Kept

    reference, minute = packing.load(folder / packing.FILE), 1_700_000_040 // 60 * 60

    def blocks(*_):
        left = 1_200_000
        while left > 0:
            for read in _read(folder / "current.parquet", coded=True):
                table = read.slice(0, left)
                left -= len(table)
                at = np.full(len(table), minute * 1_000_000, np.int64)
                yield Block(table.add_column(0, "at", pa.array(at, pa.timestamp("us"))))
                if not left:
                    return

    log = Log(files=[File("0", minute, minute + 59)], scan=blocks, rows=lambda *_: (), settled=minute + 60)
    with tempfile.TemporaryDirectory() as place:
        kept = Kept(Path(place) / "late.db")
        began = time.process_time()
        assert followed(kept, "late@1", reference, log) == 1_200_000
        print(f"alone {time.process_time() - began:.4f}")
        kept.close()


CHILDREN = {
    "bare": lambda folder: scan(folder, "current"),
    "bare_coded": lambda folder: scan(folder, "current", coded=True),
    "bare_both": lambda folder: scan(folder, "reference", "current"),
    "ours": ours,
    "ours_both": lambda folder: ours(folder, both=True),
    "ours_fair": ours_fair,
    "follow": follow,
}


def python_of(peer: str, place: Path) -> str | None:
    """Its own Python, made once; None where it cannot be installed."""
    name = peer.removesuffix("_intervals")
    own = place / name
    if not (own / "bin" / "python").exists():
        venv.create(own, with_pip=True)
        done = subprocess.run(
            [own / "bin" / "python", "-m", "pip", "install", "--quiet", *INSTALLED[name]],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            return None
    return str(own / "bin" / "python")


def run(contender: str, folder: Path, place: Path, limit: int) -> tuple[float, float, list[str]] | str:
    """(processor seconds, peak MB, what it said) of one process, or why there is nothing."""
    if contender in CHILDREN:
        command = [sys.executable, str(HERE / "watch.py"), "--child", contender, "--folder", str(folder)]
    else:
        own = python_of(contender, place)
        if own is None:
            return "cannot be installed"
        command = [own, str(HERE / "watch_peers.py"), contender, str(folder)]
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(["prlimit", f"--cpu={limit}", *command], stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        lines = said.read().strip().splitlines()
    if child.returncode < 0:
        return f"not done within {limit} s of its processor"
    if child.returncode:
        return f"fails: {lines[-1][:200] if lines else child.returncode}"
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, lines


def table(found: dict[str, list], names: dict[str, str], to: tuple[str, ...]) -> str:
    """Medians, and medians of the same-round ratios; a peer of one round against the same round."""
    heads = " | ".join(f"× {names[other].split(',')[0]}" for other in to)
    lines = [f"| contender | processor s | {heads} | peak MB | rounds |", "|---|---|" + "---|" * (len(to) + 2)]
    for name, rounds in found.items():
        done = [number for number, one in enumerate(rounds) if isinstance(one, tuple)]
        if not done:
            lines.append(f"| {names[name]} | {next(r for r in rounds if r)} |" + " |" * (len(to) + 2))
            continue
        ratios = [statistics.median(rounds[i][0] / found[other][i][0] for i in done) for other in to]
        seconds, peak = statistics.median(rounds[i][0] for i in done), max(rounds[i][1] for i in done)
        cells = [names[name], f"{seconds:.2f}", *(f"{ratio:.2f}" for ratio in ratios), f"{peak:.0f}", str(len(done))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def same(found: dict[str, list]) -> str:
    """The largest distance between our gaps and fairlearn's."""
    values = []
    for name in ("ours_fair", "fairlearn"):
        said = next((one[2] for one in found[name] if isinstance(one, tuple)), [])
        values.append({line.split()[1]: line.split()[2:] for line in said if line.startswith("gap")})
    if not all(values):
        return "not compared"
    apart = [abs(float(a) - float(b)) for by in values[0] for a, b in zip(values[0][by], values[1][by], strict=True)]
    return f"{max(apart):.1e}"


def alone(rounds: list) -> float:
    """Processor seconds of what was asked, without start-up and reading; NaN of what was not done."""
    lines = [line for one in rounds if isinstance(one, tuple) for line in one[2] if line.startswith("alone ")]
    return statistics.median(float(line.split()[1]) for line in lines) if lines else float("nan")


def report(found: dict[str, list], rounds: int) -> None:
    drift = {name: found[name] for name in NAMES}
    fair = {name: found[name] for name in FAIR}
    versions = sorted({one[2][-1] for name in INSTALLED for one in found[name] if isinstance(one, tuple)})
    print(f"{', '.join(versions)}; at most {rounds} interleaved rounds, medians; start-up and reading included\n")
    print("**Drift, 30 columns, a million rows against a million**\n")
    print(table(drift, NAMES, ("bare", "bare_both", "ours")))
    print("\n**Fairness, gaps of 5 metrics by 2 columns and by both at once, a million rows**\n")
    print(table(fair, FAIR, ("ours_fair",)))
    own, plain, drawn = (alone(found[name]) for name in FAIR)
    print(f"\nWithout start-up and reading: {own:.3f} s, fairlearn {plain:.1f} s, {plain / own:.0f} × (target ≥ 70);")
    print(f"with intervals of ten draws {drawn:.1f} s, {drawn / own:.0f} × (target ≥ 250). Largest distance from")
    print(f"fairlearn's values: {same(found)} (target ≤ 1e-9).")
    share = alone(found["follow"]) / 60
    print("\n**Following 20,000 predictions a second**, 30 columns, decoded, counted and kept by the minute:", end=" ")
    print(f"{share:.3f} of a core (target ≤ 0.1). What compacts the log before is not in it.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without", nargs="*", default=[], help="peers that are left out")
    parser.add_argument("--limit", type=int, default=900, help="seconds of its processor that a peer may take")
    parser.add_argument("--folder", type=Path, required=True, help="where the data and the peers are, or will be made")
    given = parser.parse_args()
    if given.child:
        CHILDREN[given.child](given.folder)
        return
    if not (given.folder / "answers.parquet").exists():
        subprocess.run([sys.executable, str(HERE / "watch_data.py"), str(given.folder)], check=True)
    _kept(given.folder)
    contenders = [*NAMES, *FAIR, "follow"]
    found: dict[str, list] = {name: [] for name in contenders}
    for number in range(given.rounds):
        for name in contenders:
            skip = number >= ROUNDS.get(name, given.rounds)
            if name in given.without:
                found[name].append("left out of this run")
                continue
            found[name].append(None if skip else run(name, given.folder, given.folder / "peers", given.limit))
            print(f"round {number + 1} {name} {found[name][-1]}", file=sys.stderr, flush=True)
    report(found, given.rounds)


if __name__ == "__main__":
    main()
