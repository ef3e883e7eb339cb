"""Hints choose frames, and frames of every kind become the same tables."""

import importlib.util
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core import frames
from arkwright.core.errors import Invalid, Missing
from arkwright.core.frames import KINDS, kinds, to_arrow, to_frame, to_series


@pytest.fixture
def hinted(tmp_path):
    """The kinds of the function f in a file of its own."""

    def read(signature, head="import polars as pl\nimport pandas as pd\nimport pyarrow as pa\n"):
        path = tmp_path / "hints_of_a_test.py"
        path.write_text(f"{head}\ndef f({signature}): ...\n")
        spec = importlib.util.spec_from_file_location("hints_of_a_test", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return kinds(module.f)

    return read


CHECKED = "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "


@pytest.mark.parametrize(
    ("head", "hint", "kind"),
    [
        ("import polars as pl", "pl.DataFrame", "polars"),
        ("import pandas as pd", "pd.DataFrame", "pandas"),
        ("import pyarrow as pa", "pa.Table", "arrow"),
        ("import polars as pl", "pl.Series", "polars"),
        ("import pyarrow as pa", "pa.ChunkedArray", "arrow"),
        ("import pandas", "pandas.Series", "pandas"),
        ("import polars as pl", "'pl.DataFrame'", "polars"),
        ("", "'pl.DataFrame'", "polars"),
        ("", "'pd.DataFrame'", "pandas"),
        ("", "'pyarrow.Table'", "arrow"),
        ("", "'polars.DataFrame | None'", "polars"),
        ("from polars import DataFrame as Frame", "Frame", "polars"),
        ("import polars as pl\nFrame = pl.DataFrame", "Frame", "polars"),
        ("import polars as pl\nFrame = pl.DataFrame", "'Frame'", "polars"),
        ("from __future__ import annotations\nimport polars as pl", "pl.DataFrame", "polars"),
        (CHECKED + "import polars as pl", "pl.DataFrame", "polars"),
        (CHECKED + "import polars", "polars.DataFrame", "polars"),
        (CHECKED + "import pandas as pl", "pl.DataFrame", "pandas"),
        (CHECKED + "import polars as frames", "frames.DataFrame", "polars"),
        (CHECKED + "from polars import DataFrame", "DataFrame", "polars"),
        (CHECKED + "from pandas import DataFrame as Frame", "Frame", "pandas"),
        (CHECKED + "from pyarrow import Table", "'Table'", "arrow"),
        ("import polars as pl", "pl.DataFrame | None", "polars"),
        ("import polars as pl", "'pl.DataFrame | None'", "polars"),
        ("import polars as pl\nfrom typing import Optional", "Optional[pl.DataFrame]", "polars"),
        ("import polars as pl\nfrom typing import Annotated", "Annotated[pl.DataFrame, 'clean']", "polars"),
        ("import polars as pl\nfrom typing import Annotated", "'Annotated[pl.DataFrame, 1]'", "polars"),
        ("import polars as pl\nclass Mine(pl.DataFrame): ...", "pl.DataFrame", "polars"),
        ("", "int", None),
        ("", "'int'", None),
        ("", "'Nothing.Known'", None),
        ("", "'1 / 0'", None),
        ("", "'not python at'", None),
        ("import numpy as np", "np.ndarray", None),
        ("import polars as pl\nimport pandas as pd", "pl.DataFrame | pd.DataFrame", None),
    ],
)
def test_the_hint_of_a_parameter(hinted, head, hint, kind):
    assert hinted(f"a: {hint}, b=0", head) == ({"a": kind} if kind else {})


def test_every_parameter_by_itself_and_not_what_is_returned(hinted):
    found = hinted("a: pl.DataFrame, b: pd.Series, c, *, d: 'pa.Table', seed: int) -> pl.DataFrame | (None")
    assert found == {"a": "polars", "b": "pandas", "d": "arrow"}


DECORATED = """
import functools
import polars as pl
def logged(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner
@logged
"""


def test_a_decorated_function_has_its_own_hints(hinted):
    assert hinted("a: pl.DataFrame", DECORATED) == {"a": "polars"}


def test_hints_that_only_the_function_around_knows():
    import polars as local  # noqa: ICN001 - a name that the module does not know

    def f(a: "local.DataFrame", b: "unknown.DataFrame"): ...  # noqa: F821

    assert kinds(f) == {"a": "polars"}
    assert kinds(len) == {}


@pytest.mark.parametrize("hint", ["pl.LazyFrame", "'pl.LazyFrame'", "pl.LazyFrame | None"])
def test_a_lazy_frame_is_refused_with_file_and_line(hinted, hint):
    with pytest.raises(Invalid) as caught:
        hinted(f"a: {hint}")
    line = "hints_of_a_test.py:5 in f: a is a polars LazyFrame; use pl.DataFrame (call .collect())"
    assert str(caught.value) == line
    with pytest.raises(Invalid, match="LazyFrame"):
        hinted("a: LazyFrame", CHECKED + "from polars import LazyFrame")


MOMENTS = [datetime(1931, 1, 1, tzinfo=UTC), None, datetime(2030, 7, 1, tzinfo=UTC)]
TABLE = pa.table(
    {
        "int": pa.array([1, None, -(2**40)]),
        "large": pa.array([2**53 + 1, None, -(2**53) - 1]),
        "far below": pa.array([0, None, -(2**53) - 1]),
        "small": pa.array([1, None, 3], pa.int8()),
        "whole": pa.array([2**63 - 1, 0, -(2**63)]),
        "float": pa.array([0.5, None, float("inf")]),
        "bool": pa.array([True, None, False]),
        "text": pa.array(["é", None, ""]),
        "bytes": pa.array([b"\0", None, b""]),
        "day": pa.array([date(1901, 1, 1), None, date(2030, 1, 1)]),
        "moment": pa.array(MOMENTS, pa.timestamp("us")),
        "here": pa.array(MOMENTS, pa.timestamp("us", "Europe/Berlin")),
    }
)
ROUNDED = {"int": pa.float64(), "small": pa.float64()}  # what pandas makes of integers of which some are missing


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TABLE.column_names)
def test_a_column_comes_back_through_every_kind_of_frame(kind, name):
    table = TABLE.select([name])
    expected = table.cast(pa.schema({name: ROUNDED[name]})) if kind == "pandas" and name in ROUNDED else table
    assert to_arrow(to_frame(table, kind)) == expected
    series = to_series(table.column(0), kind, "y")
    back = to_arrow(pa.table({name: series}) if kind == "arrow" else series.to_frame(name))
    assert back == expected


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_and_no_columns(kind):
    assert to_arrow(to_frame(TABLE.slice(0, 0), kind)).column_names == TABLE.column_names
    assert to_arrow(to_frame(TABLE.slice(0, 0), kind)).num_rows == 0
    assert to_arrow(to_frame(TABLE.select([]), kind)).num_columns == 0


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_a_series_has_its_name(kind):
    assert to_series(pa.array([1, 2]), kind, "late").name == "late"
    assert to_series(pa.array([2**60, None]), kind, "late").to_list()[0] == 2**60


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=5))
def test_pandas_rounds_no_integer(values):
    back = to_arrow(to_frame(pa.table({"x": pa.array(values, pa.int64())}), "pandas")).column("x").to_pylist()
    assert [value if value == value else None for value in back] == values


def test_equal_frames_give_equal_tables():
    plain = pa.table({"s": ["a", None], "n": [1, 2]})
    same = [
        pl.DataFrame({"s": ["a", None], "n": [1, 2]}),
        pl.DataFrame({"s": pl.Series(["a", None], dtype=pl.Categorical), "n": [1, 2]}),
        pl.DataFrame({"s": pl.Series(["a", None], dtype=pl.Enum(["b", "a"])), "n": [1, 2]}),
        pl.concat(
            [
                pl.DataFrame({"s": ["a"], "n": [1]}),
                pl.DataFrame({"s": [None], "n": [2]}, {"s": pl.String, "n": pl.Int64}),
            ]
        ),
        pd.DataFrame({"s": ["a", None], "n": [1, 2]}, index=[7, 8]),
        pd.DataFrame({"s": pd.Categorical(["a", None]), "n": [1, 2]}),
        pd.DataFrame({"s": pd.Series(["a", None], dtype=object), "n": pd.array([1, 2], dtype="Int64")}),
        plain.cast(pa.schema({"s": pa.large_string(), "n": pa.int64()})),
        plain.cast(pa.schema({"s": pa.string_view(), "n": pa.int64()})),
        pa.table([plain.column("s").dictionary_encode(), plain.column("n")], ["s", "n"]),
        pa.table([pa.DictionaryArray.from_arrays([0, None], pa.array(["a"], pa.string_view())), [1, 2]], ["s", "n"]),
        plain.replace_schema_metadata({"made": "by hand"}),
        plain.to_reader(),
        pa.record_batch({"s": ["a", None], "n": [1, 2]}),
    ]
    for frame in same:
        assert to_arrow(frame).equals(plain, check_metadata=True), frame


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (pa.array([b"x", None], pa.large_binary()), pa.binary()),
        (pa.array([b"x", None], pa.binary_view()), pa.binary()),
        (pa.array([date(1960, 1, 1), None], pa.date64()), pa.date32()),
        (pa.array([timedelta(0).seconds, None], pa.timestamp("s")), pa.timestamp("us")),
        (pa.array([-1000, None], pa.timestamp("ns", "+02:00")), pa.timestamp("us", "+02:00")),
        (pa.array([1, None]).dictionary_encode(), pa.int64()),
        (pa.array([Decimal("1.5"), None]), pa.decimal128(2, 1)),
    ],
    ids=lambda it: str(getattr(it, "type", it)),
)
def test_types_are_made_plain(given, kept):
    column = to_arrow(pa.table({"x": given})).column("x")
    assert column.type == kept
    assert column.to_pylist() == pa.chunked_array([given]).cast(kept).to_pylist()


def test_no_chunk_of_a_dictionary():
    assert to_arrow(pa.table({"x": pa.chunked_array([], pa.dictionary(pa.int8(), pa.string()))})).schema.types == [
        pa.string()
    ]


def test_what_lies_within_a_column_stays():
    nested = {"l": [["x", None], None, []], "s": [{"b": "x", "c": None}, None, {"b": None, "c": 1.5}]}
    for frame in (pl.DataFrame(nested), pa.table(nested)):
        assert to_arrow(frame).select(["l"]).to_pydict() == {"l": nested["l"]}
        assert to_arrow(frame).column("s").to_pylist()[0] == nested["s"][0]


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (None, "features must return a frame (polars, pandas or pyarrow), not NoneType"),
        ([1], "must return a frame (polars, pandas or pyarrow), not list"),
        ({"a": [1]}, "must return a frame (polars, pandas or pyarrow), not dict"),
        (pl.Series("a", [1]), "must return a frame (polars, pandas or pyarrow), not Series"),
        (pd.Series([1]), "must return a frame (polars, pandas or pyarrow), not Series"),
        (pa.chunked_array([[1]]), "must return a frame (polars, pandas or pyarrow), not ChunkedArray"),
        (pl.LazyFrame({"a": [1]}), "features is a polars LazyFrame; use pl.DataFrame (call .collect())"),
        (pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}), "a column 'a' of Python objects"),
        (pd.DataFrame({"a": [object()]}), "returned a DataFrame that cannot become a table: ArrowInvalid"),
        (pd.DataFrame({"a": pd.Series([1, "x"], dtype=object)}), "Conversion failed for column a"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "features returned two columns called 'a'"),
        (pa.table([[1], [2]], ["a", "a"]), "features returned two columns called 'a'"),
        (pd.DataFrame([[1]]), "features returned a column called 0; column names are texts"),
        (pd.DataFrame({("a", "b"): [1]}), "a column called ('a', 'b'); column names are texts"),
        (pa.table([[1]], [""]), "a column called ''; column names are texts"),
        (pa.table({"a": pa.array([1], pa.timestamp("ns"))}), "a column 'a' that cannot be kept: ArrowInvalid"),
        (pa.table({"a": pa.array([2**60], pa.timestamp("s"))}), "a column 'a' that cannot be kept: ArrowInvalid"),
    ],
    ids=lambda it: it[:30] if isinstance(it, str) else type(it).__name__,
)
def test_what_is_no_table_is_refused_in_one_line(frame, says):
    with pytest.raises(Invalid) as caught:
        to_arrow(frame, "features")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 450


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_a_library_that_is_not_installed(kind, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *rest, **more):
        if name == kind:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    for call in (lambda: frames.to_frame(TABLE, kind), lambda: frames.to_series(TABLE.column(0), kind, "x")):
        with pytest.raises(Missing, match=rf"asks for {kind} frames; install: pip install 'arkwright\[{kind}\]'"):
            call()
