"""When something of elsewhere counts as changed, and what is an address."""

import random

from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Invalid
from arkwright.tracking.importing import said
from arkwright.tracking.importing.server import address

pairs = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=6)


def run(params, tags, metrics):
    return said.Run(
        info=said.RunInfo(run_id="r", experiment_id="1"),
        data=said.RunData(
            params=[said.Pair(*pair) for pair in params.items()],
            tags=[said.Pair(*pair) for pair in tags.items()],
            metrics=[said.Metric(key, value, 1, 2) for key, value in metrics.items()],
        ),
    )


@given(pairs, pairs, st.dictionaries(st.text(max_size=5), st.floats(), max_size=6), st.randoms(use_true_random=False))
def test_a_server_may_say_the_same_in_another_order(params, tags, metrics, chance: random.Random):
    one, other = run(params, tags, metrics), run(params, tags, metrics)
    for many in (other.data.params, other.data.tags, other.data.metrics):
        chance.shuffle(many)
    assert said.mark(one) == said.mark(other)


@given(pairs, pairs, pairs, pairs)
def test_whatever_is_said_otherwise_is_noticed(params, tags, other_params, other_tags):
    same = (params, tags) == (other_params, other_tags)
    assert (said.mark(run(params, tags, {})) == said.mark(run(other_params, other_tags, {}))) == same
    assert -(2**63) <= said.mark(run(params, tags, {})) < 2**63


@given(st.text(max_size=40) | st.from_regex(r"https?://[a-z0-9.:@\[\]/?#%\\ -]{0,30}", fullmatch=True))
def test_an_address_is_plain_and_reads_the_same_again(text):
    try:
        found = address(text)
    except Invalid:
        return
    assert address(found) == found
    assert not set(found) & set("@?#\\ \r\n")
    assert found.startswith(("http://", "https://"))
