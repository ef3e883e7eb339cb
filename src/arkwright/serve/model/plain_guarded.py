"""Raw rows in JSON of models with safeguards, where none of them answers before the model is asked."""

from collections.abc import Sequence

from arkwright.serve.model.answers import Reader
from arkwright.serve.model.guards import MODEL, Guards
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.plain_rows import Item, PlainRows, wrapped


class PlainGuardedRows(PlainRows):
    """Requests of rows to one release that has safeguards."""

    def __init__(self, loaded: Loaded, reader: Reader, guards: Guards) -> None:
        super().__init__(loaded, reader)
        self._guards = guards

    def read(self, body: bytes) -> tuple[Item, int] | None:
        """The rows and their number; None when something is wrong with them, or a rule answers one of them."""
        found = super().read(body)
        if found is None or any(rule != MODEL for rule in self._guards.before(found[0][0])):
            return None
        return found

    def wrap(self, item: Item, said: Sequence[bytes]) -> bytes:
        """The body of the answer from the texts of its rows, and from the rules that answer instead."""
        rows, alone = item
        fired = self._guards.after(rows, said)
        texts = [
            one if rule == MODEL else self._guards.predictions[rule] for one, rule in zip(said, fired, strict=True)
        ]
        return judged(self._loaded, self._guards, texts, fired, alone=alone)


def judged(loaded: Loaded, guards: Guards, texts: Sequence[bytes], fired: Sequence[int], *, alone: bool) -> bytes:
    """The body of an answer of rows and rules; where no rule fired it is the model's alone."""
    if all(rule == MODEL for rule in fired):
        return wrapped(loaded, texts, alone=alone)
    if alone:
        return b'{"prediction":%b,%b%b' % (texts[0], guards.told[fired[0]], loaded.tail)
    each = (b"null" if rule == MODEL else b"{%b}" % guards.told[rule] for rule in fired)
    return b'{"predictions":[%b],"rules":[%b]%b' % (b",".join(texts), b",".join(each), loaded.tail)
