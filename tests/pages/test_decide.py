"""Home, releases and endpoints: what is decided on pages, over a real control room."""

import re
from dataclasses import replace

import pytest
from tests.pages.test_runs import worker
from tests.rest.test_jobs import until

from arkwright.core import versions
from arkwright.core.nouns import Endpoint, Finding, Model, Release

R, D = "/releases/buys@1", re.compile(r'name="digest" value="([0-9a-f]{64})"')


def seen(house, by):
    """The digest in the form that this person is shown."""
    return D.search(house.page(R, by=by)[1])[1]


def version(house):
    return re.search(r'name="version" value="(\d+)"', house.page("/endpoints/buys")[1])[1]


@pytest.fixture(scope="module")
def decided(house):
    """Where people signed, promoted, refused and tried, in order: whichever test comes first has it lived through."""
    live_through(house)
    return house


def test_from_a_signature_to_the_way_back(decided):
    told = decided.page(R)[1]
    assert "counts no more" in told
    assert "enough now" in told


def live_through(house):
    _, home = house.page("/", by="ben")
    assert "Sign buys@1" in home
    assert "Nothing waits for you" in house.page("/", by="vera")[1]
    digest = seen(house, "ben")
    status, text = house.send(f"{R}/sign", by="ben", role="model-owner", digest="0" * 64)
    assert (status, "is not what you looked at" in text) == (409, True)
    status, text = house.send(f"{R}/refuse", by="ben", role="model-owner", digest="0" * 64, reason="too <few>")
    assert (status, ">too &lt;few&gt;</textarea>" in text) == (409, True)
    _, text = house.send("/releases/buys/refuse", by="ben", role="model-owner", digest="0" * 64, reason="too few")
    assert ">too few</textarea>" in text, "also where the address names no version"
    status, text = house.send(f"{R}/refuse", by="ben", role="model-owner", digest=digest, reason="")
    assert (status, "a refusal needs a reason" in text) == (422, True)
    house.send(f"{R}/refuse", by="ben", role="model-owner", digest=digest, reason="too <b>few</b> rows")
    assert "too &lt;b&gt;few&lt;/b&gt; rows" in house.page(R)[1]
    status, place = house.send(f"{R}/sign", by="ben", role="model-owner", digest=digest, reason="enough now")
    assert (status, "ben signed release:buys@1" in house.said) == (303, True)
    assert "pay here" not in house.page(place + "?done=pay+here")[1]
    text = house.page(R)[1]
    assert "counts no more" in text  # the refusal, in the history
    assert "no signature yet as operations" in text
    status, text = house.send(f"{R}/promote")
    assert (status, "say why it takes over" in text) == (422, True)
    first = {"release": "release:buys@1", "endpoint": "buys", "version": "0", "how": "terms", "sure": "yes"}
    assert house.send(f"{R}/promote", reason="now", **first)[0] == 409
    house.send(f"{R}/sign", by="cleo", role="operations", digest=digest)
    assert "It may be deployed" in house.page(R)[1]
    assert 'name="version" value="0"' in house.page(R)[1]
    assert house.send(f"{R}/promote", by="vera", reason="now", **first)[0] == 403
    assert house.send(f"{R}/promote", reason="both <b>countries</b> \u202eof emases", **first)[0] == 303
    status, text = house.send(f"{R}/promote", reason="of a page that is old", **first)
    assert (status, "is at version 1, not 0" in text) == (412, True)
    text = house.page("/endpoints/buys")[1]
    assert "release:buys@1" in text
    assert "promoted: both &lt;b&gt;countries&lt;/b&gt; \\u202eof emases" in text
    assert "\u202e" not in text + house.page("/ledger")[1] + house.page("/")[1], "nothing is turned round"
    now = version(house)
    sent = first | {"how": "all", "version": now, "reason": "a"}
    for place in ("/endpoints/buys/promote", f"{R}/promote"):  # the same form, and the same care
        for changed, code, said in (
            ({"version": "7"}, 412, f"is at version {now}, not 7"),
            ({"how": "share", "share": "x"}, 422, "is no share"),
            ({"how": "all", "share": "10"}, 422, "was typed, but not chosen"),
            ({"how": "soon"}, 422, "say how it takes over"),
            ({"sure": ""}, 422, "confirm that buys moves"),
            ({"reason": ""}, 422, "say why it takes over"),
        ):
            status, text = house.send(place, **sent | changed)
            assert (status, said in text) == (code, True), (place, changed)
    typed = sent | {"version": "7", "how": "share", "share": "12.5", "reason": 'it took me "long" to write'}
    for place in ("/endpoints/buys/promote", f"{R}/promote"):  # moved by somebody else meanwhile
        status, text = house.send(place, **typed)
        form = text.partition(f'action="{place}"')[2].partition("</form>")[0]
        assert status == 412
        assert f'name="version" value="{now}"' in form
        assert ">it took me &#34;long&#34; to write</textarea>" in form
        assert 'name="how" value="share" checked' in form
        assert 'name="share" inputmode="decimal" value="12.5"' in form
        assert 'name="sure" value="yes" required' in form, "whoever sends it again looks again"
        assert text.count("to write</textarea>") == 1, "in no other form"
    back = {"reason": "errors", "version": now, "sure": "yes"}
    for changed, code, said in (
        ({"reason": ""}, 422, "say why"),
        ({"sure": ""}, 422, "confirm that buys answers as before"),
        ({}, 409, "nothing to go back to"),
    ):
        status, text = house.send("/endpoints/buys/rollback", **back | changed)
        assert (status, said in text) == (code, True), changed
    assert "so there is nothing to go back to" in house.page("/endpoints/buys")[1]
    _, text = house.send("/endpoints/buys/stop", reason="it says <yes>")  # not confirmed
    assert re.search(
        r'<details class="act danger" open>(?:(?!</details>).)*>it says &lt;yes&gt;</textarea>', text, re.DOTALL
    )
    assert house.send("/endpoints/buys/rollback", by="carl", reason="errors")[0] == 403
    hostile = {"row.country": '"><script>alert(1)</script>', "row.spent": "much", "row.age": ""}
    status, text = house.send("/endpoints/buys/try", **hostile)
    assert (status, "spent: &#39;much&#39; is no number" in text) == (422, True)
    assert 'value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in text  # what was typed stays
    assert "<script>alert" not in house.send("/endpoints/buys/try", **hostile | {"row.spent": "1.5"})[1]
    status, text = house.send("/endpoints/buys/stop", reason="it answers nonsense")
    assert (status, "confirm that nothing is to answer" in text) == (422, True)
    assert house.send("/endpoints/buys/stop", reason=" ", sure="yes")[0] == 422
    assert house.send("/endpoints/buys/stop", by="carl", reason="because", sure="yes")[0] == 403
    assert house.send("/endpoints/buys/stop", reason="it answers <i>nonsense</i>", sure="yes")[0] == 303
    assert "it answers &lt;i&gt;nonsense&lt;/i&gt;" in house.page("/", by="vera")[1]  # an alarm
    assert house.send("/endpoints/buys/resume", reason="repaired", version=version(house))[0] == 303
    told = house.page("/", by="vera")[1]
    assert "as model-owner" in told
    assert "enough now" in told
    assert "buys@1 100 %" in told


def test_a_release_is_compared_and_its_card_is_read(decided):
    status, text = decided.page("/releases/buys@1/compare?with=buys@1")
    assert (status, "Nothing differs" in text) == (200, True)
    assert decided.page("/releases/buys@1/compare?with=bus@1")[0] == 404
    text = decided.page(R)[1]
    assert "<h3>buys</h3>" in text  # the card, below a heading of the page
    assert "pipeline_tag" not in text


def test_traffic_over_time(decided):
    assert decided.page("/endpoints/buys/traffic")[0] == 200
    assert decided.page("/endpoints/buys/traffic?span=1y")[0] == 422
    assert decided.page("/endpoints/buys/traffic?span=1s")[0] == 422
    assert decided.page("/endpoints/bus/traffic")[0] == 404


def test_only_what_one_of_both_promises_is_compared(decided):
    ledger = decided.at.site.ledger
    live = versions.resolve(ledger, Release, "buys@1")
    digest = versions.resolve(ledger, Model, live.model).digest
    gate = replace(live.gate, promises=("roc_auc >= 0.6", "recall >= 0.1"))
    added = versions.add(ledger, "ana", replace(live, gate=gate))
    told = [("recall >= 0.1", 0.4), ("brier <= 0.9", 0.2)]  # the second one nobody promises
    found = [Finding(subject=live.model, digest=digest, promise=p, verdict="kept", value=v) for p, v in told]
    versions.add_findings(ledger, "ana", found)
    text = decided.page(f"/releases/buys@{added.version}")[1]
    table = text[text.index('id="against"') :].partition("</section>")[0].replace("&gt;", ">").replace("&lt;", "<")
    assert re.findall(r"<code>(.*?)</code>", table) == ["roc_auc >= 0.6", "recall >= 0.1", "agreement >= 0.9"]


def test_shares_over_time_are_drawn_and_told(decided):
    site, one, two = decided.at.site, "release:buys@1", "release:buys@2"
    moves = (({one: 1.0}, ""), ({one: 0.75, two: 0.25}, ""), ({one: 0.75, two: 0.25}, "ana"))
    for number, (shares, stopped) in enumerate(moves, 1):
        versions.move(site.ledger, "ana", Endpoint(name="drawn", version=number, shares=shares, stopped=stopped))
    status, text = decided.page("/endpoints/drawn")
    assert status == 200
    figure = text[text.index("<figure", text.index("How it came about")) :].partition("</figure>")[0]
    assert 'data-chart="time" data-steps' in figure
    assert re.findall(r'<th scope="col" class="number">(.*?)</th>', figure) == ["buys@1", "buys@2"]
    rows = [re.findall(r'class="number" data-v="(.*?)"', row) for row in figure.split("<tr>")[2:]]
    assert rows == [["100.0", "0.0"], ["75.0", "25.0"], ["0.0", "0.0"], ["0.0", "0.0"]]
    assert ">now<" in figure


RULES = """
safeguards = [
  { name = "rich", when = "spent > 5000", answer = "review", because = "<b>too dear</b> to guess" },
  { name = "young", when = "age < 18", answer = 0, because = "children buy nothing" },
]
"""


def test_the_safeguard_that_answered_is_told_where_one_tries(decided):
    toml = decided.at.folder / "arkwright.toml"
    toml.write_text(toml.read_text().rstrip() + RULES)
    made = decided.at.run(by=worker("ana")).outcomes["buys"].release
    page = f"/releases/buys@{made.version}"
    for name, role in (("ben", "model-owner"), ("cleo", "operations")):
        assert decided.send(f"{page}/sign", by=name, role=role, digest=made.digest, reason="safer")[0] == 303
    sent = {"release": made.ref, "endpoint": "buys", "version": version(decided), "how": "terms", "sure": "yes"}
    moved = decided.send(f"{page}/promote", reason="with safeguards", **sent)
    assert moved[0] == 303

    def tried(spent, age):
        row = {"row.id": "1", "row.country": "NL", "row.spent": spent, "row.age": age}
        return decided.send("/endpoints/buys/try", by="carl", **row)[1].partition('id="answer"')[2]

    text = until(lambda: (said := tried("9000", "40")) and "Rule that fired" in said and said)
    assert "<dd>rich: &lt;b&gt;too dear&lt;/b&gt; to guess</dd>" in text
    assert "<dt>Review</dt><dd>a person has to look at it</dd>" in text
    text = tried("10", "7")
    assert "<dd>young: children buy nothing</dd>" in text
    assert "Review" not in text
    text = tried("10", "40")
    assert "The endpoint answers" in text
    assert "Rule that fired" not in text
