"""What the tap costs: processor time per `add` on the loop and per record in the thread, at 300-byte bodies.

python benchmarks/tap.py --records 200000 --rounds 5
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature
from arkwright.serve.tap.segment import segments
from arkwright.serve.tap.writer import Tap

BODY = b'{"distance": 1400.5, "carrier": "UA", "origin": "EWR", "note": "%s"}'
SIGNATURE = Signature(
    model="late",
    task="classification",
    target="late",
    columns=(
        Column(name="distance", type="float"),
        Column(name="carrier", type="str"),
        Column(name="origin", type="str"),
        Column(name="note", type="str"),
    ),
    inputs=(),
    outputs=(),
    classes=(False, True),
)


def measure(count: int, folder: Path, **settings) -> dict[str, float]:
    """Microseconds per record: `add` alone, then the flush of all of them."""
    tap = Tap(folder, "late", interval_s=3600, memory=1 << 40, roll_bytes=1 << 40, **settings)
    release = tap.release("release:late@3", "ab" * 32, SIGNATURE)
    body = BODY % (b"x" * (300 - len(BODY) + 2))
    answer = b'{"prediction":{"label":true,"probabilities":{"false":0.25,"true":0.75}},"x":"%s"}' % (b"y" * 210)
    ids = [b"%016x" % number for number in range(count)]
    add, began = tap.add, time.process_time()
    for id_ in ids:
        add(release, id_, b"127.0.0.1", body, answer, 350)
    added, wall = time.process_time(), time.perf_counter()
    tap._flush()  # noqa: SLF001 - what the thread does once a second
    flushed, written = time.process_time(), time.perf_counter()
    tap.close()
    assert tap.written == count
    (path,) = segments(folder)
    size = path.stat().st_size
    path.unlink()
    return {
        "add": 1e6 * (added - began) / count,
        "flush": 1e6 * (flushed - added) / count,
        "MB/s written": size / (written - wall) / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(f"{given.records} records a round, {given.rounds} rounds, medians; {os.cpu_count()} processors\n")
    print("| tap | add, µs of processor | flush, µs of processor | MB/s to the disk |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for name, settings in (("everything", {}), ("one column redacted", {"redact": ("origin",)})):
            rounds = [measure(given.records, Path(place), **settings) for _ in range(given.rounds)]
            cells = [f"{statistics.median(r[key] for r in rounds):.2f}" for key in rounds[0]]
            print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
