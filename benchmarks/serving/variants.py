"""What our own server costs more with something switched on: the log of predictions, a second endpoint, a canary."""

import itertools
import statistics
from pathlib import Path

import numpy as np
from serving import project
from serving.contenders import Ask, Contender, arkwright, v2
from serving.rounds import ONE, Bench, measured, up

OFF = "log = false\n"


def lines(*, log: bool = False) -> str:
    """Further lines of an endpoint's table: its log is on unless it is switched off, where there is one."""
    return OFF if project.knows("log") and not log else ""


def alternating(asks: list[Ask]) -> Ask:
    """The requests go to each in turn."""
    turn = itertools.cycle(asks)

    def request(rows: np.ndarray) -> bytes:
        return next(turn).request(rows)

    return Ask(request, asks[0].values)


def contenders(folder: Path, base: Contender, tensor: str) -> list[Contender]:
    """The base and its variants, each over a project of its own."""
    infer = [v2(f"/v2/models/{name}/infer", tensor) for name in ("points", "second")]
    off = lines()
    two = project.made(folder / "two", {"points": off, "second": off})
    one, workers = folder / "one", ("--workers", "1")
    found = [base, arkwright("again", "nothing: the same once more (the noise)", one, base.ask, workers)]
    found.append(arkwright("two", "a second endpoint, asked in turn", two, alternating(infer), workers))
    found.append(arkwright("idle", "a second endpoint that nobody asks", two, infer[0], workers))
    canary = project.canary(project.made(folder / "canary", {"points": off}))
    found.append(arkwright("canary", "a canary with a tenth of the requests", canary, infer[0], workers))
    if project.knows("log"):
        logged = project.made(folder / "logged", {"points": lines(log=True)})
        found.append(arkwright("log", "the log of predictions, every request", logged, infer[0], workers))
    return found


Costs = tuple[dict[str, float], dict[str, str]]


def costs(bench: Bench, folder: Path, base: Contender, rounds: int, seconds: float) -> Costs:
    """Title -> how much more processor time a request takes than without (0.05: 5 %); and what failed."""
    with up(bench, contenders(folder, base, bench.tensor)) as (running, failed):
        found, more = measured(bench, running, [ONE], rounds, seconds)
    windows = found[ONE.title]
    said = {}
    for one in running[1:]:
        if one.contender.name in windows and base.name in windows:
            pairs = zip(windows[base.name], windows[one.contender.name], strict=True)
            said[one.contender.title] = statistics.median(
                without.per_processor_second / with_it.per_processor_second - 1 for without, with_it in pairs
            )
    return said, {**failed, **more}
