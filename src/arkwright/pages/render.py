"""Templates into answers. Everything is escaped; a page may load nothing but our own files and run no inline script."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from arkwright.web import context

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@cache
def _environment() -> Environment:
    folder = Path(__file__).parent / "templates"
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def page(request: Request, template: str, *, status: int = 200, **words: Any) -> Response:
    at, known = context.context(request), context.known(request)
    words = {"problem": None, "me": known.account if known else None, "at": at, "path": request.url.path} | words
    text = _environment().get_template(template).render(**words)
    return HTMLResponse(text, status, {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})
