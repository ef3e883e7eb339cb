"""Safeguards around a model: which rule of the release answers a row, before the model is asked or after it."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import orjson

from arkwright.core.errors import Corrupt, Invalid
from arkwright.core.safeguards.book import Book, compiled
from arkwright.core.safeguards.words import FILE, REVIEW, RULES, SEEN, Rule, Scope, Seen, Slot, range_key, scope_of
from arkwright.core.signature import Signature
from arkwright.serve.model.signed import Signed

MODEL = -1  # in place of a rule's number: none fired


class Guards:
    """The rules of a release, compiled once. Of rule i, as JSON: `predictions[i]`, and in `told[i]` what an answer says
    of it, without braces; `names` are the rules'.
    """

    def __init__(self, book: Book, signature: Signature) -> None:
        self._before = (book.before.first, _of_row(book.before.slots)) if book.before else None
        self._after = (book.after.first, _of_both(book.after.slots)) if book.after else None
        self.names = [rule.name for rule in book.rules]
        self.told = [orjson.dumps(_told(rule))[1:-1] for rule in book.rules]
        key = "value" if signature.task == "regression" else "label"
        self.predictions = [orjson.dumps(None if r.answer == REVIEW else {key: r.answer}) for r in book.rules]

    def before(self, rows: Sequence[Any]) -> list[int]:
        """For each row the rule that answers it without the model, -1 when it is the model's."""
        if self._before is None:
            return [MODEL] * len(rows)
        first, get = self._before
        return [first(get(row)) for row in rows]

    def after(self, rows: Sequence[Any], said: Sequence[bytes]) -> list[int]:
        """For each row and what the model said of it, as JSON, the rule that answers instead, -1 when none does.

        The text is read again, so that a rule judges the very numbers that the caller reads: a 32-bit float that is
        written 0.7 is not below 0.7.
        """
        if self._after is None:
            return [MODEL] * len(rows)
        first, get = self._after
        answers = orjson.loads(b"[%b]" % b",".join(said))
        return [first(get(row, one)) for row, one in zip(rows, answers, strict=True)]


def load(signed: Signed, signature: Signature) -> Guards | None:
    """The safeguards of a release folder, and behind them the rules that are the model; None when it has neither.

    Raises Corrupt when the files do not spell them, Invalid for a rule that does not fit the signature.
    """
    own = _decoded(signed, RULES, tuple[Rule, ...]) if signed.has(RULES) else ()
    if own and own[-1].when != "true" and not any(rule.when == "true" for rule in own):
        raise Corrupt(f"{RULES} says nothing of a row that none of its rules fits")
    if not signed.has(FILE) and not own:
        return None
    rules, seen = own, Seen()
    if signed.has(FILE):
        rules, seen = (*_decoded(signed, FILE, tuple[Rule, ...]), *own), _decoded(signed, SEEN, Seen)
    book = compiled(rules, scope(signature))
    lacking = [c for c in book.categories if c not in seen.categories]
    lacking += [key for c, share in book.ranges if (key := range_key(c, share)) not in seen.ranges]
    if lacking:
        raise Corrupt(f"{SEEN} does not say what was seen of {lacking[0]!r}, and a rule of {FILE} asks")
    _check_outputs(book, signature)
    return Guards(compiled(rules, scope(signature), seen), signature)


def _check_outputs(book: Book, signature: Signature) -> None:
    """Raises Invalid when a rule speaks of an answer that this model does not give."""
    floats = [tensor for tensor in signature.outputs if tensor.datatype.startswith("FP")]
    enough = len(signature.outputs) == 1 if signature.task == "regression" else bool(signature.classes and floats)
    if book.after and not enough:
        what = "value alone" if signature.task == "regression" else "probabilities"
        raise Invalid(f"{FILE} has rules about the model's answer, and this model gives no {what}")


def scope(signature: Signature) -> Scope:
    """What the rules of a release may speak of."""
    return scope_of(signature.columns, signature.target, signature.task, signature.classes)


def _decoded(signed: Signed, name: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(signed.read(name), type=kind)
    except FileNotFoundError:
        raise Corrupt(f"the release has {FILE} and no {name}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Corrupt(f"{name} does not spell what belongs there: {error}") from None


def _told(rule: Rule) -> dict[str, Any]:
    told: dict[str, Any] = {"rule": rule.name}
    if rule.because:
        told["because"] = rule.because
    return told | {"review": True} if rule.answer == REVIEW else told


def _of_row(slots: Sequence[Slot]) -> Callable[[Any], tuple[Any, ...]]:
    """How the columns that rules read are got of a row."""
    if not slots:
        return lambda _: ()
    names = [slot.name for slot in slots]
    return operator.attrgetter(*names, names[0])  # with one name alone it would give no tuple


def _of_both(slots: Sequence[Slot]) -> Callable[[Any, Any], tuple[Any, ...]]:
    """How the values of these slots are got of a row and what the model said of it."""
    gets = [_one(slot) for slot in slots]
    if len(gets) == 1:
        (only,) = gets
        return lambda row, said: (only(row, said),)
    return lambda row, said: tuple([get(row, said) for get in gets])


def _one(slot: Slot) -> Callable[[Any, Any], Any]:
    name = slot.name
    match slot.what:
        case "column":
            return lambda row, _: getattr(row, name)
        case "prediction":
            return lambda _, said: said["label"] if "label" in said else said["value"]
        case "confidence":
            return lambda _, said: max(said["probabilities"].values())
    return lambda _, said: said["probabilities"][name]
