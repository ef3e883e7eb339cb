"""Registered models: create, find, rename, describe, delete, tag, alias."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from arkwright.mlflow import shapes
from arkwright.mlflow.versions import number
from arkwright.mlflow.wire import Given, Many, Pair, answer, done, looked, must, tracking, written
from arkwright.tracking import listing, registry, versions


class Named(Given):
    name: str = ""

    @property
    def model(self) -> str:
        """Raises Invalid."""
        return must(self.name, "name")


class Create(Named):
    description: str = ""
    tags: tuple[Pair, ...] = ()


class Update(Named):
    description: str = ""


class Rename(Named):
    new_name: str = ""


class Tag(Named):
    key: str = ""
    value: str = ""


class Alias(Named):
    alias: str = ""


class SetAlias(Alias):
    version: str = ""


class Latest(Named):
    stages: tuple[str, ...] = ()


class Search(Given):
    filter: str = ""
    max_results: Many = 100
    order_by: tuple[str, ...] = ()
    page_token: str = ""


async def create(request: Request, given: Create) -> Response:
    tags = [(tag.key, tag.value) for tag in given.tags]
    await written(request, registry.create, given.model, given.description, tags)
    return await _answer(request, given.name)


async def get(request: Request, given: Named) -> Response:
    return await _answer(request, given.model)


async def _answer(request: Request, name: str) -> Response:
    return answer({"registered_model": await looked(tracking(request).look, _shown, name)})


def _shown(db: Any, name: str) -> dict[str, Any]:
    found = registry.get(db, name)
    return shapes.registered(found, versions.latest_of(db, [found.id]))


async def update(request: Request, given: Update) -> Response:
    await written(request, registry.change, given.model, description=given.description)
    return await _answer(request, given.name)


async def rename(request: Request, given: Rename) -> Response:
    new = must(given.new_name, "new_name")
    await written(request, registry.change, given.model, new=new)
    return await _answer(request, new)


async def delete(request: Request, given: Named) -> Response:
    await looked(tracking(request).remove_registered, given.model)
    return done()


async def search(request: Request, given: Search) -> Response:

    def look(db: Any) -> dict[str, Any]:
        found = listing.registered(
            db, filter=given.filter, order=given.order_by, limit=given.max_results, after=given.page_token
        )
        latest = versions.latest_of(db, [one.id for one in found.items])
        said = {"registered_models": [shapes.registered(one, latest) for one in found.items]}
        return said | ({"next_page_token": found.next} if found.next else {})

    return answer(await looked(tracking(request).look, look))


async def latest(request: Request, given: Latest) -> Response:
    found = await looked(tracking(request).look, versions.latest, given.model, given.stages)
    return answer({"model_versions": [shapes.version(one) for one in found]})


async def set_tag(request: Request, given: Tag) -> Response:
    await written(request, registry.tag, given.model, given.key, given.value)
    return done()


async def delete_tag(request: Request, given: Tag) -> Response:
    await written(request, registry.untag, given.model, given.key)
    return done()


async def set_alias(request: Request, given: SetAlias) -> Response:
    await written(request, registry.alias, given.model, must(given.alias, "alias"), number(given.version))
    return done()


async def delete_alias(request: Request, given: Alias) -> Response:
    await written(request, registry.unalias, given.model, must(given.alias, "alias"))
    return done()


async def by_alias(request: Request, given: Alias) -> Response:
    found = await looked(tracking(request).look, versions.by_alias, given.model, must(given.alias, "alias"))
    return answer({"model_version": shapes.version(found)})
