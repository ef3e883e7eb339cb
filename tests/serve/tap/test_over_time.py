"""Traffic over time, from the log of predictions."""

from datetime import UTC, datetime, timedelta

import pytest

from arkwright.serve.tap import writer
from arkwright.serve.tap.over_time import begins, over_time
from arkwright.serve.tap.segment import SHADOW

from .conftest import one
from .test_query import done


def seen(place, back=timedelta(minutes=5), seconds=3600):
    now = datetime.now(UTC)
    given = (place.folder, place.store, place.tables, place.scratch())
    return over_time(*given, now - back, now + timedelta(minutes=1), seconds)


def log(place):
    """Of one release 3 answers and a refusal, of its shadow 1; a request of three rows counts once."""
    tap, release = place.tap()
    for number, (took, status) in enumerate(((1000, 200), (2000, 200), (9000, 422))):
        tap.add(release, f"r{number}".encode(), b"ana", *one(number), took, status)
    tap.add(release, b"three", b"ana", b"[" + b",".join([one(1)[0]] * 3) + b"]", many(3), 3000)
    tap.add(release, b"aside", b"ana", *one(7), 500, 200, SHADOW)
    tap.close()


def many(rows):
    prediction = b'{"label":true,"probabilities":{"false":0.25,"true":0.75}}'
    return b'{"predictions":[' + b",".join([prediction] * rows) + b'],"release":"release:late@3"}'


@pytest.mark.parametrize("compacted", [False, True])
def test_counted_by_release_and_slot(place, compacted):
    log(place)
    if compacted:
        done(place)
    found = seen(place, seconds=24 * 3600)  # one slot, unless midnight passes
    shadow = [slot for slot in found if slot.shadow]
    answered = [slot for slot in found if not slot.shadow]
    assert sum(slot.requests for slot in shadow) == 1
    assert sum(slot.requests for slot in answered) == 4
    assert sum(slot.errors for slot in answered) == 1
    if len(answered) == 1:
        assert (answered[0].p50_ms, answered[0].release) == (2.0, "release:late@3")
        assert answered[0].at % (24 * 3600) == 0


def test_nothing_was_logged(place):
    assert seen(place) == ()
    log(place)
    assert seen(place, back=timedelta(minutes=-10)) == ()


def test_the_last_slot_holds_this_moment():
    now = datetime(2026, 11, 29, 8, 0, 30, tzinfo=UTC)
    since, seconds = begins(now, 3600, 60)
    assert (since, seconds) == (datetime(2026, 11, 29, 7, 1, tzinfo=UTC), 60)
    assert since + timedelta(seconds=60 * seconds) > now
    assert begins(now, 30, 60)[1] == 1


def test_an_answer_at_the_end_of_a_slot_is_in_it(place, monkeypatch):
    last = datetime(2026, 3, 29, 0, 59, 59, 700_000, tzinfo=UTC)  # a second before clocks go forward
    with monkeypatch.context() as clock:
        clock.setattr(writer.time, "time_ns", lambda: int(last.timestamp() * 1000) * 10**6)
        log(place)
    done(place)
    given = (place.folder, place.store, place.tables, place.scratch())
    found = over_time(*given, last - timedelta(hours=1), last + timedelta(hours=1), 60)
    assert {slot.at for slot in found} == {datetime(2026, 3, 29, 0, 59, tzinfo=UTC).timestamp()}
