"""Whatever happens to the workers, in whatever order: what is refused is answered by nobody, what is stopped neither,
and when it is over every place answers with all that is served.
"""

import gc

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.serve.actor import Birth
from tests.serve.telling import tell

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # who is called off leaves a socket to the collector
RELEASES = ["a@1", "a@2", "a@3", "b@1", "b@2"]
KINDS = ["good", "fails", "kills", "kills", "tears", "hangs", "hangs", "crashes"]
MOMENTS = ["moves", "moved", "loads", "did", "stuck", "behind", "comes", "leaves", "dead", "unopened", "tried", "deaf"]
often = {"forked": [0.0, 0.05, 2.0], "boots": [0.01, 0.1, 1.0], "wire": [0.0, 0.03, 0.6], "idle": [0.0, 2.0]}
often |= {"drains": [0.0, 5.0, 1e9], "exit": [0.0, 0.03, 0.5], "silent": [0.0, 0.3, 1e6], "fails": ["", "", "orphan"]}
births = st.lists(st.builds(Birth, **{name: st.sampled_from(values) for name, values in often.items()}), max_size=4)
any_of, who = st.sampled_from, st.integers(0, 3)
until = st.tuples(st.just("until"), any_of(MOMENTS), any_of([0.5, 6.0]))
wait = st.tuples(st.just("wait"), any_of([0.01, 0.1, 0.3, 1.0, 4.1, 9.0]))
wait |= st.tuples(st.just("turns"), st.integers(1, 8))
does = st.tuples(
    st.just("does"), any_of(RELEASES), any_of(KINDS), any_of([0.0, 0.1, 1.0, 3.0]), any_of([None, None, 0, 1])
)
kill = st.tuples(st.just("kill"), who)
fault = st.one_of(
    kill, kill, does, st.just(("hup",)), st.tuples(st.just("deafen"), who, st.booleans()),
    st.tuples(st.just("signal"), who, any_of(["SIGTERM", "SIGHUP", "SIGINT"])), st.tuples(st.just("orphan"), who),
    st.tuples(st.just("free"), any_of(RELEASES)), st.tuples(st.just("shut"), st.booleans()),
)  # fmt: skip
order = st.one_of(
    st.tuples(st.just("route"), any_of("ab"), st.integers(1, 3), any_of([None, 1, 2])),
    st.tuples(st.just("remove"), any_of("ab")), st.tuples(st.just("stop"), any_of("ab")),
    st.tuples(st.just("ask"), who, any_of(["load", "unload"]), any_of("ab")),
)  # fmt: skip
move = st.tuples(does, until).map(lambda two: [two[0], ("route", two[0][1][0], int(two[0][1][2])), two[1]])
scene = st.one_of(move, move, st.tuples(fault, until), st.tuples(fault, wait), st.tuples(order, until))


@pytest.fixture(autouse=True, scope="module")
def nothing_left():
    yield
    gc.collect()


@settings(
    max_examples=25, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(
    scenes=st.lists(scene, max_size=8),
    births=births,
    ends=any_of(["SIGTERM", "SIGTERM", None]),
    places=any_of([2, 2, 3, 1]),
    drain_delay=any_of([0.0, 2.0]),
)
def test_whatever_happens_in_whatever_order_what_is_served_is_answered(scenes, births, ends, places, drain_delay):
    tell([step for scene in scenes for step in scene], births, ends, places=places, drain_delay=drain_delay)


def test_nobody_waits_for_the_wire_of_who_died_while_it_came():
    """What it forked holds it; what it said last came late, and meanwhile there was more to do."""
    tell([("hup",), ("wait", 0.3), ("route", "b", 2), ("kill", 2)], [Birth(wire=0.6, silent=1e6)])


def test_who_gets_free_just_when_a_move_is_refused_and_hangs_on_its_way_back_answers_no_more_with_what_was_refused():
    """It did what it hung in, which nobody knew yet when it was told to go back."""
    hung = [("does", "a@2", "hangs"), ("route", "a", 2), ("until", "stuck", 6.0), ("does", "a@1", "hangs", 0.0, 1)]
    tell([("kill", 1), ("wait", 2.0), *hung, ("wait", 0.45), ("free", "a@2"), ("wait", 90.0)], [Birth(wire=0.6)])
