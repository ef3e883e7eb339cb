"""Counts and times as pages say them."""

from datetime import UTC, datetime, timedelta

import pytest

from arkwright.cli import output
from arkwright.core.counted import many, percent
from arkwright.pages import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.5, "just now"),
        (59, "just now"),
        (61, "1 minute ago"),
        (119, "1 minute ago"),
        (7300, "2 hours ago"),
        (86400 * 1.5, "1 day ago"),
        (86400 * 400, "1 year ago"),
        (-1, "in a moment"),
        (-59, "in 1 minute"),  # a minute that has just begun
        (-(7 * 86400 - 5), "in 7 days"),
        (-(7 * 86400 - 3600), "in 6 days"),
    ],
)
def test_how_long_ago(seconds, said):
    assert words.ago(datetime.now(UTC) - timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("part", "said"),
    [(1, "100 %"), (0.9996, "99.9 %"), (0.99951, "99.9 %"), (0.5, "50 %"), (0.0004, "0.04 %"), (0, "0 %")],
)
def test_nearly_all_is_not_all(part, said):
    assert percent(part) == said


def test_when_something_is_due():
    now = datetime.now(UTC)
    assert words.due(now - timedelta(minutes=3)) == "now"
    assert "in 3 minutes" in words.due(now + timedelta(minutes=3))
    assert words.due(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (0.0123, "12 ms"),
        (60, "60 s"),
        (120, "2 min"),
        (10800, "3 h"),
        (5460, "1.52 h"),
        (44_338_431.7, "513 days"),
    ],
)
def test_how_long_it_took(seconds, said):
    assert words.span(seconds) == said


def test_how_many():
    assert [many(count, "reply", "replies") for count in (0, 1, 1200)] == ["0 replies", "1 reply", "1,200 replies"]


def test_a_number_that_is_none_is_told_as_it_is():
    assert [words.number(float(one)) for one in ("nan", "inf", "-inf")] == ["nan", "inf", "-inf"]
    assert [output.number(float(one)) for one in ("nan", "inf", "-inf")] == ["nan", "inf", "-inf"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# **Bold** and `code`", "Bold and code"),
        ("****", "****"),
        ("`", "`"),
        ("## # >", "## # >"),
        ("\n\n > \nquoted", ">"),
        (" ", ""),
    ],
)
def test_a_text_has_a_first_line_that_can_be_clicked(text, said):
    assert words.first_line(text) == said
