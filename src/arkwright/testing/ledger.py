"""The contract of the socket `Ledger`. A plug-in's author subclasses it in a test file and says how to open one:

class TestMine(LedgerContract):
    def open(self, folder):
        return MyLedger(f"my://{folder}")
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Corrupt, Invalid
from arkwright.core.nouns import Endpoint
from arkwright.core.ports import Entry, Ledger, Taken
from arkwright.core.record import GENESIS, seal

TEXTS = (
    "plain",
    'it\'s "quoted" `x` \\ % _ * ?',
    "line\nbreak\ttab\r\x1b[31m",
    "zero\x00byte",
    "Zürich 東京 🏭 \u202e \ufffd",
    "e\u0301 is not \u00e9",
    " spaces ",
    "x" * 100_000,
)


class LedgerContract:
    """What every ledger must do."""

    def open(self, folder: Path) -> Ledger:
        """The ledger that lives in `folder`; opened twice with one folder it is the same one."""
        raise NotImplementedError

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Iterator[Ledger]:
        ledger = self.open(tmp_path)
        yield ledger
        ledger.close()

    def test_what_is_appended_is_read_back(self, ledger: Ledger) -> None:
        assert ledger.append("ada", [Entry("model", "late@1", '{"a":1}'), Entry("model", "late@2", "{}")]) == 2
        event = ledger.get("model", "late@1")
        assert event
        assert (event.seq, event.by, event.kind, event.key, event.body) == (1, "ada", "model", "late@1", '{"a":1}')
        assert event.at.endswith("+00:00")
        assert event.seal == seal(GENESIS, 1, event.at, "ada", "model", "late@1", '{"a":1}')

    def test_its_stamp_is_another_after_every_append(self, ledger: Ledger, tmp_path: Path) -> None:
        other = self.open(tmp_path)
        for number in range(4):
            before = ledger.stamp()
            assert before == ledger.stamp()
            (ledger, other)[number % 2].append("ada", [Entry("model", str(number), "{}")])
            assert before is None or ledger.stamp() != before
        other.close()
        ledger.close()
        assert ledger.stamp() is None

    @pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
    def test_any_text_is_kept_as_it_is(self, ledger: Ledger, text: str) -> None:
        ledger.append(text, [Entry(text, text, text)])
        event = ledger.get(text, text)
        assert event == ledger.last(text, text[:3]) == next(ledger.find(text))
        assert event
        assert (event.by, event.kind, event.key, event.body) == (text, text, text, text)
        assert ledger.verify() == 1

    def test_half_a_character_is_refused_and_nothing_is_written(self, ledger: Ledger) -> None:
        with pytest.raises(Invalid, match="surrogate"):
            ledger.append("ada", [Entry("a", "1", "good"), Entry("a", "2", "\ud800")])
        assert ledger.verify() == 0

    def test_a_taken_key_refuses_the_whole_append(self, ledger: Ledger) -> None:
        ledger.append("ada", [Entry("model", "late@1", "first")])
        with pytest.raises(Taken):
            ledger.append("bob", [Entry("model", "late@2", "x"), Entry("model", "late@1", "second")])
        with pytest.raises(Taken):
            ledger.append("bob", [Entry("model", "late@3", "x"), Entry("model", "late@3", "y")])
        assert [(e.seq, e.key, e.body) for e in ledger.find()] == [(1, "late@1", "first")]
        assert ledger.append("bob", [Entry("run", "late@1", "another kind")]) == 2

    def test_nothing_appended_writes_nothing(self, ledger: Ledger) -> None:
        assert ledger.append("ada", []) == 0
        ledger.append("ada", [Entry("a", "1", "")])
        assert ledger.append("ada", []) == 1

    def test_the_last_is_the_newest_and_not_the_greatest(self, ledger: Ledger) -> None:
        keys = ("late@9", "late@10", "later@1", "Late@1", "late@2", "l_te@1", "lXte@1", "late@\U0010ffff")
        ledger.append("ada", [Entry("model", key, "") for key in keys])
        ledger.append("ada", [Entry("run", "late@99", "")])
        for prefix, wanted in {
            "late@": "late@\U0010ffff",
            "late@2": "late@2",
            "late@1": "late@10",
            "later@": "later@1",
            "l_te": "l_te@1",
            "": "late@\U0010ffff",
        }.items():
            event = ledger.last("model", prefix)
            assert event
            assert event.key == wanted
        assert ledger.last("model", "late@3") is None
        assert ledger.last("endpoint", "") is None

    def test_finding_by_kind_prefix_and_place(self, ledger: Ledger) -> None:
        for number in range(1, 1203):
            ledger.append("ada", [Entry("ab"[number % 2], f"{number % 3}/{number}", "")])
        assert [e.seq for e in ledger.find()] == list(range(1, 1203))
        assert [e.seq for e in ledger.find("b")] == list(range(1, 1203, 2))
        assert [e.seq for e in ledger.find(prefix="0/")] == list(range(3, 1203, 3))
        assert [e.seq for e in ledger.find("a", "0/", after=1180)] == [1182, 1188, 1194, 1200]
        assert list(ledger.find(after=1202)) == []
        assert list(ledger.find("c")) == []

    def test_one_may_append_while_one_reads(self, ledger: Ledger) -> None:
        ledger.append("ada", [Entry("a", "1", ""), Entry("a", "2", "")])
        for event in ledger.find("a"):
            ledger.append("ada", [Entry("b", event.key, "")])
        assert [e.key for e in ledger.find("b")] == ["1", "2"]

    def test_another_sees_it_at_once_and_after_opening_again(self, ledger: Ledger, tmp_path: Path) -> None:
        other = self.open(tmp_path)
        ledger.append("ada", [Entry("a", "1", "x")])
        assert other.get("a", "1") == ledger.get("a", "1")
        other.append("bob", [Entry("a", "2", "y")])
        ledger.close()
        other.close()
        again = self.open(tmp_path)
        assert [e.by for e in again.find()] == ["ada", "bob"]
        assert again.verify() == 2
        again.close()

    def test_an_old_head_stays_part_of_it(self, ledger: Ledger) -> None:
        assert ledger.head() == f"0:{GENESIS}"
        heads = [ledger.head()]
        for number in range(5):
            ledger.append("ada", [Entry("a", str(number), "")])
            heads.append(ledger.head())
        assert len(set(heads)) == 6
        for head in heads:
            assert ledger.verify(against=head) == 5

    def test_a_head_that_is_not_part_of_it_is_named(self, ledger: Ledger) -> None:
        ledger.append("ada", [Entry("a", "1", ""), Entry("a", "2", "")])
        with pytest.raises(Corrupt, match="event 2 "):
            ledger.verify(against=f"2:{'0' * 64}")
        with pytest.raises(Corrupt, match="3"):
            ledger.verify(against=f"3:{'0' * 64}")
        for nonsense in ("2", "2:zz", "x:" + "0" * 64, "-1:" + "0" * 64):
            with pytest.raises(Invalid, match="anchor"):
                ledger.verify(against=nonsense)

    def test_versions_of_many_threads_have_no_gaps(self, ledger: Ledger, tmp_path: Path) -> None:
        others = [ledger, self.open(tmp_path)]

        def register(number: int) -> int:
            noun = Endpoint(name="late", version=0, shares={}, reason=str(number))
            return versions.add(others[number % 2], f"thread-{number}", noun).version

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(register, range(80)))
        assert sorted(made) == list(range(1, 81))
        assert ledger.verify() == 80
        others[1].close()

    def test_a_closed_ledger_says_so(self, ledger: Ledger) -> None:
        ledger.close()
        ledger.close()
        with pytest.raises(ArkwrightError, match="closed"):
            ledger.append("ada", [Entry("a", "1", "")])
