"""Models as MLflow 3 logs them, beside runs."""

from starlette.requests import Request
from starlette.responses import Response

from arkwright.mlflow.wire import Given, answer, body


class Search(Given):
    experiment_ids: tuple[str, ...] = ()
    filter: str = ""


async def search(request: Request) -> Response:
    """There are none yet; clients ask whenever they look for a run's files."""
    await body(request, Search)
    return answer({"models": []})
