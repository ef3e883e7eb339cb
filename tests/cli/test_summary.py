"""A run as Markdown: nothing in it becomes markup that was not meant to be."""

import re
from html import escape

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from arkwright.cli.summary import MOST_ROWS, fenced, span, table
from arkwright.core.nouns import Finding
from arkwright.core.visible import visible

MARKDOWN = MarkdownIt("commonmark").enable("table")


def finding(promise="roc_auc >= 0.7", verdict="kept", **words):
    return Finding(subject="model:late@2", digest="d", promise=promise, verdict=verdict, value=0.71, **words)


def test_a_row():
    (row,) = list(table([finding(low=0.70, high=0.72, n=84194, note="by | time", more_rows=5)]))[2:]
    assert row == (
        "| `roc_auc >= 0.7` | 0.71 | 0.7 … 0.72 | 84,194 | ✓ kept<br>`by \\| time`<br>"
        "`about 5 more rows would settle it` |"
    )


def test_a_table_is_bounded_and_what_is_not_kept_stays():
    many = [finding(f"rows >= {n}") for n in range(500)] + [finding("last >= 1", "broken")]
    lines = list(table(many))
    assert len(lines) == MOST_ROWS + 4
    assert "last >= 1" in lines[2]
    assert lines[-1] == "… and 351 more"


@given(st.text(max_size=80))
def test_any_text_is_one_cell_of_code(text):
    shown = " ".join(visible(text).split())
    html = MARKDOWN.render("\n".join(["| a | b |", "|---|---|", f"| {span(text)} | end |"]))
    cells = re.findall(r"<td>(.*?)</td>", html, re.DOTALL)
    assert len(cells) == 2
    assert cells[1] == "end"
    inside = re.fullmatch(r"<code>(.*)</code>", cells[0], re.DOTALL)[1]
    assert inside.strip() == escape(shown).replace("&#x27;", "'").strip()


@given(st.text(max_size=80))
def test_any_text_is_one_block(text):
    html = MARKDOWN.render("\n".join([*fenced(text), "end"]))
    assert html.startswith("<pre><code>")
    assert html.endswith("</code></pre>\n<p>end</p>\n")
    assert html.count("<pre>") == 1
