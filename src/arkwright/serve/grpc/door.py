"""The calls' way into the App that answers over REST: the same releases, the same queues, the same quotas."""

from collections.abc import Sequence

from arkwright.core.errors import did_you_mean
from arkwright.serve.app import App
from arkwright.serve.lane import Lane
from arkwright.serve.messages import Problem, Request
from arkwright.serve.quota import Quota
from arkwright.serve.route import Route


class AppDoor:
    def __init__(self, app: App, quota: Quota | None = None) -> None:
        self._app, self._quota = app, quota

    def names(self) -> Sequence[str]:
        return list(self._app.routes)

    def ready(self, name: str | None) -> bool:
        if name is not None:
            self._route(name)
        return not self._app.stopping

    def versions(self, name: str) -> Sequence[str]:
        route = self._route(name)
        first = route.first.loaded.version
        return [first, *(lane.loaded.version for lane in route.lanes if lane is not route.first)]

    def pick(self, name: str, version: str | None, request: Request) -> Lane:
        if self._quota:
            self._quota.check(request.caller, request.received)
        route = self._route(name)
        return route.version(version) if version else route.pick(request.headers)

    def _route(self, name: str) -> Route:
        found = self._app.routes.get(name)
        if found is None:
            raise Problem(404, f"no endpoint is called {name[:80]!r}{did_you_mean(name[:80], self._app.routes)}")
        return found
