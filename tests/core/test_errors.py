"""Errors: one tree, bounded, with a near miss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core import errors
from arkwright.core.errors import BY_NAME, LONGEST_MESSAGE, ArkwrightError, did_you_mean


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("Invalid", 422, 2), ("Unknown", 404, 3), ("Refused", 409, 4), ("Missing", 501, 5), ("Away", 503, 16)],
)
def test_status_and_exit_code(name, status, code):
    assert (BY_NAME[name].status, BY_NAME[name].exit_code) == (status, code)


def test_every_error_can_come_back_by_its_name():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ArkwrightError)}
    assert set(BY_NAME.values()) == kinds
    assert len({kind.exit_code for kind in kinds}) == len(kinds)


@given(st.text(max_size=3 * LONGEST_MESSAGE))
def test_every_message_is_bounded(text):
    said = str(ArkwrightError(text))
    assert len(said) <= LONGEST_MESSAGE + 2
    assert said.startswith(text[:LONGEST_MESSAGE])


def test_near_miss():
    assert did_you_mean("recal", ["recall", "precision"]) == '; did you mean "recall"?'
    assert did_you_mean("zzz", ["b", "a"]) == "; there is a, b"
    assert did_you_mean("zzz", []) == ""
    assert did_you_mean("zzz", [str(i) for i in range(100, 120)]).endswith("111 …")
    assert did_you_mean("x", iter(["y1"])) == "; there is y1"
