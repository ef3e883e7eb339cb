"""Whose review counts, and what became of a proposal."""

from dataclasses import replace

import pytest

from arkwright.collaborate.proposals import counts, digest, state
from arkwright.core.nouns import Account, Proposal

ONE = Proposal(id=1, version=2, section="gate", name="g", before=None, after="recall >= 1", reason="x", by="ana",
               base="b", digest="d", state="accepted", reviewer="olga", role="owner", proven=True)  # fmt: skip


def account(role, *signs):
    return Account(name="olga", version=1, role=role, signs=signs)


@pytest.mark.parametrize(
    ("people", "role", "counted"),
    [
        ([], "owner", True),  # there were no accounts yet
        ([(9, account("none"))], "owner", True),  # nor then
        ([(1, account("owner"))], "owner", True),
        ([(1, account("owner")), (3, account("viewer"))], "owner", False),
        ([(1, account("owner")), (9, account("viewer"))], "owner", True),  # later
        ([(1, account("viewer", "operations"))], "operations", True),
        ([(1, account("owner"))], "operations", False),
        ([(1, account("none", "operations"))], "operations", False),
        ([(1, replace(account("owner"), name="otto"))], "owner", False),
    ],
)
def test_a_review_counts_by_what_its_author_was_at_that_moment(people, role, counted):
    assert counts(replace(ONE, role=role), 5, people) is counted


def test_what_was_not_proven_counts_for_nothing_where_there_are_accounts():
    assert not counts(replace(ONE, proven=False), 5, [(1, account("owner"))])


def test_what_became_of_it():
    def word(noun, **said):
        return state(noun, **({"stands": True, "made": False, "counted": True} | said))[0]

    assert word(ONE) == "accepted"
    assert word(ONE, made=True, stands=False) == "applied"
    assert word(ONE, counted=False, made=True) == "void"
    assert word(ONE, stands=False) == "void"
    assert word(replace(ONE, state="open"), stands=False) == "void"
    assert word(replace(ONE, state="open"), made=True) == "open"  # somebody else wrote it: the place tells
    assert word(replace(ONE, state="committed"), stands=False) == "committed"
    assert word(replace(ONE, state="refused"), counted=False) == "refused"


def test_a_digest_is_of_all_that_is_proposed():
    changes = {"after": "recall >= 0.9", "before": "y >= 1", "reason": "z", "base": "c", "name": "h", "section": "data"}
    assert len({digest(replace(ONE, **{word: text})) for word, text in changes.items()} | {digest(ONE)}) == 7
    assert digest(replace(ONE, state="open", version=9)) == digest(ONE)
