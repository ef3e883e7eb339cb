"""What would have happened in a past span of time, look by look: raised, over, and what would have been done."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from arkwright.api.watch.window import Watched
from arkwright.core.alarms import Reaction
from arkwright.monitor import policy
from arkwright.monitor.measured import Found, Streak

RAISED, OVER, UNKNOWN = "raised", "over", "unknown"
_LEAVES = ("halt", "rollback", "fallback")  # after these a release answers no more


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What would have happened at a moment: `what` raised | over, or what would have been done about it. unknown:
    nobody can say, from this moment on, for the reason in `note`.
    """

    at: datetime
    what: str
    release: str
    promise: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    note: str


@dataclass
class Rehearsal:
    """What stands at a moment of the past."""

    patience: policy.Patience
    reactions: tuple[Reaction, ...]
    told: list[Rehearsed] = field(default_factory=list)
    _streaks: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    _raised: dict[tuple[str, str], int] = field(default_factory=dict)
    _done: dict[tuple[tuple[str, str], int, str], None] = field(default_factory=dict)
    _last: dict[tuple[str, str], tuple[int, tuple[str, str]]] = field(default_factory=dict)
    _gone: set[tuple[int, str]] = field(default_factory=set)

    def gone(self, version: int, release: str) -> bool:
        """Whether it would have answered no more at this version of the endpoint."""
        return (version, release) in self._gone

    def unknown(self, at: int, why: str, promise: str = "") -> None:
        """From then on nobody can say what would have happened."""
        self._tell(at, UNKNOWN, Found("", promise, at, at, "unproven", None, None, None, None, why))

    def look(self, at: int, found: list[Watched] | list[Found], place: str | None = None, version: int = 0) -> None:
        """`place`: what the release is at the endpoint, at this `version` of it; None of a dataset."""
        for one in found:
            key = (one.release, one.promise)
            verdict, since = self._streaks.get(key, ("", at))
            since = since if verdict == one.verdict else at
            self._streaks[key] = (one.verdict, since)
            streak = Streak(one.verdict, at - since)
            if key not in self._raised and policy.raises(self.patience, streak):
                self._raised[key] = at
                self._tell(at, RAISED, one)
            elif key in self._raised and policy.clears(self.patience, streak):
                del self._raised[key]
                self._tell(at, OVER, one)
            if key in self._raised and not self.gone(version, one.release):
                self._react(at, one, place, version)

    def _react(self, at: int, one: Watched | Found, place: str | None, version: int) -> None:
        key = (one.release, one.promise)
        raised = self._raised[key]
        others = {
            do: when for (do, of), (when, whose) in self._last.items() if whose != key and of in ("", one.release)
        }
        since_done = {do: float(at - when) for do, when in others.items()}
        for _, do in policy.due(self.reactions, one.promise, place, at - raised, since_done):
            if (key, raised, do) in self._done:
                continue
            self._done[key, raised, do] = None
            refused = do == "halt" and place == policy.LIVE
            if not refused:
                self._last[do, one.release if do == "halt" else ""] = (at, key)
            self._tell(at, do, replace(one, note="the live release is not halted") if refused else one)
            if do in _LEAVES and not refused:
                self._gone.add((version, one.release))

    def _tell(self, at: int, what: str, one: Watched | Found) -> None:
        self.told.append(
            Rehearsed(
                at=datetime.fromtimestamp(at, UTC),
                what=what,
                release=one.release,
                promise=one.promise,
                value=one.value,
                low=one.low,
                high=one.high,
                n=one.n,
                note=one.note,
            )
        )
