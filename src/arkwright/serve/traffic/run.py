"""The jobs of a batch in one run of the graph, or in as few as it lets: the trouble of one is nobody else's."""

import logging
from collections.abc import Callable, Sequence

import numpy as np

from arkwright.core.usercode import frames
from arkwright.serve.model.graph import Graph
from arkwright.serve.model.tensors import Tensors
from arkwright.serve.traffic.job import Job
from arkwright.serve.wire.messages import Problem, Response

log = logging.getLogger("arkwright.serve")


def answer(graph: Graph, name: str, jobs: Sequence[Job]) -> list[Response]:
    """One response per job, in order. Never raises: what goes wrong for one job is told to that job alone."""
    results: list[Tensors | Problem] = [_tried(name, job.prepare) for job in jobs]
    for group in _groups(graph, results):
        _run(graph, name, group, results)
    return [_finished(name, job, result) for job, result in zip(jobs, results, strict=True)]


def _tried(name: str, work: Callable[[], Tensors]) -> Tensors | Problem:
    try:
        return work()
    except Problem as problem:
        if problem.__cause__ is not None:  # the project's code failed on a row
            _note(name, problem.__cause__)
        return problem
    except BaseException as error:  # noqa: BLE001 - user code may raise what it likes, and tries to exit; the server stays
        return failed(name, error)


def _note(name: str, error: BaseException) -> None:
    log.error("%s: a request failed: %s", name, frames(error))


def failed(name: str, error: BaseException) -> Problem:
    """What a caller is told when the endpoint of this name fails; the log says where."""
    _note(name, error)
    return Problem(500, f"the endpoint {name} failed on this request; its log says why")


def _finished(name: str, job: Job, result: Tensors | Problem) -> Response:
    if isinstance(result, Problem):
        return result.response()
    try:
        return job.finish(result)
    except Problem as problem:
        return problem.response()
    except BaseException as error:  # noqa: BLE001 - as above
        return failed(name, error).response()


def _groups(graph: Graph, results: Sequence[Tensors | Problem]) -> list[list[int]]:
    """Which jobs can share a run: all dimensions but the first must be equal."""
    groups: dict[object, list[int]] = {}
    for i, result in enumerate(results):
        if not isinstance(result, Problem):
            key: object = tuple(result[port].shape[1:] for port in graph.inputs) if graph.batches else i
            groups.setdefault(key, []).append(i)
    return list(groups.values())


def _run(graph: Graph, name: str, group: list[int], results: list[Tensors | Problem]) -> None:
    """Replace the inputs of these jobs with their outputs."""
    parts = [result for i in group if not isinstance(result := results[i], Problem)]
    if len(parts) == 1:
        results[group[0]] = _tried(name, lambda: graph.run_many(parts[0]))
        return
    first = next(iter(graph.inputs))
    ends = np.cumsum([len(part[first]) for part in parts]).tolist()
    together = _tried(
        name, lambda: graph.run({port: np.concatenate([p[port] for p in parts]) for port in graph.inputs})
    )
    if isinstance(together, Problem) or any(len(array) != ends[-1] for array in together.values()):
        for i, part in zip(group, parts, strict=True):  # one request's trouble is not its neighbours'
            results[i] = _tried(name, lambda part=part: graph.run(part))  # type: ignore[misc]
        return
    for i, start, end in zip(group, [0, *ends], ends, strict=False):
        results[i] = {port: array[start:end] for port, array in together.items()}
