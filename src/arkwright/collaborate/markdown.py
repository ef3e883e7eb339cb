"""Markdown as it may stand on a page: no HTML of its own, safe links only, nothing that is loaded from elsewhere.

CommonMark (https://spec.commonmark.org) with tables and struck-out text, by markdown-it-py.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from html import escape
from typing import Any
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from arkwright.core.rules import person

MENTION = re.compile(r"(?<![\w@./+-])@([A-Za-z_][A-Za-z0-9_-]{0,63}(?:@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)?)")
_SAFE = re.compile(r"(?:https?://|mailto:|/(?![/\\])|#)", re.IGNORECASE)
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # would turn round what stands after them
PEOPLE = "/people/"


def html(text: str, people: str = PEOPLE, below: int = 0, called: Iterable[str] | None = None) -> str:
    """Safe HTML of a comment. `people`: where a person's page begins; `below`: the level of the heading it stands
    under; `called`: whose pages there are, where only those of some are.
    """
    known = None if called is None else {person(name) for name in called}
    shown = _TURNS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return str(_parser().render(shown, {"people": people, "below": below, "called": known}))


def mentions(text: str) -> tuple[str, ...]:
    """Who is called `@name`, each once, in order; not in code and not in links."""
    inline = (child for token in _parser().parse(text) for child in token.children or ())
    return tuple(dict.fromkeys(token.content for token in inline if token.type == "mention"))


@cache
def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])
    made.validateLink = _safe  # type: ignore[method-assign, assignment]
    made.core.ruler.after("inline", "mention", _mark_mentions)
    made.add_render_rule("image", _image)
    made.add_render_rule("link_open", _link)
    made.add_render_rule("mention", _mention)
    made.add_render_rule("fence", _code)
    made.add_render_rule("code_block", _code)
    made.add_render_rule("th_open", _cell)
    made.add_render_rule("td_open", _cell)
    made.add_render_rule("heading_open", _heading)
    made.add_render_rule("heading_close", _heading)
    return made


def _safe(address: str) -> bool:
    return bool(_SAFE.match(address)) and not re.search(r"[\x00-\x20\\]", address)


def _mark_mentions(state: Any) -> None:
    for block in state.tokens:
        if block.type == "inline":
            block.children = list(_split(block.children or ()))


def _split(tokens: Sequence[Token]) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type != "text" or depth:
            yield token
            continue
        end = 0
        for found in MENTION.finditer(token.content):
            if found.start() > end:
                yield Token("text", "", 0, content=token.content[end : found.start()])
            yield Token("mention", "", 0, content=found[1])
            end = found.end()
        yield Token("text", "", 0, content=token.content[end:])


def _image(_: RendererHTML, tokens: Sequence[Token], place: int, *_rest: Any) -> str:
    """A link to it: what a page loads, it tells where it stands."""
    token = tokens[place]
    address = escape(str(token.attrs.get("src", "")))
    return f'<a href="{address}" rel="nofollow noopener noreferrer">{escape(token.content) or address}</a>'


def _link(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    tokens[place].attrSet("rel", "nofollow noopener noreferrer")
    return renderer.renderToken(tokens, place, options, env)


def _cell(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """The side on which it stands as a class: a page's policy takes no style from an element."""
    side = str(tokens[place].attrs.pop("style", "")).partition(":")[2]
    if side:
        tokens[place].attrSet("class", f"to-{side}")
    return renderer.renderToken(tokens, place, options, env)


def _code(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    """As usual, but it can be scrolled without a mouse."""
    plain = getattr(renderer, tokens[place].type)(tokens, place, options, env)
    return str(plain).replace("<pre>", '<pre tabindex="0">', 1)


def _heading(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    token = tokens[place]
    deeper = token.copy(tag=f"h{min(6, int(token.tag[1]) + env['below'])}")
    return renderer.renderToken([deeper, *tokens[place + 1 : place + 2]], 0, options, env)


def _mention(_: RendererHTML, tokens: Sequence[Token], place: int, _options: Any, env: Any) -> str:
    name = tokens[place].content
    if env["called"] is not None and person(name) not in env["called"]:
        return f"@{escape(name)}"
    return f'<a class="mention" href="{escape(env["people"])}{quote(name)}">@{escape(name)}</a>'
