"""What is said of a path where there is nothing."""

from collections.abc import Iterable, Mapping, Sequence

from arkwright.core.errors import did_you_mean
from arkwright.core.record import NAME
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.messages import Problem, come_again


def nothing(path: str, routes: Mapping[str, Route], stopped: Mapping[str, str], paths: Iterable[str]) -> Problem:
    """400 for a path that can name nothing, 404 with what there is, among `paths`, for one that might; 503 for one that
    means an endpoint that is `stopped`. Raises Problem (404) for a version that is not served.
    """
    parts = path.split("/")
    if parts[0] or any(part in (".", "..") or not _plain(part) for part in parts[1:]):
        return Problem(400, "this is no path of this server; see GET /")
    if name := _stopped(parts[1:], routes, stopped):
        return Problem(503, f"{name} is {stopped[name]}", come_again())
    match parts[1:]:
        case ["v2", "models", name, *_] | ["endpoints", name, *_] if name not in routes:
            if not NAME.fullmatch(name):
                return Problem(400, "an endpoint's name has letters, digits, _ and -, at most 64")
            return Problem(404, f"no endpoint is called {name!r}{did_you_mean(name, routes)}")
        case ["v2", "models", name, "versions", wanted, *_]:
            routes[name].version(wanted)
        case ["predict"]:
            return Problem(404, f"say which endpoint: /endpoints/NAME/predict{did_you_mean('', routes)}")
    return Problem(404, f"there is nothing at {path[:80]}{did_you_mean(path, paths)}")


def _stopped(parts: Sequence[str], routes: Mapping[str, Route], stopped: Mapping[str, str]) -> str:
    """The stopped endpoint that a path means, or nothing."""
    match parts:
        case ["v2", "models", name, *_] | ["endpoints", name, *_] if name in stopped:
            return name
        case ["predict"] if len(stopped) == 1 and not routes:
            return next(iter(stopped))
    return ""


def _plain(part: str) -> bool:
    return part.isascii() and all(c.isalnum() or c in "._-" for c in part)
