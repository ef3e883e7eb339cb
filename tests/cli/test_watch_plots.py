"""What a watch noticed, drawn in a terminal: every mark at its time."""

from rich.text import Text

from arkwright.api.watch.alarms import Alarmed
from arkwright.api.watch.over_time import Heat, OverTime, Performance, ReleaseWatched, Timed
from arkwright.cli.watch_plots import HIGH, NAME, WIDE, chart, heat, plots, timeline
from arkwright.core.alarms import Alarm, Reacted
from arkwright.core.nouns import Endpoint
from arkwright.monitor.drifted import Moved
from arkwright.monitor.measured import Found

DAY = 86_400
UNTIL = WIDE * DAY  # a place for each day


def plain(lines):
    """What stands right of the names, without markup."""
    return [Text.from_markup(line).plain[NAME + 1 :] for line in lines]


def found(day, value, low, high):
    return Found("r", "p", day * DAY, 0, "kept", value, low, high, 1, "")


def alarmed(number, begin, end, *acted):
    alarm = Alarm(
        about="late",
        number=number,
        release="release:late@1",
        promise="psi([bold]) < 0.2",
        state="raised",
        value=None,
        low=None,
        high=None,
        n=None,
        note="",
        since="",
        until="",
    )
    done = [(day * DAY, Reacted(alarm=alarm.ref, do="halt", outcome=what, says="")) for day, what in acted]
    stands = Alarmed(alarm=alarm, state="raised" if end is None else "over", raised="")
    return Timed(alarm=stands, begin=begin * DAY, end=end if end is None else end * DAY, acted=tuple(done))


def test_what_was_estimated_stands_beside_what_came_true_and_both_in_their_intervals():
    one = Performance(measure="recall", estimated=(found(3, 1.0, 0.5, 1.0),), realised=(found(3, 0.5, 0.0, 0.5),))
    *rows, times = plain(chart(one, 0, UNTIL))
    assert [row[3:5].ljust(2) for row in rows] == ["● ", "│ ", "│ ", "│ ", "│○", " │", " │", " │", " │"]
    assert all(not row.replace("●", "").replace("○", "").replace("│", "").strip() for row in rows)
    assert (times.split()[0], times.split()[-1], len(times), HIGH) == ("1", "Mar", WIDE, len(rows))
    assert chart(Performance(measure="recall", estimated=(), realised=()), 0, UNTIL) == []


def test_a_column_is_as_dark_as_the_worst_of_its_place():
    cells = {
        ("far", 0): Moved(effect=0.9, chance=0.001),
        ("far", DAY): Moved(effect=0.9, chance=0.2),  # by chance
        ("far", DAY + DAY // 2): Moved(effect=0.03, chance=0.001),
        ("near", 0): Moved(effect=0.01, chance=0.001),
    }
    one = Heat(
        columns=("far", "near"), times=(0, DAY // 2, DAY, DAY + DAY // 2), seconds=DAY // 2, rows={}, cells=cells
    )
    far, near, _ = plain(heat(one, 0, UNTIL))
    assert far[:3] + far[WIDE:] == "█░  90"
    assert near[:3] + near[WIDE:] == "░   1"
    assert heat(Heat(columns=(), times=(0,), seconds=DAY, rows={}, cells={}), 0, UNTIL) == []


def test_an_alarm_is_a_line_for_as_long_as_it_stood_with_what_was_done():
    over, stands, _ = plain(timeline([alarmed(7, 2, 5, (3, "done"), (4, "refused")), alarmed(6, 50, None)], 0, UNTIL))
    assert over == "  ━●○━".ljust(WIDE) + " psi([bold]) < 0.2"
    assert stands[:WIDE] == " " * 50 + "━" * 10
    assert timeline([alarmed(1, -9, -3), alarmed(9, WIDE + 1, None)], 0, UNTIL) == []


def test_everything_has_its_title_and_nothing_that_is_empty():
    one = Performance(measure="recall", estimated=(found(3, 1.0, None, None),), realised=())
    nothing = Heat(columns=(), times=(), seconds=DAY, rows={}, cells={})
    release = ReleaseWatched(
        release="release:late@1", place="live", lines=(), performance=(one,), groups=(), heat=nothing
    )
    endpoint = Endpoint(name="late", version=1, shares={"release:late@1": 1.0})
    seen = OverTime(endpoint=endpoint, since=0, until=UNTIL, alarms=(alarmed(7, 2, 5),), releases=(release,))
    titles = [line for line in plots(seen) if line.startswith("[bold]")]
    assert [title.split(":")[0] for title in titles] == ["[bold]late@1, recall", "[bold]alarms"]
