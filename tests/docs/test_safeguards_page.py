"""The page about safeguards: its table is read, and its words are those of the language."""

import re
from pathlib import Path

from arkwright.core.safeguards import sheet
from arkwright.core.safeguards.compile import FUNCTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "safeguards.md").read_text(encoding="utf-8")


def test_every_function_is_told():
    for word in FUNCTIONS:
        assert f"`{word}(" in PAGE, word


def test_the_table_of_the_page_is_read():
    table = next(block for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) if block.startswith("plan,"))
    lines, wrong = sheet.read(table, "limits.csv")
    assert wrong == []
    assert [line.rule.name for line in lines] == ["limits-2", "limits-3", "limits-4"]
    assert lines[0].rule.when in PAGE
