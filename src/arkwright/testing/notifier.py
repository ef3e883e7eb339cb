"""The contract of the socket `Notifier`. A plug-in's author subclasses it and says how to read what was told."""

from pathlib import Path

import pytest

from arkwright.core.ports import Notifier


class NotifierContract:
    """What every notifier must do."""

    def open(self, folder: Path) -> Notifier:
        """A notifier; what it tells can be read in, or by way of, `folder`."""
        raise NotImplementedError

    def told(self, folder: Path) -> list[tuple[str, str]]:
        """(subject, text) of every notice so far, in order."""
        raise NotImplementedError

    @pytest.mark.parametrize("text", ["moved to 3", "two\nlines", '{"x": "\\u0000"}', "früh ✓", "", "x" * 100_000])
    def test_a_notice_arrives_as_it_was_given(self, tmp_path: Path, text: str) -> None:
        self.open(tmp_path).tell("late", text)
        assert self.told(tmp_path) == [("late", text)]

    def test_notices_keep_their_order(self, tmp_path: Path) -> None:
        for number in range(5):
            self.open(tmp_path).tell(f"subject {number}", str(number))
        assert self.told(tmp_path) == [(f"subject {number}", str(number)) for number in range(5)]
