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
import venv
from pathlib import Path

HERE = Path(__file__).parent
INSTALLED = {
    "scipy": ["scipy", "pandas", "pyarrow"],
    "alibi": ["alibi-detect==0.13.0", "pyarrow<22"],  # it wants numpy 1, later ones numpy 2
    "nannyml": ["nannyml==0.13.1", "statsmodels", "pandas<3", "pyarrow"],  # it asks for neither, and needs both
    "evidently": ["evidently==0.7.23", "pandas<3", "pyarrow"],  # with pandas 3 it is not imported
    "fairlearn": ["fairlearn==0.15.0", "scikit-learn", "pandas", "pyarrow"],
}
NAMES = {
    "bare": "decoding the window alone (pyarrow)",
    "bare_columns": "the same a column at a time, texts left as dictionaries",
    "bare_both": "one scan of both files",
    "ours": "Arkwright, one more window against the kept reference, five tests a column",
    "ours_both": "Arkwright from both files, five tests a column",
    "scipy": "scipy, a column at a time",
    "alibi": "alibi-detect (one or two tests a column)",
    "nannyml": "NannyML (four tests a column)",
    "evidently": "Evidently",
}
FAIR = {
    "ours_fair": "Arkwright, with 95 % intervals",
    "fairlearn": "fairlearn's MetricFrame, no intervals",
    "fairlearn_intervals": "the same, two bootstrap draws",
}
SECONDS = 60  # that are followed
ROUNDS = {"scipy": 1, "alibi": 1, "nannyml": 1, "evidently": 1, "fairlearn": 1, "fairlearn_intervals": 1, "follow": 1}


def python_of(peer: str, place: Path) -> str | None:
    """Its own Python, made once; None where it cannot be installed."""
    name = peer.removesuffix("_intervals")
    own, wanted = place / name, "\n".join(INSTALLED[name])
    done = own / "installed.txt"  # who is killed on the way begins anew
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        venv.create(own, with_pip=True, clear=True)
        pip = [own / "bin" / "python", "-m", "pip", "install", "--quiet", *INSTALLED[name]]
        found = subprocess.run(pip, capture_output=True, text=True, check=False)
        if found.returncode:
            print(f"{name}: {found.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            return None
        done.write_text(wanted, encoding="utf-8")
    return str(own / "bin" / "python")


def run(contender: str, folder: Path, place: Path, limit: int) -> tuple[float, float, list[str]] | str:
    """(processor seconds, peak MB, what it said) of one process, or why there is nothing."""
    own = python_of(contender, place) if contender.removesuffix("_intervals") in INSTALLED else sys.executable
    if own is None:
        return "cannot be installed"
    script = "watch_ours.py" if own == sys.executable else "watch_peers.py"
    command = [own, str(HERE / script), contender, str(folder)]
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


def said(one: tuple | str | None, what: str) -> float:
    """Processor seconds that a contender told of, such as `alone`: without start-up. NaN where it told nothing."""
    lines = one[2] if isinstance(one, tuple) else []
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{what} ")), float("nan"))


def median(rounds: list, what: str) -> float:
    found = [said(one, what) for one in rounds if isinstance(one, tuple)]
    return statistics.median(found) if found else float("nan")


def against(found: dict[str, list], one: str, other: str) -> tuple[float, float]:
    """Medians of the same-round ratios, without start-up and of whole processes; NaN where there are none."""
    both = [pair for pair in zip(found[one], found[other], strict=True) if all(isinstance(x, tuple) for x in pair)]
    if not both:
        return float("nan"), float("nan")
    alone = statistics.median(said(a, "alone") / said(b, "alone") for a, b in both)
    return alone, statistics.median(a[0] / b[0] for a, b in both)


def apart(found: dict[str, list]) -> float:
    """The largest distance between our gaps and fairlearn's; NaN where they are not compared."""
    values = []
    for name in ("ours_fair", "fairlearn"):
        lines = next((one[2] for one in found[name] if isinstance(one, tuple)), [])
        values.append({line.split()[1]: line.split()[2:] for line in lines if line.startswith("gap")})
    if not all(values):
        return float("nan")
    return max(abs(float(a) - float(b)) for by in values[0] for a, b in zip(values[0][by], values[1][by], strict=True))


def most(found: dict[str, list], name: str) -> float:
    return max((one[1] for one in found[name] if isinstance(one, tuple)), default=float("nan"))


def targets(found: dict[str, list]) -> str:
    """What the watch was to reach, and what was found."""
    window, both = against(found, "ours", "bare"), against(found, "ours_both", "bare_both")
    rows = [
        ("one more window ≤ 1.5 × decoding it, without start-up", window[0], ".2f", window[0] <= 1.5),
        ("the same, whole processes", window[1], ".2f", window[1] <= 1.5),
        ("from both files ≤ 2 × one scan of both, without start-up", both[0], ".2f", both[0] <= 2),
        ("the same, whole processes", both[1], ".2f", both[1] <= 2),
    ]
    rows += [(f"{what}, MB ≤ 300", mb := most(found, name), ".0f", mb <= 300)
             for what, name in (("one more window", "ours"), ("from both files", "ours_both"))]  # fmt: skip
    for peer, least in (("alibi", 8), ("nannyml", 8), ("evidently", 50)):
        times = against(found, peer, "ours_both")[1]
        rows.append(
            (f"{NAMES[peer].split(' (')[0]} takes ≥ {least} × as long, whole processes", times, ".0f", times >= least)
        )
    for peer, least in (("fairlearn", 70), ("fairlearn_intervals", 250)):
        for times, how in zip(against(found, peer, "ours_fair"), ("without start-up", "whole processes"), strict=True):
            rows.append((f"{FAIR[peer]} takes ≥ {least} × as long, {how}", times, ".0f", times >= least))
    share = median(found["follow"], "alone") / SECONDS
    rows += [
        ("distance from fairlearn's values ≤ 1e-9", off := apart(found), ".1e", off <= 1e-9),
        ("following 20,000 predictions a second, cores ≤ 0.1", share, ".3f", share <= 0.1),
    ]
    lines = ["| target | found | |", "|---|---|---|"]
    for what, value, form, good in rows:
        lines.append(f"| {what} | {value:{form}} | {'met' if good else '**not met**'} |" if value == value
                     else f"| {what} | not measured | |")  # fmt: skip
    return "\n".join(lines)


def report(found: dict[str, list], rounds: int) -> None:
    drift = {name: found[name] for name in NAMES}
    fair = {name: found[name] for name in FAIR}
    versions = sorted({one[2][-1] for name in INSTALLED for one in found[name] if isinstance(one, tuple)})
    print(f"{', '.join(versions)}; at most {rounds} interleaved rounds, medians; start-up and reading included\n")
    print("**Drift, 30 columns, a million rows against a million**\n")
    print(table(drift, NAMES, ("bare", "bare_both", "ours_both")))
    print("\n**Fairness, gaps of 5 metrics by 2 columns and by both at once, a million rows**\n")
    print(table(fair, FAIR, ("ours_fair",)))
    print(
        "\n**Following 20,000 predictions a second**, 30 columns: to read them from the log, count and keep them by the"
    )
    follows, packs = (median(found["follow"], what) / SECONDS for what in ("alone", "compacting"))
    print(f"minute takes {follows:.3f} of a core; what compacts the log before, for all who read it, {packs:.2f}.\n")
    print(targets(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without", nargs="*", default=[], help="peers that are left out")
    parser.add_argument("--limit", type=int, default=900, help="seconds of its processor that a peer may take")
    parser.add_argument("--folder", type=Path, required=True, help="where the data and the peers are, or will be made")
    given = parser.parse_args()
    if not (given.folder / "answers.parquet").exists():
        subprocess.run([sys.executable, str(HERE / "watch_data.py"), str(given.folder)], check=True)
    subprocess.run([sys.executable, str(HERE / "watch_ours.py"), "keep", str(given.folder)], check=True)
    contenders = [*NAMES, *FAIR, "follow"]
    found: dict[str, list] = {name: [] for name in contenders}
    for number in range(given.rounds):
        for name in contenders:
            if name in given.without:
                found[name].append("left out of this run")
                continue
            skip = number >= ROUNDS.get(name, given.rounds)
            found[name].append(None if skip else run(name, given.folder, given.folder / "peers", given.limit))
            print(f"round {number + 1} {name} {found[name][-1]}", file=sys.stderr, flush=True)
    report(found, given.rounds)


if __name__ == "__main__":
    main()
