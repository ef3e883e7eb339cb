"""Experiments: create, find, rename, delete, tag."""

from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import Invalid, Unknown
from arkwright.mlflow import shapes
from arkwright.mlflow.wire import (
    Given,
    Many,
    Pair,
    answer,
    done,
    experiment,
    looked,
    must,
    stage,
    tracking,
    written,
)
from arkwright.tracking import runs, words

TAG = 20_000  # characters


class Create(Given):
    name: str = ""
    artifact_location: str = ""
    tags: tuple[Pair, ...] = ()


class Get(Given):
    experiment_id: str = ""


class GetByName(Given):
    experiment_name: str = ""


class Update(Get):
    new_name: str = ""


class SetTag(Get):
    key: str = ""
    value: str = ""


class Search(Given):
    max_results: Many = 1000
    page_token: str = ""
    filter: str = ""
    order_by: tuple[str, ...] = ()
    view_type: str | int | None = None


async def create(request: Request, given: Create) -> Response:
    if given.artifact_location:
        raise Invalid(
            f"Invalid artifact location {given.artifact_location[:80]!r}: files are kept by this server; leave it out"
        )
    tags = [(tag.key, tag.value) for tag in given.tags]
    made = await written(request, runs.experiment, must(given.name, "name"), tags)
    return answer({"experiment_id": str(made)})


async def get(request: Request, given: Get) -> Response:
    number = experiment(given.experiment_id)
    found = await looked(tracking(request).experiment, id=number)
    return answer({"experiment": shapes.experiment(found)})


async def get_by_name(request: Request, given: GetByName) -> Response:
    name = must(given.experiment_name, "experiment_name")
    try:
        found = await looked(tracking(request).experiment, name=name)
    except Unknown:
        raise Unknown(f"Could not find experiment with name '{name[:80]}'") from None  # clients look for these words
    return answer({"experiment": shapes.experiment(found)})


async def search(request: Request, given: Search) -> Response:
    found = await looked(
        tracking(request).experiments,
        filter=given.filter,
        order=given.order_by,
        stage=stage(given.view_type),
        limit=given.max_results,
        after=given.page_token,
    )
    said = {"experiments": [shapes.experiment(one) for one in found.items]}
    return answer(said | ({"next_page_token": found.next} if found.next else {}))


async def delete(request: Request, given: Get) -> Response:
    await written(request, runs.change_experiment, experiment(given.experiment_id), stage=runs.DELETED)
    return done()


async def restore(request: Request, given: Get) -> Response:
    await written(request, runs.change_experiment, experiment(given.experiment_id), stage=runs.ACTIVE)
    return done()


async def update(request: Request, given: Update) -> Response:
    name = must(given.new_name, "new_name")
    await written(request, runs.change_experiment, experiment(given.experiment_id), name=name)
    return done()


async def set_tag(request: Request, given: SetTag) -> Response:
    await written(request, runs.tag_experiment, experiment(given.experiment_id), given.key, given.value)
    return done()


async def delete_tag(request: Request, given: SetTag) -> Response:
    await written(
        request, runs.drop_tag, "experiment_tag", experiment(given.experiment_id), words.key(given.key, "tag")
    )
    return done()
