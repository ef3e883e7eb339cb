"""Models as MLflow 3 logs them, beside runs. Their files are only ever kept and handed out, never opened here."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from arkwright.mlflow import shapes
from arkwright.mlflow.artifacts import said
from arkwright.mlflow.wire import (
    Given,
    Many,
    Pair,
    answer,
    done,
    experiment,
    looked,
    must,
    short,
    tracking,
    written,
)
from arkwright.tracking import listing, models, words

STATES = {"1": models.PENDING, "2": models.READY, "3": models.FAILED}


class Create(Given):
    experiment_id: str = ""
    name: str = ""
    model_type: str = ""
    source_run_id: str = ""
    params: tuple[Pair, ...] = ()
    tags: tuple[Pair, ...] = ()


class Get(Given):
    allow_deleted: bool = False


class Finish(Given):
    status: str | int = ""


class Pairs(Given):
    params: tuple[Pair, ...] = ()
    tags: tuple[Pair, ...] = ()


class Files(Given):
    artifact_directory_path: str = ""


class Dataset(Given):
    dataset_name: str = ""
    dataset_digest: str = ""


class OrderBy(Dataset):
    field_name: str = ""
    ascending: bool = True


class Search(Given):
    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    datasets: tuple[Dataset, ...] = ()
    max_results: Many = 100
    order_by: tuple[OrderBy, ...] = ()
    page_token: str = ""


def _uid(request: Request) -> str:
    return str(request.path_params["model"])


async def create(request: Request, given: Create) -> Response:
    uid = await written(
        request,
        models.create,
        experiment(given.experiment_id),
        name=given.name,
        type=given.model_type,
        run=given.source_run_id,
        params=short(given.params, words.PARAM),
        tags=short(given.tags, words.TAG),
    )
    return await _answer(request, uid)


async def get(request: Request, given: Get) -> Response:
    return await _answer(request, _uid(request), deleted=given.allow_deleted)


async def _answer(request: Request, uid: str, *, deleted: bool = False) -> Response:
    found = await looked(tracking(request).look, models.get, uid, deleted=deleted)
    return answer({"model": shapes.logged(found)})


async def finish(request: Request, given: Finish) -> Response:
    await written(request, models.finish, _uid(request), STATES.get(str(given.status), str(given.status)))
    return await _answer(request, _uid(request))


async def delete(request: Request) -> Response:
    await written(request, models.remove, _uid(request))
    return done()


async def params(request: Request, given: Pairs) -> Response:
    await written(request, models.put, _uid(request), params=short(given.params, words.PARAM))
    return done()


async def tags(request: Request, given: Pairs) -> Response:
    await written(request, models.put, _uid(request), tags=short(given.tags, words.TAG))
    return await _answer(request, _uid(request))


async def delete_tag(request: Request) -> Response:
    await written(request, models.untag, _uid(request), words.key(str(request.path_params["key"]), "tag"))
    return done()


async def files(request: Request, given: Files) -> Response:
    """The files of a model; their paths begin where the model's files are."""
    within = given.artifact_directory_path.rstrip("/")
    found = await looked(tracking(request).look, models.get, _uid(request))
    root = found.place.removeprefix("mlflow-artifacts:/")
    folder = f"{root}/{words.path(within)}" if within else root
    listed = await looked(tracking(request).artifacts.list, folder)
    return answer({"root_uri": found.place, "files": [said(file, file.path[len(root) + 1 :]) for file in listed]})


async def search(request: Request, given: Search) -> Response:

    def look(db: Any) -> dict[str, Any]:
        found = listing.logged(
            db,
            experiments=[experiment(one) for one in given.experiment_ids],
            filter=given.filter,
            datasets=[(must(one.dataset_name, "dataset_name"), one.dataset_digest) for one in given.datasets],
            order=[
                listing.By(
                    field=one.field_name, ascending=one.ascending, dataset=one.dataset_name, digest=one.dataset_digest
                )
                for one in given.order_by
            ],
            limit=given.max_results,
            after=given.page_token,
        )
        shown = {"models": [shapes.logged(one) for one in found.items]}
        return shown | ({"next_page_token": found.next} if found.next else {})

    return answer(await looked(tracking(request).look, look))
