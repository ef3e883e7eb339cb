"""Types in words for people."""

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from arkwright.core.kinds import in_toml, in_words


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (int | None, "x", "Expected a whole number or nothing, got text"),
        (list[str] | int | None, 1.5, "Expected a whole number, a list or nothing, got a number"),
        (Annotated[int, Meta(le=5)], 9, "Expected a whole number <= 5"),
        (bool, {}, "Expected true or false, got an object"),
        (list[str], [None], "Expected text, got nothing - at `$[0]`"),
        (dict[str, Any], True, "Expected an object, got true or false"),
    ],
)
def test_what_is_expected_and_what_came(kind, given, said):
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.convert(given, kind)
    assert in_words(str(wrong.value)) == said


def test_what_a_field_is_called_stays():
    assert in_words("Object missing required field `date`") == "Object missing required field `date`"


def test_a_file_has_tables_and_no_nothing():
    said = "Expected `bool | object | null`, got `array`"
    assert in_toml(said) == "Expected true or false or a table, got a list"
