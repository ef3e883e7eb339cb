"""How results look in a notebook: a real one, and any text in them."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient

import arkwright.notebook  # noqa: F401 - it gives the classes their pictures
from arkwright.api import decide, look
from arkwright.api.build import Again
from arkwright.catalog.pages import Page
from arkwright.core import versions
from arkwright.core.nouns import Dataset, Decision, Endpoint, Finding, Gate, Model, Release, Run
from arkwright.core.rules import Judgement
from arkwright.data.profile.types import ColumnProfile, Frequent, Histogram, Profile
from arkwright.display import MOST_ROWS

EMPTY = {"svg", "rect"}
ALLOWED = EMPTY | {"div", "p", "b", "code", "table", "thead", "tbody", "tr", "th", "td", "span", "details", "summary"}


class Strict(HTMLParser):
    """Every element is one of ours and is closed; no handler, no address, no script."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.text = [], ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert name in {"style", "scope", "open", "x", "y", "width", "height", "fill", "role", "aria-label"}, name
            assert "url" not in (value or "")
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag == "rect"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


CELLS = (
    "import arkwright\nresult = arkwright.run('.', by='ana')\nresult",
    "outcome = result.outcomes['buys']\noutcome",
    "outcome.judgement",
    "outcome.findings[0]",
    "outcome.release",
    "outcome.model",
    "result.run",
    "result.datasets['buyers']",
    "arkwright.why('buys')",
    "arkwright.profile('buyers')",
)


def test_a_real_notebook(at):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    client = NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(at.folder)}})
    client.execute()
    shown = []
    for cell in book.cells:
        (output,) = [one for one in cell.outputs if one.output_type == "execute_result"]
        assert "text/plain" in output.data  # for whoever has no browser
        shown.append(Strict(output.data["text/html"]).text)
    assert "✓ every promise is kept" in shown[0]
    assert "roc_auc >= 0.6" in shown[1]
    assert "✓ keeps every promise, and waits for signatures" in shown[2]
    assert "✓ kept" in shown[3]
    assert "release:buys@1" in shown[4]
    assert "400 rows, 0 in quarantine" in shown[7]
    assert "release:buys@1 at the gate production" in shown[8]
    assert "400 rows × 5 columns" in shown[9]


def test_it_is_told_what_is_not_kept(at):
    at.do(decide.refuse, at.ben, release="buys", reason="<b>too low</b>")
    text = Strict(at.do(decide.why, release="buys")._repr_html_()).text
    assert "✗ does not pass its gate" in text
    assert "ben refused as model-owner: <b>too low</b>" in text
    assert "–" in text
    html = look.profile(at.site, at.ana, at.folder, dataset="buyers")._repr_html_()
    assert html.count("<svg") == 5
    assert Strict(versions.resolve(at.site.ledger, Dataset, "buyers")._repr_html_()).text.startswith("dataset:buyers@1")


def test_a_long_list_is_cut():
    found = tuple(
        Finding(subject="s", digest="", promise=f"p{n}", verdict="kept", value=1.0) for n in range(MOST_ROWS + 5)
    )
    made = Judgement(findings=found, unmeasured=(), signatures=(), unsigned=(), refusals=())
    assert "… and 5 more" in Strict(made._repr_html_()).text


TEXT = st.text(max_size=40) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '" onload="x',
        "'><img src=x onerror=x>",
        "</td></table>",
        "&lt;",
        "\u202egnp",
        "\x1b[31m",
    ]
)


def nouns(text):
    """Every noun with this text wherever a text can be."""
    common = {"name": text, "version": 1, "digest": text, "recipe": text, "run": text}
    gate = Gate(name=text, promises=(text,), signed_by=(text,))
    found = Finding(subject=text, digest=text, promise=text, verdict=text, value=0.5, low=0.4, high=0.6, note=text)
    release = Release(**common, model=text, gate=gate, author=text, files={})
    said = Decision(release=text, digest=text, by=text, role=text, yes=True, reason=text)
    judged = Judgement(
        findings=(found,),
        unmeasured=(text,),
        signatures=(said,),
        unsigned=(text,),
        refusals=(replace(said, yes=False),),
    )
    column = ColumnProfile(name=text, type=text, nulls=1, frequent=(Frequent(value=text, rows=2),), hints=(text,))
    bins = Histogram(low=text, high=text, counts=(1, 0, 5))
    dated = replace(column, smallest=text, largest=text, quantiles={"0.5": text}, histogram=bins)
    yield from (found, release, said, judged, decide.Why(release, judged))
    yield Dataset(**common, rows=1, columns=())
    yield Model(**common, task=text, format=text, files={}, parent=text, facts={text: text})
    yield Run(
        name=text, version=1, author=text, state=text, started=text, seed=1, code="", lock="", error=text, made=(text,)
    )
    yield Page(
        items=(Run(name=text, version=1, author=text, state=text, started=text, seed=1, code="", lock=""),), next="x"
    )
    yield Endpoint(name=text, version=1, shares={text: 1.0}, shadows=(text,), reason=text)
    yield Again(text, {text: text}, {}, lock_changed=False)
    yield Profile(rows=3, sampled=2, bytes=1, columns=(column, dated))


@given(TEXT)
def test_any_text_stays_text(text):
    for noun in nouns(text):
        html = noun._repr_html_()
        Strict(html)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)


@pytest.mark.parametrize("noun", list(nouns("x")), ids=lambda noun: type(noun).__name__)
def test_no_colour_of_a_page_is_taken_for_granted(noun):
    """In a dark notebook too: the background is the notebook's, and so is every colour but that of a bold word."""
    html = noun._repr_html_()
    assert set(re.findall(r"background:(\w+)", html)) <= {"transparent"}
    assert len(re.findall(r"color:#", html)) == len(re.findall(r'<b style="color:#', html))
