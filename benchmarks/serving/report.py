"""What was found, as tables for people: every server, every target and whether it is met."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from serving.load import Window
from serving.rounds import ALONE, HUNDRED, MANY, ONE, Found, Workload, ratio

OURS = "v2"
_MET = {True: "yes", False: "**no**"}


@dataclass(frozen=True, slots=True)
class Target:
    """One promise of speed: the figure that was found must be at least, or at most, the limit."""

    what: str
    limit: float
    found: float | None
    least: bool = True
    unit: str = "×"

    @property
    def row(self) -> str:
        sign = "≥" if self.least else "≤"
        if self.found is None:
            return f"| {self.what} | {sign} {self._said(self.limit)} | – | not measured here |"
        kept = self.found >= self.limit if self.least else self.found <= self.limit
        return f"| {self.what} | {sign} {self._said(self.limit)} | {self._said(self.found)} | {_MET[kept]} |"

    def _said(self, value: float) -> str:
        if self.unit == "%":
            return f"{100 * value:.0f} %" if abs(value) >= 0.1 else f"{100 * value:.1f} %"
        return f"{value:.2f} ×" if value < 10 else f"{value:.1f} ×"


def table(workload: Workload, windows: Mapping[str, Sequence[Window]], titles: Mapping[str, str]) -> str:
    """One line a server."""
    lines = [
        f"**{workload.title}**\n",
        "| server | µs of processor a request | × FastAPI | × hello-world | requests/s | p50 ms | p99 ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, own in windows.items():

        def middle(pick: Callable[[Window], float], own: Sequence[Window] = own) -> float:
            return statistics.median(pick(window) for window in own)

        against = [f"{ratio(windows, name, base):.2f}" if base in windows else "–" for base in ("fastapi", "hello")]
        lines.append(
            f"| {titles[name]} | {1e6 / middle(lambda w: w.per_processor_second):.1f} | {' | '.join(against)} | "
            f"{middle(lambda w: w.per_second):,.0f} | {1000 * middle(lambda w: w.p50):.2f} | "
            f"{1000 * middle(lambda w: w.p99):.2f} |"
        )
    return "\n".join(lines)


def against_others(found: Found) -> list[Target]:
    """The targets that the tables of the servers settle."""

    def times(workload: Workload, name: str) -> float | None:
        windows = found.get(workload.title, {})
        return ratio(windows, OURS, name) if {OURS, name} <= set(windows) else None

    others = [("Triton's python backend", "triton", 5), ("KServe", "kserve", 15), ("MLServer", "mlserver", 15)]
    others += [("BentoML", "bentoml", 40), ("LitServe", "litserve", 40), ("MLflow", "mlflow", 40)]
    return [
        Target("one row, 16 connections: FastAPI", 10, times(ONE, "fastapi")),
        *(Target(f"one row, 16 connections: {title}", limit, times(ONE, name)) for title, name, limit in others),
        Target("one row, 16 connections: the hello-world", 0.6, times(ONE, "hello"), unit="%"),
        Target("one row, 64 connections: FastAPI", 11, times(MANY, "fastapi")),
        Target("one row, 1 connection: FastAPI", 3, times(ALONE, "fastapi")),
        Target("100 rows, 16 connections: FastAPI", 3.5, times(HUNDRED, "fastapi")),
    ]


def settled(targets: Sequence[Target]) -> str:
    return "\n".join(["| target | limit | found | met |", "|---|---|---|---|", *(target.row for target in targets)])
