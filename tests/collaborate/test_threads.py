"""What a thread says, and who gets points."""

from hypothesis import given
from hypothesis import strategies as st

from arkwright.collaborate.threads import MOST_BETWEEN, fold, helpers
from arkwright.core.nouns import Comment, Mark


def said(number, by, text="x", version=1, **words):
    return Comment(id=number, version=version, thread=1, about="release:late@1", by=by, text=text, **words)


def test_edits_and_deletions_leave_their_history():
    told = [said(1, "ana", "one"), said(1, "ana", "two", version=2), said(1, "ana", "", version=3, deleted=True)]
    (remark,) = fold((str(n), one) for n, one in enumerate(told)).remarks
    assert (remark.text, remark.deleted, remark.edits) == ("", True, (("0", "one"), ("1", "two")))


def test_a_mark_that_is_taken_back_does_not_stand():
    mark = {"comment": 2, "thread": 1, "about": "x", "by": "ana", "what": "accepted"}
    told = [said(1, "ana", question=True), said(2, "ben"), Mark(**mark), Mark(**mark, on=False)]
    assert fold(("t", one) for one in told[:3]).answered
    assert not fold(("t", one) for one in told).answered


@given(st.lists(st.tuples(*[st.sampled_from(["ana", "ben"])] * 2, st.integers(1, 10_000))))
def test_nobody_makes_oneself_an_expert(rows):
    given_ = [(whose, "helpful", by, often) for whose, by, often in rows if whose == by]
    assert helpers(given_) == ()


def test_two_friends_do_not_make_an_expert():
    (ben,) = helpers([("ben", "accepted", "ana", 500)])
    assert ben.points == 3 * MOST_BETWEEN
