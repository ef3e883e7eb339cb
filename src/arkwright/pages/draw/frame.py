"""The element around every drawing: its size, and what it shows in words."""

from collections.abc import Iterable

from markupsafe import Markup


def frame(wide: float, high: float, says: str, parts: Iterable[Markup]) -> Markup:
    """An image for a reader of screens; `says` stands for it."""
    return Markup(
        '<svg class="draw" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format(wide, high, wide, high, says, Markup("").join(parts))
