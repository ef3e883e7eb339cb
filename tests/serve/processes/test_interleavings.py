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
KINDS = ["good", "fails", "starves", "kills", "kills", "tears", "hangs", "hangs", "crashes"]
MOMENTS = [
    "moves",
    "moved",
    "loads",
    "did",
    "stuck",
    "behind",
    "comes",
    "leaves",
    "dead",
    "unopened",
    "tried",
    "deaf",
    "left_out",
    "later",
    "frozen",
]
often = {"forked": [0.0, 0.05, 2.0], "boots": [0.01, 0.1, 1.0], "wire": [0.0, 0.03, 0.6], "idle": [0.0, 2.0]}
often |= {"drains": [0.0, 5.0, 1e9], "exit": [0.0, 0.03, 0.5], "silent": [0.0, 0.3, 1e6], "fails": ["", "", "orphan"]}
births = st.lists(st.builds(Birth, **{name: st.sampled_from(values) for name, values in often.items()}), max_size=4)
any_of, who, names = st.sampled_from, st.integers(0, 3), st.sampled_from("ab")
until = st.tuples(st.just("until"), any_of(MOMENTS), any_of([0.5, 6.0, 20.0]))
wait = st.tuples(st.just("wait"), any_of([0.01, 0.1, 0.3, 1.0, 4.1, 9.0]))
wait |= st.tuples(st.just("turns"), st.integers(1, 8))
pause = until | wait
places = any_of([None, None, 0, 1])
does = st.tuples(st.just("does"), any_of(RELEASES), any_of(KINDS), any_of([0.0, 0.1, 1.0, 3.0]), places)
does |= st.tuples(st.just("does"), any_of(RELEASES), st.just("crashes"), any_of([9.0, 50.0]), places)
kill = st.tuples(st.just("kill"), who)
fault = st.one_of(
    kill, kill, does, st.just(("hup",)), st.tuples(st.just("deafen"), who, st.booleans()),
    st.tuples(st.just("signal"), who, any_of(["SIGTERM", "SIGHUP", "SIGINT"])), st.tuples(st.just("orphan"), who),
    st.tuples(st.just("free"), any_of(RELEASES)), st.tuples(st.just("shut"), st.booleans()),
    st.tuples(st.just("unread"), st.booleans()), st.tuples(st.just("freeze"), who), st.just(("thaw",)),
)  # fmt: skip
order = st.one_of(
    st.tuples(st.just("route"), names, any_of(RELEASES), *[any_of([None, None, *RELEASES])] * 2),
    st.tuples(st.just("remove"), names), st.tuples(st.just("stop"), names),
    st.tuples(st.just("ask"), who, any_of(["load", "unload"]), names),
)  # fmt: skip
FIRST = [[], [], [], [("kill", 0)], [("freeze", 1), ("wait", 9.0)], [("until", "loads", 0.5), ("kill", 1), ("hup",)]]


@st.composite
def moves(draw):
    """To what does something, and perhaps belongs to the other."""
    doing = draw(does)
    return [doing, ("route", draw(any_of([doing[1][0], "a", "b"])), doing[1]), draw(until)]


@st.composite
def leaves_out(draw):
    """What both may need ends or holds up who loads it, and is moved to, away from and back to."""
    release, other, number = draw(any_of(RELEASES)), draw(any_of(RELEASES)), draw(who)
    some = st.builds(
        lambda name, needs: ("route", name, *needs),
        names, any_of([(release,), (other, release), (other, None, release), (other,)]),
    )  # fmt: skip
    does = ("does", release, draw(any_of(["kills", "hangs", "fails"])), 0.0, draw(places))
    steps = [draw(some), ("until", "moved", 6.0), ("wait", 0.3), does, ("kill", number), ("until", "left_out", 20.0)]
    for _ in range(draw(st.integers(1, 3))):
        steps += [draw(some | order), draw(pause)]
    return steps


@st.composite
def stops(draw):
    """While what is older is on its way."""
    name, release = draw(names), draw(any_of(RELEASES))
    steps = [draw(does | fault), ("route", name, release), draw(pause), draw(order), draw(pause), ("stop", name)]
    return [*steps, draw(pause), draw(order | fault), draw(pause)]


scene = st.one_of(
    moves(), moves(), leaves_out(), leaves_out(), stops(), st.tuples(fault, until), st.tuples(fault, wait),
    st.tuples(order, pause),
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def nothing_left():
    yield
    gc.collect()


@settings(
    max_examples=25, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(
    scenes=st.lists(scene, max_size=6),
    births=births,
    ends=any_of(["SIGTERM", "SIGTERM", "SIGTERM", None]),
    places=any_of([2, 2, 3, 1]),
    drain_delay=any_of([0.0, 2.0]),
    early=any_of(FIRST),
    guilty=any_of([(), ("a@2",), ("a@1", "b@2")]),
    gateway=st.booleans(),
)
def test_whatever_happens_in_whatever_order_what_is_served_is_answered(scenes, births, ends, **how):
    tell([step for scene in scenes for step in scene], births, ends, **how)


def test_nobody_waits_for_the_wire_of_who_died_while_it_came():
    """What it forked holds it; what it said last came late, and meanwhile there was more to do."""
    tell([("hup",), ("wait", 0.3), ("route", "b", "b@2"), ("kill", 2)], [Birth(wire=0.6, silent=1e6)])


def test_who_gets_free_just_when_a_move_is_refused_and_hangs_on_its_way_back_answers_no_more_with_what_was_refused():
    """It did what it hung in, which nobody knew yet when it was told to go back."""
    hung = [("does", "a@2", "hangs"), ("route", "a", "a@2"), ("until", "stuck", 6.0), ("does", "a@1", "hangs", 0.0, 1)]
    tell([("kill", 1), ("wait", 2.0), *hung, ("wait", 0.45), ("free", "a@2"), ("wait", 90.0)], [Birth(wire=0.6)])


def test_who_comes_for_the_shadows_just_when_the_server_ends_has_no_successor():
    """The move that needs it waited for another."""
    tell([("route", "a", "b@1"), ("route", "b", "b@1", "a@1"), ("until", "loads", 0.5)], ends=None, places=1)
