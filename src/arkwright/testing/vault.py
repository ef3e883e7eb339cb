"""The contract of the socket `Vault`. A plug-in's author subclasses it in a test file and says how to open one:

class TestMine(VaultContract):
    def open(self, folder):
        return MyVault(f"my://{folder}")
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.ports import Vault
from arkwright.testing.ledger import TEXTS

RACERS = 6
ROUNDS = 20


class VaultContract:
    """What every vault must do."""

    def open(self, folder: Path) -> Vault:
        """The vault that lives in `folder`; opened twice with one folder it is the same one."""
        raise NotImplementedError

    @pytest.fixture
    def vault(self, tmp_path: Path) -> Iterator[Vault]:
        vault = self.open(tmp_path)
        yield vault
        vault.close()

    def test_the_last_put_is_read(self, vault: Vault) -> None:
        assert vault.get("token", "a") is None
        vault.put("token", "a", "1")
        vault.put("token", "a", "2")
        vault.put("session", "a", "another kind")
        assert vault.get("token", "a") == "2"
        assert vault.get("token", "A") is None

    def test_its_stamp_is_another_after_every_change(self, vault: Vault, tmp_path: Path) -> None:
        other = self.open(tmp_path)
        changes: list[Callable[[], object]] = [
            lambda: vault.put("token", "a", "1"),
            lambda: other.put("token", "a", "2"),
            lambda: vault.add("token", "b", "1"),
            lambda: other.swap("token", "a", "2", "3"),
            lambda: vault.remove("token", "a"),
            lambda: other.remove("token", "b"),
        ]
        for change in changes:
            before = vault.stamp()
            assert before == vault.stamp()
            change()
            assert before is None or vault.stamp() != before
        other.close()
        vault.close()
        assert vault.stamp() is None

    def test_it_is_added_once(self, vault: Vault) -> None:
        assert vault.add("token", "a", "1")
        assert not vault.add("token", "a", "2")
        assert vault.add("session", "a", "3")
        assert (vault.get("token", "a"), vault.get("session", "a")) == ("1", "3")

    def test_it_is_swapped_only_for_what_it_is(self, vault: Vault) -> None:
        assert not vault.swap("token", "a", "", "1")
        vault.put("token", "a", "1")
        assert not vault.swap("token", "a", "2", "3")
        assert vault.swap("token", "a", "1", "2")
        assert not vault.swap("token", "a", "1", "3")
        assert vault.swap("token", "a", "2", "2")
        assert vault.get("token", "a") == "2"

    def test_it_is_removed_once(self, vault: Vault) -> None:
        vault.put("token", "a", "1")
        assert vault.remove("token", "a")
        assert not vault.remove("token", "a")
        assert vault.get("token", "a") is None
        assert vault.add("token", "a", "2")

    @pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
    def test_any_text_is_kept_as_it_is(self, vault: Vault, text: str) -> None:
        assert vault.add(text, text, text)
        assert vault.get(text, text) == text
        assert list(vault.find(text, text[:3])) == [(text, text)]
        assert vault.swap(text, text, text, text + "!")
        assert vault.get(text, text) == text + "!"
        assert vault.remove(text, text)

    def test_a_long_body_is_kept_whole(self, vault: Vault) -> None:
        body = "".join(f"{number}," for number in range(200_000))
        vault.put("done", "answer", body)
        assert vault.get("done", "answer") == body

    def test_half_a_character_is_refused(self, vault: Vault) -> None:
        with pytest.raises(Invalid, match="surrogate"):
            vault.put("a", "1", "\ud800")
        with pytest.raises(Invalid, match="surrogate"):
            vault.get("a", "\ud800")
        with pytest.raises(Invalid, match="surrogate"):
            list(vault.find("a", "\ud800"))
        assert list(vault.find("a")) == []

    def test_finding_by_prefix_in_the_order_of_bytes(self, vault: Vault) -> None:
        keys = ["late@9", "late@10", "later", "Late", "l_te", "l%te", "lXte", "late@\U0010ffff", "late@\uffff", "\x00"]
        for key in keys:
            vault.put("a", key, key.upper())
        vault.put("b", "late@1", "")
        assert list(vault.find("a")) == [(key, key.upper()) for key in sorted(keys, key=str.encode)]
        assert [key for key, _ in vault.find("a", "late@")] == ["late@10", "late@9", "late@\uffff", "late@\U0010ffff"]
        assert [key for key, _ in vault.find("a", "l_t")] == ["l_te"]
        assert [key for key, _ in vault.find("a", "l%")] == ["l%te"]
        assert list(vault.find("a", "late@1\uffff")) == []
        assert list(vault.find("c")) == []

    def test_one_may_remove_what_one_walks_through(self, vault: Vault) -> None:
        for number in range(5):
            vault.put("a", str(number), "")
        assert all(vault.remove("a", key) for key, _ in vault.find("a"))
        assert list(vault.find("a")) == []

    def test_what_is_past_its_end_is_not_there(self, vault: Vault) -> None:
        past = time.time() - 1
        vault.put("a", "1", "x", expires=past)
        assert vault.get("a", "1") is None
        assert list(vault.find("a")) == []
        assert not vault.swap("a", "1", "x", "y")
        assert not vault.remove("a", "1")
        vault.put("a", "2", "x", expires=past)
        assert vault.add("a", "2", "y")
        assert vault.get("a", "2") == "y"

    def test_it_ends_at_its_time_and_a_swap_does_not_prolong_it(self, vault: Vault) -> None:
        end = time.time() + 0.4
        vault.put("a", "1", "x", expires=end)
        swapped = vault.swap("a", "1", "x", "y")
        while vault.get("a", "1") is not None:
            assert time.time() < end + 5
        assert time.time() >= end
        assert swapped
        vault.put("a", "3", "x", expires=time.time() + 0.1)
        assert vault.swap("a", "3", "x", "x", expires=time.time() + 3600)
        time.sleep(0.15)
        assert vault.get("a", "3") == "x"  # it was given another end
        vault.put("a", "2", "x", expires=end + 3600)
        vault.put("a", "2", "y")  # put anew, it has no end any more
        assert vault.get("a", "2") == "y"

    def test_sweeping_forgets_only_what_is_past(self, vault: Vault) -> None:
        now = time.time()
        for number in range(4):
            vault.put("a", f"past{number}", "", expires=now - 1)
        vault.put("a", "later", "", expires=now + 3600)
        vault.put("a", "never", "")
        assert vault.sweep() == 4
        assert vault.sweep() == 0
        assert [key for key, _ in vault.find("a")] == ["later", "never"]

    def test_one_at_a_time_has_a_turn(self, vault: Vault, tmp_path: Path) -> None:
        other = self.open(tmp_path)
        with vault.alone("a b/ü") as held:
            assert held is not None
            assert held()
            with other.alone("a b/ü") as second, vault.alone("a b/ü") as third, other.alone("another") as free:
                assert (second, third) == (None, None)
                assert free is not None
            assert held()
        with other.alone("a b/ü") as held:
            assert held is not None
        other.close()

    def test_a_turn_ends_with_its_process(self, vault: Vault, tmp_path: Path) -> None:
        forked = multiprocessing.get_context("fork")
        began, never = forked.Event(), forked.Event()

        def hold() -> None:
            with self.open(tmp_path).alone("watch"):
                began.set()
                never.wait()

        one = forked.Process(target=hold)
        one.start()
        assert began.wait(60)
        with vault.alone("watch") as held:
            assert held is None
        one.kill()
        one.join()
        for _ in range(600):  # a server may need a moment to see that it is gone
            with vault.alone("watch") as held:
                if held is not None:
                    return
            time.sleep(0.1)
        raise AssertionError("nobody had the turn, and nobody got it")

    def test_another_sees_it_at_once_and_after_opening_again(self, vault: Vault, tmp_path: Path) -> None:
        other = self.open(tmp_path)
        vault.put("a", "1", "x")
        assert other.get("a", "1") == "x"
        assert other.swap("a", "1", "x", "y")
        assert not vault.swap("a", "1", "x", "z")
        vault.close()
        other.close()
        again = self.open(tmp_path)
        assert again.get("a", "1") == "y"
        again.close()

    def test_of_many_threads_one_wins(self, vault: Vault, tmp_path: Path) -> None:
        vaults = [vault, self.open(tmp_path)]
        started = Barrier(RACERS)

        def race(number: int) -> list[tuple[bool, ...]]:
            mine = vaults[number % 2]
            started.wait()
            return [_everything(mine, str(round_), str(number)) for round_ in range(ROUNDS)]

        with ThreadPoolExecutor(RACERS) as pool:
            _one_each(list(pool.map(race, range(RACERS))))
        vaults[1].close()

    def test_of_many_processes_one_wins(self, vault: Vault, tmp_path: Path) -> None:
        assert vault.get("none", "") is None
        _one_each(self._race(tmp_path, lambda mine, who: [_everything(mine, str(r), who) for r in range(ROUNDS)]))

    def test_counting_together_loses_nothing(self, vault: Vault, tmp_path: Path) -> None:
        vault.put("count", "er", "0")

        def count(mine: Vault, _: str) -> list[tuple[bool, ...]]:
            done = 0
            while done < ROUNDS:
                old = mine.get("count", "er")
                assert old is not None
                done += mine.swap("count", "er", old, str(int(old) + 1))
            return []

        self._race(tmp_path, count)
        assert vault.get("count", "er") == str(RACERS * ROUNDS)

    def test_a_forked_child_may_use_it(self, vault: Vault) -> None:
        vault.put("a", "parent", "1")
        child = multiprocessing.get_context("fork").Process(target=vault.put, args=("a", "child", "2"))
        child.start()
        child.join()
        assert child.exitcode == 0
        assert list(vault.find("a")) == [("child", "2"), ("parent", "1")]

    def test_a_closed_vault_says_so(self, vault: Vault) -> None:
        vault.close()
        vault.close()
        with pytest.raises(ArkwrightError, match="closed"):
            vault.put("a", "1", "")
        with pytest.raises(ArkwrightError, match="closed"):
            vault.get("a", "1")

    def _race(self, folder: Path, work: Callable[[Vault, str], list[tuple[bool, ...]]]) -> list[list[tuple[bool, ...]]]:
        """What each of many processes came to, each with a vault of its own."""
        forked = multiprocessing.get_context("fork")  # a test's class cannot be sent to a process that starts afresh
        started, answers = forked.Barrier(RACERS), forked.SimpleQueue()

        def run(number: int) -> None:
            mine = self.open(folder)
            started.wait()
            answers.put(work(mine, str(number)))
            mine.close()

        running = [forked.Process(target=run, args=(number,)) for number in range(RACERS)]
        for process in running:
            process.start()
        found = [answers.get() for _ in running]
        for process in running:
            process.join()
        assert [process.exitcode for process in running] == [0] * RACERS
        return found


def _everything(vault: Vault, key: str, who: str) -> tuple[bool, ...]:
    """Add, swap and remove what everybody adds, swaps and removes; which of them this one was told to have done."""
    first = vault.add("race", key, "")
    swapped = vault.swap("race", key, "", who)
    again = vault.add("taken", key, "")
    return first, swapped, again, vault.remove("taken", key)


def _one_each(found: list[list[tuple[bool, ...]]]) -> None:
    for told in zip(*found, strict=True):
        first, swapped, again, removed = (sum(column) for column in zip(*told, strict=True))
        assert (first, swapped) == (1, 1)
        assert again == removed >= 1  # whatever was put there was taken out by one
