"""The verb `reproduce`: a logged prediction computed again, from its inputs and by exactly the bytes that answered."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isfinite, isnan
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson

from arkwright.api.build import quiet
from arkwright.api.endpoints.logged import predictions
from arkwright.api.endpoints.traffic import laid_out
from arkwright.api.people.accounts import allow
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Corrupt, Invalid, Unknown
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.record import split_reference
from arkwright.core.safeguards.words import class_name
from arkwright.core.signature import Signature
from arkwright.core.usercode import describe
from arkwright.serve.model import loaded as serving
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.tensors import DATATYPES
from arkwright.serve.rest.predict import predict_once
from arkwright.serve.tap import tables
from arkwright.serve.tap.infers import Predicts, worded
from arkwright.serve.tap.segment import Release as Layout
from arkwright.sites import Site

LAG = timedelta(minutes=1)  # in which a server follows the ledger at the latest
# the coarsest first: how far a number may be off, and beside that how much of itself
ALLOWED = {"FP16": (1e-3, 1e-3), "FP32": (1e-6, 1e-5), "FP64": (1e-9, 1e-9)}
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """One row of a request. `same` is None where it cannot be computed again, and `why` says why; `off`: the largest
    difference between two numbers, None where a label or anything else that is no number differs. `tie`: only the label
    differs, and it is as likely as the other. NaN and the infinities are words.
    """

    row: int
    at: str
    release: str
    digest: str
    asked: dict[str, Any]
    then: dict[str, Any]
    now: dict[str, Any] | None = None
    same: bool | None = None
    off: float | None = None
    tie: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduced:
    """Every row that is logged under an id; `same`: all of them could be computed again, and are what they were."""

    endpoint: str
    id: str
    rows: tuple[Once, ...]
    same: bool


def reproduce(
    site: Site, by: Actor, project: Path, *, endpoint: str, id: str, say: Callable[[str], None] = quiet,  # noqa: A002
) -> Reproduced:  # fmt: skip
    """Load the releases that answered, verified by digest and signature, and compute the answer again.

    Raises Unknown for an id that is not in the log, Corrupt where the release is not what answered.
    """
    allow(site, by, "work")
    name, _ = split_reference(endpoint, Endpoint.KIND)
    found = predictions(site, by, project, endpoint=name, id=id, limit=None)
    if not found.num_rows:
        raise Unknown(f"{name} has logged no prediction with the id {id[:80]!r}; of some only a sample is logged")
    rows = sorted(found.to_pylist(), key=lambda row: (row["at"], row["row"]))
    made: list[Once] = []
    for ref in dict.fromkeys(row["release"] for row in rows):
        say(f"load {ref}")
        made += _by(site, name, ref, [row for row in rows if row["release"] == ref], set(found.column_names))
    return Reproduced(endpoint=name, id=id, rows=tuple(made), same=all(row.same for row in made))


def _by(site: Site, name: str, ref: str, rows: list[dict[str, Any]], there: set[str]) -> Iterator[Once]:
    """The rows that one release answered; `there`: the columns that the log has."""
    release = versions.resolve(site.ledger, Release, ref)
    for row in rows:
        if row["digest"] != release.digest:
            raise Corrupt(
                f"{ref} answered with the digest {row['digest'][:12]} and has {release.digest[:12]} on record"
            )
    with laid_out(site, release) as found:
        loaded = serving.load(found.folder, endpoint=name, release=found.release, digest=found.digest)
        for row in rows:
            yield _once(loaded, row, _redacted(site, name, row["at"]), there)


def _redacted(site: Site, name: str, at: datetime) -> set[str]:
    """What was never written, by the terms on record when it was answered."""
    moves = [move for moment in (at - LAG, at) for move in site.catalog.moves(name, moment)[0]]
    return {column for _, _, endpoint in moves if endpoint.terms for column in endpoint.terms.redact}


def _once(loaded: Loaded, row: Mapping[str, Any], redacted: set[str], there: set[str]) -> Once:
    said = loaded.signature
    kept = tuple(column for column in said.columns if column.name not in redacted)
    logged = [
        c.name for c in tables.columns(Layout(0, loaded.release, loaded.digest, kept, said.classes, said.outputs))
    ]
    end = len(tables.BASE) + len(kept)
    names = dict(zip((c.name for c in kept), logged[len(tables.BASE) : end], strict=True))
    infer = row["kind"] == "infer"
    asked = {column: row[told] for column, told in names.items() if told in there}
    answers = logged[end : -len(tables.INFERRED)]
    once = Once(
        row=row["row"],
        at=row["at"].replace(tzinfo=UTC).isoformat(),
        release=loaded.release,
        digest=loaded.digest,
        asked={"inputs": row["inputs"]} if infer else msgspec.to_builtins(asked),
        then=_logged_tensors(row["outputs"]) if infer else _logged(row, answers, loaded),
    )
    gone = sorted({column.name for column in said.columns} - set(asked))
    if row["status"] != 200:
        return replace(once, why=f"it was refused then: {row['error'] or row['status']}")
    if gone and not infer:
        return replace(once, why=f"the log leaves out {', '.join(gone)}, as the endpoint's terms say")
    try:
        now = _tensors(loaded, row["inputs"], once.then) if infer else _row(loaded, asked)
    except ArkwrightError as error:
        return replace(once, why=str(error))
    same, off = held(once.then, now, allowed(said))
    tie = not same and tied(said, once.then, now, infer=infer)
    return replace(once, then=_worded(once.then), now=_worded(now), same=same, off=off, tie=tie)


def _logged(row: Mapping[str, Any], names: Sequence[str], loaded: Loaded) -> Answer:
    """The answer as the log has it: a label with its probabilities, a value, or what has no column of its own."""
    plain = ["label", *(f"probability_{class_name(c)}" for c in loaded.signature.classes)]
    words = plain if loaded.signature.classes else ["value"]
    found = {word: row[name] for word, name in zip(words, names, strict=True) if row.get(name) is not None}
    rest = orjson.loads(row["outputs"]) if row.get("outputs") else {}
    return {**found, **rest, **{word: row[word] for word in ("rule", "review") if row.get(word)}}


def _row(loaded: Loaded, asked: Mapping[str, Any]) -> Answer:
    """The answer now, in the same words. Raises Invalid."""
    answer = predict_once(loaded, msgspec.json.encode(asked))
    said = dict(answer["prediction"] or {})  # a person is to say it
    probabilities = said.pop("probabilities", None) or {}
    said |= {f"probability_{name}": value for name, value in probabilities.items()}
    return {**said, **{word: answer[word] for word in ("rule", "review") if answer.get(word)}}


def _logged_tensors(outputs: str | None) -> Answer:
    return {tensor["name"]: _flat(tensor.get("data", [])) for tensor in (orjson.loads(outputs) if outputs else [])}


def _tensors(loaded: Loaded, inputs: str | None, then: Answer) -> Answer:
    """The same outputs now. Raises Invalid."""
    given = {}
    for tensor in orjson.loads(inputs) if inputs else []:
        if "data" not in tensor:
            raise Invalid("the log leaves out what was in the tensors, as the endpoint's terms say")
        given[tensor["name"]] = _array(_flat(tensor["data"]), DATATYPES[tensor["datatype"]].dtype, tensor["shape"])
    if not given or not then:
        raise Invalid("the log does not have what was asked and answered")
    try:
        found = loaded.graph.run(given)
    except Exception as error:  # onnxruntime has no public class for its errors
        raise Invalid(f"the model failed on these tensors: {describe(error)}") from error
    made = {name: np.asarray(found[name]).reshape(-1) for name in then if name in found}
    for name, array in made.items():  # both in the type that the graph answers in
        if array.dtype.kind == "f":
            then[name] = _array(then[name], array.dtype, [-1]).tolist()
    return {name: array.tolist() for name, array in made.items()}


def _array(values: list[Any], dtype: Any, shape: list[int]) -> "np.ndarray[Any, Any]":
    """As the log has them: of a number that JSON cannot say, its word; null in logs from before there were words."""
    if dtype.kind == "f":
        values = [np.nan if value is None else float(value) for value in values]
    return np.array(values, dtype).reshape(shape)


def _flat(data: Any) -> list[Any]:
    return [value for one in data for value in (_flat(one) if isinstance(one, list) else [one])]


def allowed(said: Signature) -> tuple[float, float]:
    """How far a number may be off: so much, and so much of itself. The coarsest numbers that go in or out count."""
    kinds = {tensor.datatype for tensor in (*said.inputs, *said.outputs)}
    return next((far for kind, far in ALLOWED.items() if kind in kinds), ALLOWED["FP64"])


def held(then: Any, now: Any, within: tuple[float, float]) -> tuple[bool, float | None]:
    """Whether both say the same, and by how much numbers are off: floats may be, as far as they are added in another
    order among other rows; labels, whole numbers and texts may not.
    """
    if isinstance(then, dict) and isinstance(now, dict):
        same = set(then) == set(now)
        return _each_held(list(then.values()), [now[word] for word in then], within) if same else (False, None)
    if isinstance(then, list) and isinstance(now, list):
        return _each_held(then, now, within) if len(then) == len(now) else (False, None)
    if type(then) in (int, float) and type(now) in (int, float):
        return _number_held(then, now, within if isinstance(then, float) and isinstance(now, float) else (0, 0))
    return (True, 0.0) if then == now else (False, None)


def _each_held(then: list[Any], now: list[Any], within: tuple[float, float]) -> tuple[bool, float | None]:
    each = [held(*pair, within) for pair in zip(then, now, strict=True)]
    known = [off for _, off in each if off is not None]
    return all(same for same, _ in each), max(known, default=0.0) if len(known) == len(each) else None


def _number_held(then: float, now: float, within: tuple[float, float]) -> tuple[bool, float | None]:
    if then == now or (isnan(then) and isnan(now)):
        return True, 0.0
    if not (isfinite(then) and isfinite(now)):
        return False, None
    off = abs(then - now)
    return off <= within[0] + within[1] * abs(then), float(off)


def tied(said: Signature, then: Answer, now: Answer, *, infer: bool) -> bool:
    """Whether nothing differs but the label, between two classes of which the numbers say the same."""
    within = allowed(said)
    (was, each), (is_, other) = (_label(said, one, infer=infer) for one in (then, now))
    if was == is_ or each is None or not {was, is_} <= set(said.classes) or not held(each, other, within)[0]:
        return False
    first, second = (each[said.classes.index(label)] for label in (was, is_))
    return held(first, second, (2 * within[0], 2 * within[1]))[0]  # each may be off


def _label(said: Signature, one: Answer, *, infer: bool) -> tuple[Any, list[Any] | None]:
    """The label of an answer and the probability of each class, as far as it tells them."""
    if infer:
        return Predicts(said.outputs, said.classes).labels({name: [values] for name, values in one.items()}, 1)[0]
    each = [one.get(f"probability_{class_name(value)}") for value in said.classes]
    return one.get("label"), None if None in each else each


def _worded(one: Any) -> Any:
    """The same with a word for a number that JSON has none for."""
    if isinstance(one, dict):
        return {name: _worded(value) for name, value in one.items()}
    if isinstance(one, list):
        return [_worded(value) for value in one]
    return worded(one) if isinstance(one, float) else one
