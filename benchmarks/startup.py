"""What it costs to start: processor time of `arkwright --help` against `python -c pass`, in interleaved rounds.

python benchmarks/startup.py --rounds 15
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("arkwright"))
CONTENDERS = {
    "`python -c pass`": [sys.executable, "-c", "pass"],
    "`arkwright --help`": [COMMAND, "--help"],
    "`arkwright run --help`": [COMMAND, "run", "--help"],
    '`python -c "import arkwright"`': [sys.executable, "-c", "import arkwright"],
}


def seconds(words: list[str]) -> float:
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{words} ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    for words in CONTENDERS.values():
        seconds(words)  # compiles what is not compiled yet
    rounds = [{name: seconds(words) for name, words in CONTENDERS.items()} for _ in range(given.rounds)]
    first = next(iter(CONTENDERS))
    print("| command | processor ms | × `python -c pass` |\n|---|---|---|")
    for name in CONTENDERS:
        ratio = statistics.median(r[name] / r[first] for r in rounds)
        print(f"| {name} | {1000 * statistics.median(r[name] for r in rounds):.0f} | {ratio:.2f} |")
    print(f"\n{given.rounds} interleaved rounds, medians; the ratio is the median of same-round ratios.")


if __name__ == "__main__":
    main()
