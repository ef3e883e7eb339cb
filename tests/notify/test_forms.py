"""An event as receivers take it; the judge of CloudEvents is its own SDK."""

import json
import re

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.nouns import Comment, Decision, Event, Finding, Run
from arkwright.core.record import encode
from arkwright.notify import choice, forms, hooks
from arkwright.notify.forms import body, cloudevent, message_id
from arkwright.notify.words import LONGEST_TEXT, LONGEST_TITLE, told

DECISION = Decision(release="release:late@3", digest="d", by="ben", role="operations", yes=False, reason="<b> *YV* low")
RUN = Run(name="late", version=4, author="ana", state="failed", started="", seed=1, code="", lock="", error="no rows")
FINDING = Finding(subject="model:late@2", digest="d", promise="roc_auc >= 0.7", verdict="broken", value=0.6)


def event(noun=DECISION, *, kind=None, raw=None, seq=53):
    return Event(
        seq=seq,
        at="2026-11-29T08:00:00.123+00:00",
        by="ben",
        kind=kind or noun.KIND,
        key="k",
        body=raw if raw is not None else encode(noun),
        seal="ab" * 32,
    )


def page(reference):
    return f"https://room.example/{reference.replace(':', 's/')}"


def test_a_cloudevent_is_one():
    sent, kind = body("cloudevents", event(), "urn:arkwright:abc", page)
    found = from_structured(HTTPMessage(headers={"content-type": kind}, body=sent), JSONFormat())
    assert found.get_specversion() == "1.0"
    assert found.get_id() == message_id(event()) == "53-abababababababab"
    assert found.get_type() == "io.github.arkwright-ai.decision"
    assert found.get_source() == "urn:arkwright:abc"
    assert found.get_subject() == "release:late@3"
    assert found.get_time().isoformat() == "2026-11-29T08:00:00.123000+00:00"
    assert found.get_extension("sequence") == f"{53:019}"
    data = found.get_data()
    assert data["noun"]["reason"] == "<b> *YV* low"
    assert (data["by"], data["seq"], data["kind"], data["key"]) == ("ben", 53, "decision", "k")
    assert data["url"] == "https://room.example/releases/late@3"


def test_what_is_not_json_or_too_large_is_sent_all_the_same():
    told_ = json.loads(body("cloudevents", event(kind="recipe", raw="late@3"), "urn:x", page)[0])
    assert told_["data"]["noun"] == "late@3"
    large = json.loads(body("cloudevents", event(kind="card", raw=json.dumps("x" * (1 << 20))), "urn:x", page)[0])
    assert large["data"]["noun"] is None
    assert len(json.dumps(large)) < 4096


def nothing(_reference):
    return None


def test_it_is_told_as_everywhere():
    said = told(event())
    assert said.title == "ben refused release:late@3 as operations (declared, not proven)"
    assert (said.text, said.about) == ("<b> *YV* low", "release:late@3")
    assert told(event(SAID), "mentioned").title == "ben mentioned you, speaking about release:late@3"
    assert told(event(kind="decision", raw="{}")).about == "decision:k"


def test_what_words_choose():
    assert choice.known(()) == choice.USUAL
    assert choice.wants(["alarms"], event(FINDING))
    assert choice.wants(["alarms"], event(RUN))
    assert choice.wants(["alarms"], event(kind="alarm", raw="{}"))
    kept = Finding(subject="model:late@2", digest="d", promise="p", verdict="kept", value=1.0)
    assert not choice.wants(["alarms"], event(kept))
    assert choice.wants(["findings"], event(kept))
    assert not choice.wants(["alarms", "moves"], event())
    assert choice.wants(["everything"], event(kind="recipe", raw="x"))
    assert choice.wants(["alarms"], event(kind="finding", raw="x"))  # who cannot read it had better look


@pytest.mark.parametrize(("form", "hears"), [("cloudevents", 1), *((form, 0) for form in forms.CHATS)])
def test_a_chat_is_not_told_what_only_keeps_order(form, hears):
    said = hooks.Receiver(hooks.new("ci", 1, "https://a.example", form, ("everything",)), "urn:x", page, ())
    assert len(said.parts(event(kind="turn", raw="{}"))) == hears
    assert len(said.parts(event())) == 1


HOSTILE = (
    "<!channel> <@U1> <https://evil.example|click> &lt; *b* _i_ @here [x](https://evil.example) ![](x) {{DATE(x)}}"
)
SAID = Comment(id=1, version=1, thread=1, about="release:late@3", by="ben", text=HOSTILE)


def test_slack_marks_nothing_up_that_people_wrote():
    sent = json.loads(body("slack", event(SAID), "urn:x", page)[0])
    title, text, context = sent["blocks"]
    assert text["text"] == {"type": "plain_text", "text": HOSTILE, "emoji": False}
    assert title["text"]["type"] == "plain_text"
    assert context["elements"][0]["text"] == "<https://room.example/releases/late@3|release:late@3>"
    evil = Decision(release="release:late@3", digest="d", by="<!channel>", role="&", yes=True, reason="")
    assert "<" not in json.loads(body("slack", event(evil), "urn:x", nothing)[0])["text"]


def test_teams_is_an_adaptive_card_without_markdown():
    sent = json.loads(body("teams", event(SAID), "urn:x", page)[0])
    (card,) = sent["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    kinds = {one["type"] for one in card["content"]["body"]}
    assert kinds == {"RichTextBlock"}
    assert card["content"]["actions"][0]["url"] == "https://room.example/releases/late@3"
    assert "{{" not in json.dumps(sent)


def test_mattermost_escapes_markdown_and_calls_nobody():
    text = json.loads(body("mattermost", event(SAID), "urn:x", page)[0])["text"]
    assert "@here" not in text
    assert "\\[x\\]\\(https" in text
    assert text.endswith("[release\\:late@\u200b3](https://room.example/releases/late@3)")


@pytest.mark.parametrize("form", forms.FORMS)
@given(st.text(max_size=300), st.text(max_size=5000))
def test_any_text_is_told_bounded_and_visible(form, by, text):
    noun = Decision(release="release:late@3", digest="d", by=by, role="r", yes=True, reason=text)
    try:
        made = event(noun)
    except UnicodeEncodeError:  # half a character never gets on record
        return
    said = told(made)
    assert len(said.title) <= LONGEST_TITLE
    assert len(said.text) <= LONGEST_TEXT
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", said.title + said.text)
    assert "\n" not in said.title
    sent, _ = body(form, made, "urn:x", page)
    json.loads(sent)


def test_a_link_is_left_out_where_there_is_no_page():
    assert "url" not in cloudevent(event(), "urn:x", nothing)["data"]
    assert "actions" not in json.loads(body("teams", event(), "urn:x", nothing)[0])["attachments"][0]["content"]
