"""What was before and what is now, as two bars for each part."""

from collections.abc import Callable, Sequence

from markupsafe import Markup

from arkwright.core.counted import many
from arkwright.pages.draw.axes import text
from arkwright.pages.draw.frame import frame

_LEFT, _WIDE, _END, _TALL, _NAME = 170, 200, 60, 32, 26


def before_now(
    parts: Sequence[tuple[str, float | None, float | None, bool]], said: str, write: Callable[[float], str]
) -> Markup:
    """`parts`: (its name, before, now, whether it is named); nothing where nothing is known of them."""
    known = [abs(value) for _, *both, _ in parts for value in both if value is not None]
    if not known:
        return Markup("")
    most = max(known) or 1.0
    drawn: list[Markup] = []
    for row, (name, before, now, named) in enumerate(parts):
        y = row * _TALL
        short = name if len(name) <= _NAME else name[: _NAME - 1] + "…"
        drawn.append(text(_LEFT - 8, y + 18, "end", short, "name named" if named else "name"))
        for kind, value, at in (("before", before, y + 3), ("now", now, y + 15)):
            if value is None:
                continue
            wide = round(abs(value) / most * _WIDE, 1)
            bar = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="10"><title>{}, {}: {}</title></rect>')
            drawn.append(bar.format(kind, _LEFT, at, wide, name, kind, write(value)))
            drawn.append(text(_LEFT + wide + 5, at + 9, "start", write(value)))
    drawn.append(Markup('<path class="axis" d="M{} 0V{}"/>').format(_LEFT, len(parts) * _TALL))
    words = f"{said}, before and now, of {many(len(parts), 'part')}; the table has the numbers"
    return frame(_LEFT + _WIDE + _END, len(parts) * _TALL, words, drawn)
