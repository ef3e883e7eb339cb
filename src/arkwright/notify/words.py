"""What happened, as it is told outside: one line, and perhaps a text below it, bounded and visible."""

from collections.abc import Callable
from dataclasses import dataclass

from arkwright.core.nouns import Event
from arkwright.core.telling import tell_you
from arkwright.core.visible import visible

LONGEST_TITLE, LONGEST_TEXT = 200, 2000
Link = Callable[[str], str | None]  # a noun's reference -> the address of its page


@dataclass(frozen=True, slots=True)
class Told:
    """`about`: the noun's reference. Whatever people wrote is on one line in `title`, and visible everywhere."""

    title: str
    text: str
    about: str


def told(event: Event, why: str = "") -> Told:
    """Any event; `why`: the reason for which somebody is told of it, as the inbox has it."""
    said = tell_you(event, why)
    title = _cut(" ".join(visible(said.sentence).split()), LONGEST_TITLE)
    return Told(title, _cut(visible(said.text).strip(), LONGEST_TEXT), said.about or f"{event.kind}:{event.key}")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 2] + " …"
