"""The routes of the pages."""

from collections.abc import Sequence

from starlette.routing import Route

from arkwright.pages import account, audit, endpoints, enter, home, inbox, people, releases, runs, talk


def routes() -> Sequence[Route]:
    return [
        *home.routes(),
        *releases.routes(),
        *endpoints.routes(),
        *talk.routes(),
        *people.routes(),
        *inbox.routes(),
        *account.routes(),
        *enter.routes(),
        *audit.routes(),
        *runs.routes(),
    ]
