"""What was found over time, as a terminal shows it."""

from arkwright.cli.main import main
from arkwright.cli.watch_view import GAP, STEPS, WIDE, spark
from arkwright.cli.words import watch as words
from arkwright.monitor.measured import Found


def found(until, value):
    return Found("r", "p", until, 0, "kept", value, None, None, 1, "")


def test_a_picture_of_what_was_found():
    assert spark([], 0, 10) == ""
    assert spark([found(1, None)], 0, 10) == ""
    rising = [found(n, float(n)) for n in range(WIDE)]
    assert spark(rising, 0, WIDE)[0] == STEPS[0]
    assert spark(rising, 0, WIDE)[-1] == STEPS[-1]
    assert spark([found(WIDE, 3.0)], 0, WIDE) == GAP * (WIDE - 1) + STEPS[0]  # the last moment has room too
    assert spark([found(0, 1.0), found(0, 2.0), found(1, 1.0)], 0, WIDE)[:3] == STEPS[-1] + STEPS[0] + GAP


def test_where_nothing_is_watched_the_places_are_named(monkeypatch, capsys, tmp_path):
    """Brackets are what the file has, not a style."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(words, "watch", lambda *_, **__: ())
    (tmp_path / "arkwright.toml").write_text('project = "a"\nowner = "b"\npurpose = "c"\ncode = "d.py"\n')
    (tmp_path / "d.py").write_text("")
    assert main(["watch"]) == 0
    assert "see promises under [endpoint.NAME], and watch under [data.NAME]" in capsys.readouterr().out
