"""Comments on a page: no script, no address that runs, no HTML of theirs, nothing loaded from elsewhere."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arkwright.collaborate.markdown import html, mentions

TAGS = {"p", "a", "em", "strong", "s", "code", "pre", "ul", "ol", "li", "blockquote", "br", "hr", "table", "thead"}
TAGS |= {"tbody", "tr", "th", "td", *(f"h{n}" for n in range(1, 7))}
ATTRIBUTES = {"href", "rel", "class", "title", "tabindex", "start"}


class Strict(HTMLParser):
    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, name
            if name == "href" and value:  # without: the page itself
                assert value.lower().startswith(("http://", "https://", "mailto:", "/", "#")), value
                assert not value.startswith(("//", "/\\")), value
            if name == "tabindex":
                assert (tag, value) == ("pre", "0")

    def handle_decl(self, decl):
        raise AssertionError(decl)

    handle_pi = unknown_decl = handle_comment = handle_decl


PIECES = st.sampled_from(
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "JaVaScRiPt&#58;alert(1)",
        "[x](", "![x](", ")", "<", ">", '"', "'", "`", "```\n", "@ana", "@ben@example.org",
        "data:text/html,x",
        "//evil", "/\\evil", "https://a.example", "[r]: javascript:x\n", "[r]", "&lt;", "&#x6A;",
        "| a | b |\n|---|:-:|\n",
        "| x ", "\n", "\n\n", "> ", "* ", "1. ", "<!--", "-->", "<?x", "<![CDATA[", "&Tab;", "\u202e", "\0",
        "**", "~~",
    ]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=25).map("".join))
@settings(max_examples=500, deadline=None)
def test_nothing_bad_survives(text):
    parser = Strict(convert_charrefs=True)
    parser.feed(html(text))
    parser.close()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ask @ana.", '<p>ask <a class="mention" href="/people/ana">@ana</a>.</p>\n'),
        ("`@ana`", "<p><code>@ana</code></p>\n"),
        ("![c](https://a.example)", '<p><a href="https://a.example" rel="nofollow noopener noreferrer">c</a></p>\n'),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("a\u202eb", "<p>a\\u202eb</p>\n"),
        ("שלום 👩‍🔬", "<p>שלום 👩‍🔬</p>\n"),
    ],
)  # fmt: skip
def test_html(text, wanted):
    assert html(text) == wanted


def test_mentions():
    text = "@ana and @ben@example.org, @ana; mail c@d.example, `@no` [@no](https://x.example) (@cleo)"
    assert mentions(text) == ("ana", "ben@example.org", "cleo")


def test_only_who_is_called_has_a_page():
    said = html("@Ana, @here", called=("ana",))
    assert said == '<p><a class="mention" href="/people/Ana">@Ana</a>, @here</p>\n'


def test_headings_stand_below_the_one_above_them():
    assert html("# a\n\n###### b", below=2) == "<h3>a</h3>\n<h6>b</h6>\n"
    assert html("# a") == "<h1>a</h1>\n"


def test_nothing_needs_a_style_of_its_own():
    assert html("| a | b |\n|:-:|--:|\n| 1 | 2 |").count('class="to-') == 4
    assert "style" not in html("| a |\n|:-:|\n| 1 |")
    assert html("```\nx\n```").startswith('<pre tabindex="0">')
