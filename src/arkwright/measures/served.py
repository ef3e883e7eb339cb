"""What servers counted of an endpoint's requests in a window, whether they were logged or not."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """`codes`: requests by the status they were answered with; `limited`: refused since their client sent too many.
    `rows`: answered; `seconds`: in which servers were up, of several at once those of each; `missing`: of the window,
    in which none counted. `busiest`: (the largest share of their time that the workers of a server computed in a
    minute, when that began in seconds since 1970); None where no server told it.
    """

    codes: Mapping[str, int] = field(default_factory=dict)
    limited: int = 0
    rows: int = 0
    seconds: float = 0.0
    missing: float = 0.0
    busiest: tuple[float, float] | None = None

    @property
    def requests(self) -> int:
        return sum(self.codes.values()) + self.limited
