import pytest

from arkwright.core.durations import seconds
from arkwright.core.errors import Invalid


@pytest.mark.parametrize(
    ("text", "found"), [("1s", 1), ("30m", 1800), ("12h", 43_200), ("90d", 7_776_000), ("2w", 1_209_600)]
)
def test_a_span_of_time(text, found):
    assert seconds(text) == found


@pytest.mark.parametrize(
    "text", ["", "0d", "d", "1", "1.5h", "1 h", "-1h", "1y", "1h\n", "\uff11h", "1" * 6 + "h"], ids=repr
)
def test_no_span_of_time(text):
    with pytest.raises(Invalid, match="write a number and one of s, m, h, d, w"):
        seconds(text)
