"""Every kind of event in one sentence, in words that somebody knows who knows nothing of how it is kept."""

import re
from pathlib import Path

import pytest

import arkwright
from arkwright.core import nouns
from arkwright.core.nouns import (
    Account,
    Comment,
    Decision,
    Endpoint,
    Event,
    Finding,
    Gate,
    Mark,
    Model,
    Proposal,
    Release,
    Reminder,
    Run,
    Watch,
    Webhook,
)
from arkwright.core.record import encode
from arkwright.core.telling import CALLED, kind, tell, tell_you

RUN = {"name": "late", "version": 4, "author": "ana", "started": "", "seed": 1, "code": "", "lock": ""}
LATE = {"name": "late", "version": 3, "digest": "d", "recipe": "r", "run": "run:late@4"}
GATE = Gate(name="production", promises=(), signed_by=("model-owner", "operations"))
ABOUT = {"about": "release:late@3", "by": "ben"}
MARK = {"comment": 7, "thread": 7, **ABOUT}
CHANGE = {"id": 3, "section": "gate", "name": "late", "reason": "why", "by": "ben", "base": "", "digest": ""}
MOVED = {"name": "late", "shares": {"release:late@3": 0.1, "release:late@2": 0.9}, "reason": "try"}
SIGNED = {"release": "release:late@3", "digest": "d", "by": "ben", "role": "operations"}

TOLD = [
    (Model(**LATE, task="classification", format="onnx", files={}), "ben made model:late@3", ""),
    (
        Release(**LATE, model="model:late@2", gate=GATE, author="ben", files={}),
        "ben made release:late@3",
        "It asks for the signatures of model-owner, operations.",
    ),
    (Run(**RUN, state="started"), "ben started run:late@4", ""),
    (Endpoint(**MOVED, version=1), "ben put up endpoint:late with release:late@2 90 %, release:late@3 10 %", "try"),
    (
        Endpoint(name="late", version=2, shares={"release:late@3": 1.0}, shadows=("release:late@4",)),
        "ben moved endpoint:late to release:late@3, release:late@4 as a shadow",
        "",
    ),
    (Endpoint(**MOVED, version=3, stopped="olga"), "olga stopped endpoint:late: nothing answers", "try"),
    (
        Endpoint(name="late", version=4, shares=MOVED["shares"], reason="resumed: fixed", resumed=True),
        "ben let endpoint:late answer again",
        "fixed",
    ),
    (Account(name="cleo", version=1, role="viewer", reason="invited"), "ben invited cleo as a viewer", ""),
    (
        Account(name="cleo", version=2, role="owner", signs=("operations", "law"), reason="grew"),
        "ben made cleo an owner who signs as operations and law",
        "grew",
    ),
    (Account(name="cleo", version=3, role="none", reason="left"), "ben shut out cleo", "left"),
    (Account(name="owner", version=2, role="none", reason=f"{CALLED}ben"), "ben took the place of owner", ""),
    (Account(name="cleo", version=2, role="none", reason=f"{CALLED}ben"), "ben shut out cleo", f"{CALLED}ben"),
    (Account(name="owner", version=2, role="none", reason=f"{CALLED}me"), "ben shut out owner", f"{CALLED}me"),
    (
        Finding(subject="model:late@2", digest="d", promise="roc_auc >= 0.7", verdict="broken", value=0.6),
        "ben measured model:late@2: roc_auc >= 0.7 is broken",
        "found 0.6",
    ),
    (
        Decision(**SIGNED, yes=False, reason="low"),
        "ben refused release:late@3 as operations (declared, not proven)",
        "low",
    ),
    (Decision(**SIGNED, yes=True, reason="", proven=True), "ben signed release:late@3 as operations", ""),
    (Comment(id=1, version=1, thread=1, **ABOUT, text="?", question=True), "ben asked about release:late@3", "?"),
    (Comment(id=1, version=1, thread=1, **ABOUT, text="so"), "ben spoke about release:late@3", "so"),
    (Comment(id=1, version=2, thread=1, **ABOUT, text="."), "ben changed what was said about release:late@3", "."),
    (
        Comment(id=1, version=3, thread=1, **ABOUT, text="", deleted=True),
        "ben took back what was said about release:late@3",
        "",
    ),
    (Mark(**MARK, what="accepted"), "ben accepted an answer about release:late@3", ""),
    (Mark(**MARK, what="answered", on=False), "ben opened a question again about release:late@3", ""),
    (Mark(**MARK, what="helpful"), "ben was helped by what was said about release:late@3", ""),
    (Watch(**ABOUT), "ben watches release:late@3", ""),
    (
        Proposal(**CHANGE, version=1, before="a >= 1", after="a >= 2"),
        "ben made proposal 3 for gate.late: a >= 2 instead of a >= 1",
        "why",
    ),
    (
        Proposal(**CHANGE, version=2, before="a >= 1", after=None, state="refused", answer="no"),
        "ben refused proposal 3 for gate.late: no more a >= 1",
        "no",
    ),
    (
        Reminder(about="release:late@3", people=("cleo",), roles=("operations",), since="", days=2),
        "ben reminds of release:late@3: it has waited 2 days for a signature as operations",
        "cleo can give it.",
    ),
    (
        Webhook(name="ci", version=1, to="https://ci.example/…", format="slack", on=("moves", "runs")),
        "ben set up webhook:ci: https://ci.example/… hears of moves, runs",
        "",
    ),
    (Webhook(name="ci", version=2, to="", format="slack", on=(), active=False), "ben removed webhook:ci", ""),
]

NOUNS = {noun.KIND for noun in vars(nouns).values() if hasattr(noun, "KIND")} - {"artifact", "gate"}


def event(noun=None, *, of="", key="late@3", body=""):
    return Event(seq=9, at="", by="ben", kind=of or noun.KIND, key=key, body=encode(noun) if noun else body, seal="")


@pytest.mark.parametrize(("noun", "sentence", "text"), TOLD, ids=[one[1][4:40] for one in TOLD])
def test_a_sentence(noun, sentence, text):
    said = tell(event(noun))
    assert (said.sentence, said.text) == (sentence, text)


def test_a_run_that_ended():
    said = tell(event(Run(**RUN, state="failed", error="no rows"), key="ended:late@4"))
    assert (said.sentence, said.text) == ("ben ran run:late@4 and it failed", "no rows")


def test_what_stands_beside_is_told_without_its_key():
    assert tell(event(of="turn", key="d/1", body="1")).sentence == (
        "ben took the next turn in which a release is decided on"
    )
    assert kind("turn") == "turn to decide"
    assert kind("release") == "release"


def test_what_nobody_knows_here_is_no_error():
    for said in (tell(event(of="decision", body="{}")), tell(event(of="later", body="x"))):
        assert "wrote something of the kind" in said.sentence


def test_told_to_whom_it_concerns():
    said = event(Comment(id=1, version=1, thread=1, **ABOUT, text="@cleo"))
    assert tell_you(said, "mentioned").sentence == "ben mentioned you, speaking about release:late@3"
    assert tell_you(said, "commented").sentence == "ben spoke about release:late@3"


def test_every_kind_that_is_ever_written_is_known():
    """Every noun; and every word in the code that goes into an Entry for the ledger."""
    assert {type(noun).KIND for noun, *_ in TOLD} >= NOUNS - {"dataset"}
    words = set()
    for path in Path(arkwright.__file__).parent.rglob("*.py"):
        text = path.read_text()
        if "ledger.append" in text and "testing" not in path.parts:
            words |= set(re.findall(r'Entry\("(\w+)"', text))
            for name in re.findall(r"Entry\(([A-Z_]+),", text):
                words |= set(re.findall(rf'^{name} = "(\w+)"', text, re.MULTILINE))
    assert words == {"turn", "owners", "recipe", "signature"}
    assert not [one for one in words if tell(event(of=one, body="1")).says.startswith("wrote something")]
