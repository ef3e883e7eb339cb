"""What is kept of what a walk said and what its code printed."""

import pytest

from arkwright.line import log as module
from arkwright.line.log import Log


@pytest.fixture
def kept(tmp_path):
    told = []
    made = Log(tmp_path / "run.log", told.append)
    made.told = told
    made.path.touch()
    yield made
    made.close()


def lines(log):
    """Without the times."""
    return [f"· {line[11:]}" if line.startswith("· ") else line for line in log.text().splitlines()]


def printed(log, text):
    with log.path.open("ab") as file:
        file.write(text.encode())


def test_steps_stand_among_what_was_printed_then(kept):
    kept.say("read buyers")
    printed(kept, "one\ntwo\n")
    kept.say("fit buys")
    printed(kept, "three")
    kept.note("finished")
    assert lines(kept) == ["· read buyers", "one", "two", "· fit buys", "three", "· finished"]
    assert kept.told == ["read buyers", "fit buys"]  # a note is for readers only


def test_it_reads_as_a_terminal_would_have_left_it(kept):
    printed(kept, " 10 %\r 50 %\r100 %\r\n\x1b[31mred\x1b[0m\n\x1b]0;title\x07\na\tb\n\xff\u202eolleh\n")
    assert lines(kept) == ["100 %", "red", "\\x1b]0;title\\x07", "a       b", "ÿ\\u202eolleh"]


def test_much_is_kept_as_its_beginning_and_its_end(kept, monkeypatch):
    monkeypatch.setattr(module, "HEAD", 100)
    monkeypatch.setattr(module, "TAIL", 200)
    kept.say("begins")
    for number in range(1000):
        if number == 500:
            kept.say("in the middle")
        printed(kept, f"line {number}\n")
    kept.note("finished")
    found = lines(kept)
    assert found[:3] == ["· begins", "line 0", "line 1"]
    assert found[-2:] == ["line 999", "· finished"]
    assert "· in the middle" in found
    (said,) = (line for line in found if "not kept" in line)
    numbers = [int(line[5:]) for line in found if line.startswith("line ")]
    assert numbers == sorted(set(numbers))
    assert sum(len(f"line {n}\n") for n in range(1000) if n not in numbers) == int(said.split()[1].replace(",", ""))
    assert len(kept.text()) < 600


def test_secrets_are_masked(kept, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "hunter2hunter2")
    kept.say("read postgresql://ana:geheim@db/shop")
    printed(kept, "connecting with hunter2hunter2\n")
    text = kept.text()
    assert "geheim" not in text
    assert "hunter2" not in text
    assert "postgresql://ana:•••@db/shop" in text
