"""Lineage as a picture that one can click through: what was used stands left of what was made of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from markupsafe import Markup

from arkwright.api.lineage import Lineage
from arkwright.pages.words import address

_BOX, _TALL, _ACROSS, _DOWN = 150, 42, 60, 16
FITS = 6 * (_BOX + _ACROSS)  # a picture no wider than this is made smaller where there is less room


def graph(lineage: Lineage) -> Markup:
    """Columns by the longest way from a source; within one, near what each thing is made of."""
    parents: dict[str, list[str]] = defaultdict(list)
    for source, made in lineage.edges:
        parents[made].append(source)
    columns = _ordered(_columns([node.ref for node in lineage.nodes], parents), parents)
    tallest = max(len(column) for column in columns)
    high = tallest * (_TALL + _DOWN) - _DOWN
    places = {
        ref: (1 + at * (_BOX + _ACROSS), 1 + (high - len(column) * (_TALL + _DOWN) + _DOWN) / 2 + row * (_TALL + _DOWN))
        for at, column in enumerate(columns)
        for row, ref in enumerate(column)
    }
    parts = [_edge(places[source], places[made]) for source, made in lineage.edges]
    parts += [_node(n.ref, n.note, places[n.ref], current=n.ref == lineage.subject) for n in lineage.nodes]
    wide = len(columns) * (_BOX + _ACROSS) - _ACROSS
    said = f"{len(lineage.nodes)} things and how they were made of one another; each is a link"
    fits = Markup(' class="fits"') if wide <= FITS else Markup("")
    return Markup(
        '<svg{4} viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="group" aria-label="{2}">{3}</svg>'
    ).format(wide + 2, high + 2, said, Markup("").join(parts), fits)


def _columns(refs: Iterable[str], parents: Mapping[str, list[str]]) -> list[list[str]]:
    depth: dict[str, int] = {}

    def of(ref: str) -> int:
        if ref not in depth:
            depth[ref] = 0  # a record that goes round in circles ends here
            depth[ref] = 1 + max((of(parent) for parent in parents.get(ref, ())), default=-1)
        return depth[ref]

    found: dict[int, list[str]] = defaultdict(list)
    for ref in refs:
        found[of(ref)].append(ref)
    return [sorted(found[at]) for at in sorted(found)]


def _ordered(columns: list[list[str]], parents: Mapping[str, list[str]]) -> list[list[str]]:
    row: dict[str, float] = {}
    for column in columns:
        near = {ref: _mean([row[parent] for parent in parents.get(ref, ()) if parent in row]) for ref in column}
        column.sort()
        column.sort(key=near.__getitem__)
        row |= {ref: at - len(column) / 2 for at, ref in enumerate(column)}
    return columns


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _edge(source: tuple[float, float], made: tuple[float, float]) -> Markup:
    x1, y1, x2, y2 = source[0] + _BOX, source[1] + _TALL / 2, made[0], made[1] + _TALL / 2
    middle = (x1 + x2) / 2
    return Markup('<path class="edge" d="M{} {}C{} {} {} {} {} {}"/>').format(x1, y1, middle, y1, middle, y2, x2, y2)


def _node(ref: str, note: str, place: tuple[float, float], *, current: bool) -> Markup:
    x, y = place
    name = ref.partition(":")[2]
    shown = name if len(name) <= 18 else f"{name[:10]}…{name[-6:]}"
    kind = ref.partition(":")[0]
    box = Markup(
        '<rect x="{}" y="{}" width="{}" height="{}" rx="6"/><text x="{}" y="{}">{}</text>'
        '<text class="sub" x="{}" y="{}">{}</text><title>{}</title>'
    ).format(x, y, _BOX, _TALL, x + 10, y + 18, shown, x + 10, y + 33, _cut(f"{kind} · {note}", 24), f"{ref}, {note}")
    here = Markup(' class="current" aria-current="true"') if current else Markup("")
    place_of = address(ref)
    if place_of is None:
        return Markup("<g{}>{}</g>").format(here, box)
    return Markup('<a href="{}"{}>{}</a>').format(place_of, here, box)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
