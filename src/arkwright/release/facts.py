"""What a candidate folder is told about itself, besides the model and what was found."""

import platform
from dataclasses import dataclass, field
from pathlib import Path

from arkwright.core.safeguards.words import Rule, Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A dataset that went in."""

    digest: str
    rows: int
    recipe: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The model: its bytes, and the digest of everything that went into them."""

    digest: str
    recipe: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where the model comes from: all that is needed to make it again. No clock and no host name is in it."""

    project: str
    seed: int
    code: dict[str, str]  # path -> digest
    engines: dict[str, str]  # package -> version
    data: dict[str, Origin]
    model: Made
    hardware: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """How the model treats one group of held-out rows: measure -> value."""

    column: str
    group: str
    rows: int
    values: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What people are told. `training`: how it was made; `limits`: what it must not be used for, where it fails."""

    owner: str
    purpose: str
    risk: str  # minimal | limited | high
    license: str = "unknown"
    training: str = ""
    limits: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """The safeguards beside the model. `fired`: on how many of the `held` held-out rows each rule answered. `own`: how
    many of the last rules are the model itself.
    """

    rules: tuple[Rule, ...]
    seen: Seen
    fired: tuple[int, ...]
    held: int
    own: int = 0


def hardware() -> dict[str, str]:
    """What kind of machine this is."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), processor)
    except OSError:
        pass  # not Linux
    return {"machine": platform.machine(), "processor": processor, "system": platform.system()}
