"""Two windows of a million made-up rows in 30 columns, always the same: `python benchmarks/watch_data.py FOLDER`.

Amounts in cents, measurements, counts, gaps, words of 3 to 1,000 kinds, a flag; the second window is a little off. With
them what a model answered, for fairness: truth, label, carrier, origin.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, GROUP = 1_000_000, 131_072
KINDS = (3, 6, 12, 30, 90, 400, 1000)


def generate(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, seed, off in (("reference", 1, 0.0), ("current", 2, 0.02)):
        _write(_rows(np.random.default_rng(seed), off), folder / f"{name}.parquet")
    _write(_answers(np.random.default_rng(3)), folder / "answers.parquet")


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, row_group_size=GROUP, compression="zstd", version="2.6")


def _rows(rng: np.random.Generator, off: float) -> pa.Table:
    columns = {f"amount{i}": np.round(rng.lognormal(3 + 0.1 * i + off, 0.9, ROWS), 2) for i in range(10)}
    columns |= {f"score{i}": rng.normal(i + off, 1 + i / 5, ROWS) for i in range(6)}
    columns |= {f"gap{i}": pa.array(rng.gamma(2, 1.5, ROWS), mask=rng.random(ROWS) < 0.03) for i in range(2)}
    columns |= {f"count{i}": rng.poisson(3 + 8 * i, ROWS).astype("int64") for i in range(4)}
    columns |= {f"word{i}": _words(rng, kinds) for i, kinds in enumerate(KINDS)}
    return pa.table(columns | {"flag": rng.random(ROWS) < 0.2})


def _words(rng: np.random.Generator, kinds: int) -> pa.Array:
    chances = 1 / np.arange(1, kinds + 1)
    codes = pa.array(rng.choice(kinds, ROWS, p=chances / chances.sum()).astype("int32"))
    return pa.DictionaryArray.from_arrays(codes, [f"word{i:04d}" for i in range(kinds)]).cast(pa.string())


def _answers(rng: np.random.Generator) -> pa.Table:
    truth = (rng.random(ROWS) < 0.3).astype("int64")
    score = 0.3 * truth + 0.7 * rng.random(ROWS)
    return pa.table({
        "truth": truth, "label": (score > 0.5).astype("int64"),
        "carrier": np.array([f"C{i:02d}" for i in range(12)])[rng.integers(0, 12, ROWS)].tolist(),
        "origin": np.array(["EWR", "JFK", "LGA", "BOS", "ORD", "ATL"])[rng.integers(0, 6, ROWS)].tolist(),
    })  # fmt: skip


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
