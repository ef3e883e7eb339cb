"""Ten million made-up orders in 15 columns, always the same: `python benchmarks/checks_data.py FOLDER [ROWS]`.

The mix is that of an order table: dense and sparse ids, dates, few- and many-valued texts, amounts, nulls, a flag.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 10_000_000
CHUNK = 131_072
CUSTOMERS = 1_000_000
PRODUCTS = 20_000
COUNTRIES = [a + b for a in "ABCDEF" for b in "KLMNO"]
STATUSES = ["placed", "paid", "packed", "sent", "delivered", "returned"]
CHANNELS = ["web", "app", "shop", "phone"]
START = np.datetime64("2023-01-01T00:00:00", "us")


def generate(folder: Path, rows: int = ROWS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"customer_id": np.arange(1, CUSTOMERS + 1)}), folder / "customers.parquet")
    pq.write_table(pa.table({"sku": _skus(np.arange(PRODUCTS))}), folder / "products.parquet")
    write(folder / "orders.parquet", chunks(rows))


def write(path: Path, tables: Iterator[pa.Table]) -> None:
    first = next(tables)
    with pq.ParquetWriter(path, first.schema, compression="zstd", version="2.6") as writer:
        writer.write_table(first, row_group_size=CHUNK)
        for table in tables:
            writer.write_table(table, row_group_size=CHUNK)


def chunks(rows: int) -> Iterator[pa.Table]:
    for number, start in enumerate(range(0, rows, CHUNK)):
        yield _chunk(np.random.default_rng([2026, number]), start, min(CHUNK, rows - start))


def _chunk(rng: np.random.Generator, start: int, n: int) -> pa.Table:
    placed = START + ((start + np.arange(n)) * 9_000_000 + rng.integers(0, 60_000_000, n)).astype("timedelta64[us]")
    price = np.round(rng.lognormal(3.3, 0.9, n), 2)
    token = rng.integers(0, 2**63, n, dtype=np.uint64)
    return pa.table(
        {
            "order_id": np.arange(start + 1, start + n + 1),
            "customer_id": rng.integers(1, CUSTOMERS + 1, n),
            "day": placed.astype("datetime64[D]"),
            "placed_at": placed,
            "country": _pick(rng, COUNTRIES, n),
            "status": _pick(rng, STATUSES, n),
            "channel": _pick(rng, CHANNELS, n, nulls=0.02),
            "product": _skus(np.minimum(rng.zipf(1.3, n), PRODUCTS) - 1),
            "coupon": _pick(rng, [f"C{i:03d}" for i in range(500)], n, nulls=0.9),
            "token": pa.array([f"{value:016x}" for value in token.tolist()]),
            "price": price,
            "discount": pa.array(rng.beta(1, 8, n), mask=rng.random(n) < 0.05),
            "quantity": rng.geometric(0.4, n).astype("int64"),
            "weight": pa.array(rng.gamma(2, 1.5, n), mask=rng.random(n) < 0.01),
            "gift": rng.random(n) < 0.08,
        }
    )


def _pick(rng: np.random.Generator, values: list[str], n: int, nulls: float = 0) -> pa.Array:
    codes = rng.integers(0, len(values), n).astype("int32")
    mask = rng.random(n) < nulls if nulls else None
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=mask), values).cast(pa.string())


def _skus(numbers: np.ndarray) -> pa.Array:
    labels = pa.array([f"SKU-{i:05d}" for i in range(PRODUCTS)])
    return labels.take(pa.array(numbers))


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else ROWS)
