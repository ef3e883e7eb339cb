"""Discussion: the verbs "threads", "discuss", "amend", "answer", "follow", "people", "inbox" and "seen"."""

import threading

import pytest

from arkwright.api.people.accounts import invite
from arkwright.api.talking.inbox import inbox, seen
from arkwright.api.talking.talk import amend, answer, discuss, follow, people, threads
from arkwright.core.errors import ArkwrightError, Forbidden, Invalid, Refused, Throttled, Unknown, Unproven
from arkwright.core.nouns import Actor
from arkwright.tracking import registry, runs, versions

R = "release:buys@1"


def asked(at):
    at.do(discuss, at.ben, about="buys", text="Is France good enough? @cleo", question=True)
    return at.do(discuss, at.cleo, thread=1, text="It is.")


def test_a_question_and_its_answer(at):
    reply = asked(at)
    (thread,) = at.do(threads, about=R).items
    assert (thread.about, thread.question, thread.answered) == (R, True, False)
    assert [r.text for r in thread.remarks] == ["Is France good enough? @cleo", "It is."]
    with pytest.raises(Forbidden, match="ben, who asked, says what the answer is, or an owner"):
        at.do(answer, at.cleo, comment=reply.id)
    assert at.do(threads, questions=True).items
    assert at.do(answer, at.ben, comment=reply.id).answered
    assert at.do(threads, questions=True).items == ()
    assert [(h.name, h.points) for h in at.do(people)] == [("cleo", 3)]
    at.do(answer, at.ben, comment=reply.id, undo=True)
    assert at.do(threads, questions=True).items
    assert at.do(people) == ()


def test_where_i_spoke_and_what_i_watch(at):
    asked(at)
    at.do(discuss, at.ana, about="model:buys@2", text="?")
    assert [t.id for t in at.do(threads, at.cleo, mine=True).items] == [1]
    assert [t.id for t in at.do(threads, at.ana, mine=True).items] == [3]
    assert [t.id for t in at.do(threads, at.ana, watched=True).items] == [1]  # ana made the release
    assert at.do(threads, at.ben, watched=True).items == ()  # what ben began


def test_one_best_answer(at):
    first = asked(at)
    second = at.do(discuss, thread=1, text="Not quite.")
    at.do(answer, at.ben, comment=first.id)
    thread = at.do(answer, at.ben, comment=second.id)
    assert [r.accepted for r in thread.remarks] == [False, False, True]


def test_nobody_helps_oneself_to_points(at):
    at.do(discuss, at.ben, about=R, text="?", question=True)
    own = at.do(discuss, at.ben, thread=1, text="!")
    at.do(answer, at.ben, comment=own.id)
    with pytest.raises(Forbidden, match="others say whether"):
        at.do(answer, Actor(name="BEN"), comment=own.id, mark="helpful")
    assert at.do(people) == ()


def test_changes_and_deletions(at):
    asked(at)
    with pytest.raises(Forbidden, match="comment 1 is by ben"):
        at.do(amend, at.cleo, comment=1, text="mine")
    at.do(amend, at.ben, comment=1, text="Is Spain?")
    assert at.do(threads, thread=1).items[0].remarks[0].edits[0][1] == "Is France good enough? @cleo"
    at.do(amend, Actor(name="olga", role="owner"), comment=1, delete=True)
    assert at.do(threads, thread=1).items[0].remarks[0].deleted
    with pytest.raises(Refused, match="was deleted"):
        at.do(amend, at.ben, comment=1, text="back")


def test_a_declared_owner_is_none_where_there_are_accounts(at):
    asked(at)
    at.do(invite, name="olga", role="owner")
    with pytest.raises(Unproven):
        at.do(amend, Actor(name="olga", role="owner"), comment=1, delete=True)
    talks = Actor(name="olga", role="owner", proven=True, rights=("look", "talk"))
    with pytest.raises(Forbidden, match="only an owner may delete it"):
        at.do(amend, talks, comment=1, delete=True)
    at.do(amend, Actor(name="olga", proven=True, rights=("look", "talk", "work", "own")), comment=1, delete=True)


def test_what_cannot_be_said(at):
    for text in ("", " \n\t", "\u200b", "a\x00b", "a\x1b[31mb", "\ud800", "x" * 10_001, "\n" * 1_001 + "x"):
        with pytest.raises(Invalid):
            at.do(discuss, about=R, text=text)
    with pytest.raises(Invalid, match="mentions 21 people"):
        at.do(discuss, about=R, text=" ".join(f"@p{n}" for n in range(21)))
    with pytest.raises(Unknown, match="no release is called 'bys'"):
        at.do(discuss, about="release:bys", text="x")
    with pytest.raises(Unknown, match=r"has no finding on 'accuracy >= 0.0'; there is agreement"):
        at.do(discuss, about="model:buys@2#accuracy >= 0.0", text="x")
    with pytest.raises(Unknown, match="no thread 9"):
        at.do(discuss, thread=9, text="x")
    for words in ({}, {"about": R, "thread": 1}):
        with pytest.raises(Invalid, match="one of the two"):
            at.do(discuss, text="x", **words)
    said = at.do(discuss, about=R, text="שלום 👩‍🔬\r\nzwei")
    assert said.text == "שלום 👩‍🔬\nzwei"


def test_too_much_at_once(at):
    for number in range(20):
        at.do(discuss, at.ben, about=R, text=str(number))
    with pytest.raises(Throttled, match="at most 20 things in 1 min"):
        at.do(discuss, Actor(name="Ben"), about=R, text="more")
    at.do(discuss, at.cleo, about=R, text="others may")


def test_numbers_are_given_once(at):
    wrong = []

    def say(name):
        try:
            for _ in range(5):
                at.do(discuss, Actor(name=name), about=R, text="x")
        except ArkwrightError as error:
            wrong.append(error)

    people_ = [threading.Thread(target=say, args=(f"p{n}",)) for n in range(4)]
    for one in people_:
        one.start()
    for one in people_:
        one.join()
    assert wrong == []
    assert sorted(t.id for t in at.do(threads, limit=100).items) == list(range(1, 21))


def whys(at, who):
    return [n.why for n in at.do(inbox, who).notices]


def test_who_is_told(at):
    asked(at)
    assert whys(at, at.cleo) == ["mentioned"]
    assert whys(at, at.ben) == ["commented"]  # who asks watches
    assert whys(at, at.ana) == ["commented", "commented"]  # whose release it is
    at.do(follow, about=R, on=False)
    at.do(discuss, at.ben, thread=1, text="@Ana too?")
    assert whys(at, at.ana) == ["mentioned", "commented", "commented"]
    dora = Actor(name="dora")
    at.do(follow, dora, about="release:buys")
    at.do(discuss, at.ben, thread=1, text="any version")
    assert whys(at, dora) == ["commented"]


def test_read_marks(at):
    asked(at)
    notices = at.do(inbox).notices
    assert at.do(inbox).unread == 2
    assert at.do(seen, notices=(notices[0].seq,)).unread == 1
    assert [n.unread for n in at.do(inbox).notices] == [False, True]
    assert at.do(seen, upto=notices[0].seq).unread == 0
    assert at.do(seen, upto=1).unread == 0
    assert at.do(inbox, at.cleo).unread == 1
    with pytest.raises(Invalid, match="which notices"):
        at.do(seen)


def test_signatures_that_wait(at):
    assert [(w.release, w.roles) for w in at.do(inbox, at.ben).signatures] == [(R, ("model-owner",))]
    assert at.do(inbox).signatures == ()  # the author never counts
    assert at.do(inbox, Actor(name="dora")).signatures[0].roles == ("model-owner", "operations")
    at.do(invite, name="olga", role="owner")
    assert at.do(inbox, Actor(name="erik", proven=True)).signatures == ()
    assert at.do(inbox, Actor(name="erik", proven=True, signs=("operations",))).signatures[0].roles == ("operations",)


def test_questions_on_what_i_watch(at):
    asked(at)
    assert [q.id for q in at.do(inbox).questions] == [1]
    assert at.do(inbox, at.ben).questions == ()


def test_what_clients_logged_is_talked_about_too(at):
    tracking = at.site.tracking
    uid = tracking.submit(runs.begin, experiment=0, name="trial", user="carl").result()
    for name in ("wool", "a@3"):
        tracking.submit(registry.create, name).result()
    tracking.submit(versions.create, "wool", f"runs:/{uid}/m", user="carl").result()
    for about in (f"tracked:{uid}", "registered:wool", "registered:wool@1", "registered:a%403"):
        assert at.do(discuss, about=about, text=f"about {about}").about == about
    at.do(follow, at.cleo, about="registered:wool")
    at.do(discuss, at.ben, about="registered:wool@1", text="Is it fine? @ana", question=True)
    assert [t.id for t in at.do(threads, about="registered:wool").items] == [5, 3, 2]  # of its versions too
    assert [n.about for n in at.do(inbox, at.cleo).notices] == ["registered:wool@1"]
    assert [t.about for t in at.do(threads, about=f"tracked:{uid}").items] == [f"tracked:{uid}"]
    for about, refusal in (
        ("tracked:0f3a", "there is no run"), ("tracked:../x", "invalid run id"), (f"tracked:{uid}#loss", "no findings"),
        ("registered:wol", 'did you mean "wool"'), ("registered:wool@2", "no version 2"),
        ("registered:wool@x", "names no version"), ("registered:../x", "invalid model name"), ("tracked:", "invalid"),
    ):  # fmt: skip
        with pytest.raises((Unknown, Invalid), match=refusal):
            at.do(discuss, about=about, text="?")


def test_nothing_was_logged_here(at):
    with pytest.raises(Unknown, match="no client logged anything here"):
        at.do(discuss, about="tracked:0f3a", text="?")
    assert not (at.site.folder / "tracking").exists()
