"""How a profile looks on a narrow screen."""

import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from arkwright.cli.profile_view import bars, render
from arkwright.data.profile.frame import profile


def shown(tmp_path, table, width=80, **how):
    pq.write_table(table, tmp_path / "t.parquet")
    console = Console(width=width, file=io.StringIO())
    console.print(render(profile(tmp_path / "t.parquet", **how)))
    return console.file.getvalue()


def test_every_column_has_a_line_and_a_picture(tmp_path):
    rng = random.Random(1)
    table = pa.table(
        {
            "carrier": ["UA"] * 60 + ["AA"] * 30 + ["[red]x"] * 10,
            "delay": [rng.gauss(10, 3) for _ in range(100)],
            "a_column_with_a_very_long_name": [None] * 50 + list(range(50)),
            "gift": [True] * 100,
        }
    )
    lines = shown(tmp_path, table).splitlines()
    assert lines[0].startswith("100 rows × 4 columns, ")
    assert all(len(line.rstrip()) <= 80 for line in lines)
    assert lines[4].split() == ["carrier", "str", "0%", "3", "█▄▂", "UA,", "AA,", "[red]x"]
    assert "█" in lines[5]
    assert lines[6].startswith("a_column_with_a… int       50%       50 ")
    assert lines[7].split() == ["gift", "bool", "0%", "1", "█", "yes"]
    assert "! gift: constant" in lines


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_any_width_and_odd_data(tmp_path, width):
    table = pa.table({"x\ny": ["\x1b[31mred", "a\nb"], "empty": pa.nulls(2), "l": [[1], [2]], "日本": [1.5, 2e9]})
    text = shown(tmp_path, table, width)
    assert "\x1b" not in text
    assert "empty" in text
    assert shown(tmp_path, table.slice(0, 0), width)


def test_a_sample_is_said(tmp_path):
    assert "of a sample of 50 rows" in shown(tmp_path, pa.table({"x": range(100)}), 120, kept=50)


def test_bars():
    assert bars([0, 1, 50, 100]) == " ▁▄█"
    assert bars([]) == ""
    assert bars([0, 0]) == "  "
