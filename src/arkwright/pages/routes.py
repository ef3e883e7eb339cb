"""The routes of the pages."""

from collections.abc import Sequence

from starlette.routing import Route

from arkwright.pages import (
    account,
    audit,
    data,
    endpoints,
    enter,
    home,
    inbox,
    ledger,
    linking,
    live,
    logged,
    outside,
    people,
    registered,
    releases,
    requirements,
    runs,
    search,
    talk,
    webhooks,
)


def routes() -> Sequence[Route]:
    return [
        *home.routes(),
        *inbox.routes(),
        *data.routes(),
        *logged.routes(),
        *runs.routes(),
        *releases.routes(),
        *registered.routes(),
        *endpoints.routes(),
        *requirements.routes(),
        *talk.routes(),
        *people.routes(),
        *ledger.routes(),
        *live.routes(),
        *search.routes(),
        *account.routes(),
        *audit.routes(),
        *webhooks.routes(),
        *enter.routes(),
        *outside.routes(),
        *linking.routes(),
    ]
