"""Versions of registered models: create, find, describe, move to a stage, delete, tag, and where their files are."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import Invalid
from arkwright.mlflow import shapes
from arkwright.mlflow.wire import Given, Many, Pair, answer, done, looked, must, tracking, written
from arkwright.tracking import listing, versions
from arkwright.web.context import actor


class Numbered(Given):
    name: str = ""
    version: str = ""

    @property
    def which(self) -> tuple[str, int]:
        """Raises Invalid."""
        return must(self.name, "name"), number(self.version)


class Create(Given):
    name: str = ""
    source: str = ""
    run_id: str = ""
    run_link: str = ""
    model_id: str = ""
    description: str = ""
    tags: tuple[Pair, ...] = ()


class Update(Numbered):
    description: str = ""


class Move(Numbered):
    stage: str = ""
    archive_existing_versions: bool = False


class Tag(Numbered):
    key: str = ""
    value: str = ""


class Search(Given):
    filter: str = ""
    max_results: Many = 10_000
    order_by: tuple[str, ...] = ()
    page_token: str = ""


def number(text: str) -> int:
    """A version's number. Raises Invalid."""
    must(text, "version")
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Invalid(f"Parameter 'version' must be an integer, got {text[:40]!r}")
    return int(text)


async def create(request: Request, given: Create) -> Response:
    """Whoever asks is the version's user."""
    name = must(given.name, "name")
    made = await written(
        request,
        versions.create,
        name,
        must(given.source, "source"),
        user=actor(request).name,
        run=given.run_id,
        run_link=given.run_link,
        model=given.model_id,
        description=given.description,
        tags=[(tag.key, tag.value) for tag in given.tags],
    )
    return await _answer(request, name, made)


async def get(request: Request, given: Numbered) -> Response:
    return await _answer(request, *given.which)


async def _answer(request: Request, name: str, version: int) -> Response:
    found = await looked(tracking(request).look, versions.get, name, version)
    return answer({"model_version": shapes.version(found)})


async def update(request: Request, given: Update) -> Response:
    await written(request, versions.describe, *given.which, given.description)
    return await _answer(request, *given.which)


async def move(request: Request, given: Move) -> Response:
    stage, archive = must(given.stage, "stage"), given.archive_existing_versions
    await written(request, versions.move, *given.which, stage, archive=archive)
    return await _answer(request, *given.which)


async def delete(request: Request, given: Numbered) -> Response:
    await looked(tracking(request).remove_version, *given.which)
    return done()


async def search(request: Request, given: Search) -> Response:

    def look(db: Any) -> dict[str, Any]:
        found = listing.numbered(
            db, filter=given.filter, order=given.order_by, limit=given.max_results, after=given.page_token
        )
        said = {"model_versions": [shapes.version(one) for one in found.items]}
        return said | ({"next_page_token": found.next} if found.next else {})

    return answer(await looked(tracking(request).look, look))


async def files(request: Request, given: Numbered) -> Response:
    """Where clients find the version's files."""
    name, version = given.which
    found = await looked(tracking(request).look, versions.get, name, version)
    if not found.place:
        raise Invalid(f"{name[:80]!r} is a prompt: it has no files")
    return answer({"artifact_uri": found.place})


async def set_tag(request: Request, given: Tag) -> Response:
    await written(request, versions.tag, *given.which, given.key, given.value)
    return done()


async def delete_tag(request: Request, given: Tag) -> Response:
    await written(request, versions.untag, *given.which, given.key)
    return done()
