import pytest

from arkwright.core.visible import visible


@pytest.mark.parametrize("text", ["plain", "früh ✓ 漢字 🙂", "two\nlines", "", "a [b] *c*"])
def test_text_stays(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\tb\r", "a\\tb\\r"),
        ("\u202egpj", "\\u202egpj"),
        ("\x9b2J\x07", "\\x9b2J\\x07"),
        ("\u200b", "\\u200b"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out(text, shown):
    assert visible(text) == shown
