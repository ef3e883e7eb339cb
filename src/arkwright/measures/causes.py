"""What explains that a promise is broken: a value, a range or a group, before and now."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from arkwright.core.visible import visible
from arkwright.core.where import Clause, Where

LEAST = 50  # rows: of fewer no cause is claimed
ALPHA = 0.05  # of windows in which nothing changed, the share in which anything is named, however much is looked at
PARTS = 30  # that are told apart of a column, and all others together
OTHERS = "all others"
EMPTY = "empty"
_LONGEST = 40  # characters of somebody's value
_FOUND = 200  # characters of one that is repeated to find its rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the rows: of `column` those with `label`, or all of them where that is empty.

    `before`, `now`: its share of the rows. `was`, `value`: what was measured in it alone. `explains`: its share of the
    whole change, where that can be told apart. `where`: what finds its rows, all of it; `span`: seconds since 1970, of
    a time. `place`: among the parts of its column, in their own order. `named`: it
    moved by more than chance alone would have any part move.
    """

    column: str
    label: str = ""
    before: float | None = None
    now: float | None = None
    was: float | None = None
    value: float | None = None
    explains: float | None = None
    where: tuple[Clause, ...] = ()
    span: tuple[int, int] | None = None
    place: int = 0
    named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """All parts, in the order of what they explain; `total`: what they explain shares of, where it is a number of its
    own. `unit`: what `was` and `value` are, `against`: how the first is said, `of`: what shares are of. `note`: why no
    part is named.
    """

    parts: tuple[Part, ...] = ()
    total: float | None = None
    unit: str = ""
    against: str = "was"
    of: str = "rows"
    note: str = ""

    def says(self, most: int = 3) -> tuple[str, ...]:
        """The first of them that are named, as plain sentences; else why there is none."""
        named = [part for part in self.parts if part.named]
        told = tuple(said(part, self) for part in named[:most])
        return told or ((self.note,) if self.note else ())


def worst_first(whole: Explained, sign: int, least: float, *, best: bool = False) -> Explained:
    """Of a promise about the worst group: that one is named whatever it was before, and stands first; with `best` that
    one is next, for what is promised of how far they are apart.

    `sign`: 1 where much is bad, else -1; `least`: the share of the rows from which on a group counts.
    """
    counts = [part for part in whole.parts if part.value is not None and (part.now or 0.0) >= least]
    counts.sort(key=lambda part: -sign * (part.value or 0.0))
    first = [counts[0], *(counts[1:][-1:] if best else ())] if counts else []
    rest = (part for part in whole.parts if all(part is not one for one in first))
    return replace(whole, parts=(*(replace(part, named=True) for part in first), *rest))


def said(part: Part, whole: Explained) -> str:
    """`carrier=UA: 31 % of rows, was 12 %; explains 0.04 of 0.06`."""
    facts = []
    if part.now is not None:
        before = None if part.before is None else percent(part.before)
        more = "" if before is None else ", as before" if before == percent(part.now) else f", was {before}"
        facts.append(f"{percent(part.now)} of {whole.of}{more}")
    if part.value is not None:
        was = "" if part.was is None else f", {whole.against} {part.was:.3g}"
        facts.append(f"{whole.unit} {part.value:.3g}{was}".strip())
    if part.explains is not None:
        much = percent(part.explains)
        if whole.total is not None:
            much = f"{part.explains * abs(whole.total):.2g} of {abs(whole.total):.2g}"
        facts.append(f"explains {much}")
    name = "=".join(one for one in (short(part.column), part.label) if one)
    return f"{name}: {'; '.join(facts)}"


def percent(share: float) -> str:
    """Small ones with two digits."""
    return f"{100 * share:.0f} %" if share >= 0.0995 or not share else f"{100 * share:.2g} %"


def short(value: str) -> str:
    """Somebody's value as it may stand in a sentence that stays on record."""
    text = " ".join(visible(value).split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def finds(column: str, value: str) -> tuple[Clause, ...]:
    """What finds the rows with this word; nothing does where it is too long to be repeated."""
    return ((Where(column, "=", value),),) if len(value) <= _FOUND else ()


def ordered(parts: Iterable[Part]) -> tuple[Part, ...]:
    """What is named first, and what explains most."""

    def order(part: Part) -> tuple[bool, float, float]:
        return part.named, round(part.explains or 0.0, 9), (part.now or 0.0) - (part.before or 0.0)

    return tuple(sorted(parts, key=order, reverse=True))
