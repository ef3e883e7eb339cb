"""What watch.py measures of Arkwright, and the scans beside it: `python watch_ours.py NAME FOLDER`.

`alone` is the processor's time without start-up and imports.
"""

import sys
import tempfile
import time
from pathlib import Path

METRICS = ("accuracy", "recall", "precision", "positive_rate", "specificity")
BY = ("carrier", "origin", "(carrier, origin)")
SECOND, SECONDS = 20_000, 60  # predictions followed
RELEASE = "release:late@1"


class Stored:
    """A Parquet file of which a column is read when it is asked for; texts are left as dictionaries."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pq.read_schema(path)
        texts = [name for name in schema.names if pa.types.is_string(schema.field(name).type)]
        self._file = pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False)
        self.column_names, self.num_rows = schema.names, self._file.metadata.num_rows

    def table(self, name: str):
        return self._file.read([name], use_threads=False)

    def column(self, name: str):
        return self.table(name).column(0)


def _groups(path: Path):
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    for number in range(file.num_row_groups):
        yield file.read_row_group(number, use_threads=False)


def bare(folder: Path, *names: str) -> None:
    import pyarrow.parquet  # noqa: F401

    began = time.process_time()
    for name in names or ("current",):
        for _ in _groups(folder / f"{name}.parquet"):
            pass
    _alone(began)


def bare_columns(folder: Path) -> None:
    stored, began = Stored(folder / "current.parquet"), time.process_time()
    for name in stored.column_names:
        stored.column(name)
    _alone(began)


def bare_both(folder: Path) -> None:
    bare(folder, "reference", "current")


def keep(folder: Path) -> None:
    """The reference as a release has it: made once, when it was judged."""
    from arkwright.monitor import counting, packing

    packing.save(folder / packing.FILE, counting.reference(Stored(folder / "reference.parquet")))


def ours(folder: Path, *, both: bool = False) -> None:
    from arkwright.measures import drift
    from arkwright.measures.divergence import scipy
    from arkwright.monitor import counting, packing

    scipy("special")
    began = time.process_time()
    stored = Stored(folder / "reference.parquet")
    reference = counting.reference(stored) if both else packing.load(folder / packing.FILE)
    stored, columns = Stored(folder / "current.parquet"), {}
    for name in stored.column_names:
        columns |= reference.count(stored.table(name)).columns
    window = reference.window(counting.Counts(stored.num_rows, columns))
    numbers = (drift.psi, drift.ks, drift.jensen_shannon, drift.wasserstein, drift.hellinger)
    words = (drift.psi, drift.chi_square, drift.jensen_shannon, drift.largest_change, drift.hellinger)
    for name in window.columns:
        for measure in numbers if reference.columns[name].of_numbers else words:
            assert measure(window, name).value is not None
    _alone(began)


def ours_both(folder: Path) -> None:
    ours(folder, both=True)


def ours_fair(folder: Path) -> None:
    from arkwright.core.arrow_arrays import numbers
    from arkwright.core.promises import parse
    from arkwright.measures import binding, registry
    from arkwright.measures.evaluation import Evaluation

    rows = Stored(folder / "answers.parquet")
    given = {name: numbers(rows.column(name).combine_chunks()) for name in ("truth", "label")}
    groups = {name: _fixed(rows.column(name)) for name in ("carrier", "origin")}
    evaluation = Evaluation(task="classification", groups=groups, **given)
    began = time.process_time()
    for by in BY:
        promises = [parse(f"gap({metric}, by={by}) <= 0.1") for metric in METRICS]
        asked = [binding.bind(one.call, "model", registry.Scope(("carrier", "origin"))) for one in promises]
        found = [one(evaluation) for one in asked]
        print("gap", by.strip("()").replace(" ", ""), *(f"{one.value:.12f}" for one in found))
    _alone(began)


def _fixed(column):
    """Texts as an evaluation has them, without a look at each."""
    import numpy as np

    from arkwright.core.arrow_arrays import numbers

    coded = column.unify_dictionaries().combine_chunks()
    return np.array(coded.dictionary.to_pylist(), np.str_)[numbers(coded.indices)]


def follow(folder: Path) -> None:
    """A minute of 20,000 answers a second, 30 columns, in a log as a server writes it: what it takes to compact it, and
    to read, count and keep it by the minute.
    """
    from arkwright.api.watch.log import Layout
    from arkwright.core.arrow import columns
    from arkwright.core.signature import Signature
    from arkwright.infra.disk_store import DiskStore
    from arkwright.monitor import packing
    from arkwright.monitor.following import File, Log
    from arkwright.monitor.following import follow as followed
    from arkwright.monitor.kept import Kept
    from arkwright.serve.tap import compact, scan

    reference, rows = packing.load(folder / packing.FILE), next(_groups(folder / "current.parquet"))
    signature = Signature(
        model="late", task="classification", target="late", columns=columns(rows.schema), inputs=(), outputs=(),
        classes=(False, True),
    )  # fmt: skip
    layout = Layout(signature)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        log, store, scratch = (Path(place) / name for name in ("late", "store", "scratch"))
        _written(log, signature, rows)
        store, kept = DiskStore(store), Kept(Path(place) / "late.db")
        scratch.mkdir()
        began = time.process_time()
        assert compact.compact(log, store, scratch).rows == SECOND * SECONDS
        print(f"compacting {time.process_time() - began:.4f}")
        wanted = [*layout.row, *layout.answer]
        began = time.process_time()
        found = Log(
            files=[File(one.digest, one.since // 10**9, one.until // 10**9) for one in scan.parts(log, RELEASE)],
            scan=lambda since, until: map(layout.block, scan.scan(log, store, since, until, RELEASE, wanted)),
            rows=lambda since, until: scan.scan(log, store, since, until, RELEASE, ()),
            settled=int(time.time()) + 60,
        )
        assert followed(kept, RELEASE, reference, found) == SECOND * SECONDS
        _alone(began)
        kept.close()


def _written(log: Path, signature, rows) -> None:
    """What a server with this load logs in a minute; the same rows come again after some seconds."""
    import msgspec

    from arkwright.serve.tap.writer import Tap

    tap = Tap(log, "late", interval_s=3600, memory=1 << 40)
    release, bodies = tap.release(RELEASE, "ab" * 32, signature), [msgspec.json.encode(row) for row in rows.to_pylist()]
    answer = b'{"prediction":{"label":true,"probabilities":{"false":0.25,"true":0.75}}}'
    for number in range(SECOND * SECONDS):
        tap.add(release, b"%016x" % number, b"127.0.0.1", bodies[number % len(bodies)], answer, 350)
        if number % SECOND == SECOND - 1:
            tap._flush()  # noqa: SLF001 - what the thread does twice a second
    tap.close()


def _alone(began: float) -> None:
    print(f"alone {time.process_time() - began:.4f}")


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
