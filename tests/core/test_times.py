"""One parser of times, which every face asks."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Invalid
from arkwright.core.times import PATTERN, moment

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FIXED = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("text", "is_"),
    [
        ("1h", "2026-11-29T11:00"),
        ("7d", "2026-11-22T12:00"),
        ("2026-03-31", "2026-03-31T00:00"),
        ("2026-03-31T08:00", "2026-03-31T08:00"),
        ("2026-03-31 08:00:07.5", "2026-03-31T08:00:07.500000"),
        ("2026-03-31T08:00:00Z", "2026-03-31T08:00"),
        ("2026-03-31t08:00:00z", "2026-03-31T08:00"),
        ("2026-03-31T08:00+02:00", "2026-03-31T06:00"),
        ("99999w", "0110-05-25T12:00"),
    ],
)
def test_as_people_write_them(text, is_):
    assert moment(text, NOW) == datetime.fromisoformat(is_)


def test_none_is_none():
    assert moment(None) is None


WRONG = ["", "yesterday", "7", "0d", "-1h", "2026-02-30", "2026-13-01", "20260331", "2026-W01-1", "2026-03-31T25:00"]
BEYOND = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
HOSTILE = ["٢٠٢٦-01-01", "2026-03-31T08:00:00Z\n", "1h\n", "x" * 1000]


@pytest.mark.parametrize("text", [*WRONG, *BEYOND, *HOSTILE])
def test_what_is_none(text):
    with pytest.raises(Invalid, match="is no time") as told:
        moment(text)
    assert len(str(told.value)) < 200


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.none() | FIXED))  # noqa: DTZ001
def test_what_programs_write_is_read_back(at):
    found = moment(at.isoformat())
    assert found == (at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None))
    assert re.search(PATTERN, at.isoformat())


@given(st.text(max_size=30) | st.from_regex(PATTERN))
def test_anything_is_a_time_or_said_to_be_none(text):
    try:
        assert moment(text).tzinfo is None
    except Invalid:
        return
    assert re.search(PATTERN, text)
