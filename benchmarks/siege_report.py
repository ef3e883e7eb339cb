"""What an attack found, and how its end is waited for."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from siege_load import Load


@dataclass
class Report:
    """What an attack found: `measured`, and for each bound whether it held."""

    name: str
    measured: dict[str, Any] = field(default_factory=dict)
    bounds: dict[str, bool] = field(default_factory=dict)

    def held(self) -> bool:
        return all(self.bounds.values())


def answers(load: Load) -> dict[str, int]:
    return {str(status): count for status, count in sorted(load.statuses.items())} | {"failed": len(load.failed)}


async def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        await asyncio.sleep(0.005)
