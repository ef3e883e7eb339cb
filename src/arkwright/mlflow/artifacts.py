"""Files of runs over HTTP, as clients see them at `mlflow-artifacts:/…`. What is fetched is never shown, only saved."""

from contextlib import ExitStack
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from arkwright.api.runs.files import FILES
from arkwright.core.durable import writing
from arkwright.mlflow.wire import Given, OfRun, answer, done, looked, tracking
from arkwright.tracking import words
from arkwright.tracking.artifacts import File
from arkwright.web.context import actor, context

SMALL = 1 << 20  # bytes that are held in memory; more go to the disk as they come
HEADERS = {"Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'"}


class List(Given):
    path: str = ""


class ListOfRun(OfRun):
    path: str = ""


def _path(request: Request) -> str:
    """The file's name, with a line's end that the router would cut off. Raises Invalid."""
    return words.path(str(request.scope["path"])[len(FILES) + 1 :])


async def put(request: Request) -> Response:
    path = _path(request)
    files, who = tracking(request).artifacts, actor(request).name
    with ExitStack() as held:
        await run_in_threadpool(files.put, path, await _received(request, held), who)
    return done()


async def _received(request: Request, held: ExitStack) -> bytes | Path:
    """The body: in memory while it is small, else in a file that `held` removes. Raises Full."""
    taken, file = bytearray(), None
    async for piece in request.stream():
        taken += piece
        if len(taken) > SMALL:
            file = file or held.enter_context(context(request).site.scratch("upload")) / "file"
            await run_in_threadpool(_append, file, taken)
            taken.clear()
    if file is None:
        return bytes(taken)
    await run_in_threadpool(_append, file, taken)
    return file


def _append(file: Path, piece: bytearray) -> None:
    with writing("an upload"), file.open("ab") as out:
        out.write(piece)


async def get(request: Request) -> Response:
    found, place = await looked(tracking(request).artifacts.get, _path(request))
    name = found.path.rpartition("/")[2]
    return FileResponse(place, headers=HEADERS, filename=name, media_type="application/octet-stream")


async def delete(request: Request) -> Response:
    await looked(tracking(request).artifacts.remove, _path(request))
    return done()


async def listed(request: Request, given: List) -> Response:
    files = await looked(tracking(request).artifacts.list, given.path.rstrip("/") or given.path)
    return answer({"files": [said(file, file.path.rpartition("/")[2]) for file in files]})


async def of_run(request: Request, given: ListOfRun) -> Response:
    """The files of a run; their paths begin where the run's files are."""
    run = await looked(tracking(request).run, given.run)
    root = run.place.removeprefix("mlflow-artifacts:/")
    folder = f"{root}/{words.path(given.path)}" if given.path else root
    files = await looked(tracking(request).artifacts.list, folder)
    return answer({"root_uri": run.place, "files": [said(file, file.path[len(root) + 1 :]) for file in files]})


def said(file: File, path: str) -> dict[str, object]:
    """A file or a folder as clients read it, under this path."""
    if file.is_folder:
        return {"path": path, "is_dir": True}
    return {"path": path, "is_dir": False, "file_size": file.size}
