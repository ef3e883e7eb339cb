"""What a file of predictions has a dictionary and an edge of."""

import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.serve.tap.groups import Groups


def test_what_never_comes_again_has_no_dictionary_and_only_time_has_edges(tmp_path):
    many = range(3000)
    rows = pa.table({"at": pa.array(many, pa.timestamp("us")), "carrier": ["AA", "UA", None] * 1000,
                     "price": [one % 1000 / 100 for one in many], "score": [one / 7 for one in many]})  # fmt: skip
    groups = Groups(tmp_path / "some.parquet", rows.schema)
    groups.add(rows.slice(0, 1000))
    groups.add(rows.slice(1000))
    groups.close()
    assert pq.read_table(tmp_path / "some.parquet").equals(rows)
    group = pq.read_metadata(tmp_path / "some.parquet").row_group(0)
    columns = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
    assert {name for name, one in columns.items() if one.has_dictionary_page} == {"carrier", "price"}
    assert {name for name, one in columns.items() if one.is_stats_set} == {"at"}


def test_no_rows_are_a_file_too(tmp_path):
    schema = pa.schema([("at", pa.timestamp("us")), ("carrier", pa.string())])
    Groups(tmp_path / "none.parquet", schema).close()
    assert pq.read_table(tmp_path / "none.parquet").equals(schema.empty_table())
