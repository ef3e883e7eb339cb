"""The promise: one sentence, `measure(args) op number`, and its verdict.

A promise is one Python comparison. It is parsed, never evaluated:
`recall(at_precision=0.5) >= 0.35`, `0.4 <= positive_rate <= 0.6`, `worst_group(recall, by=carrier) >= 0.25`.
"""

import ast
import math
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache

from arkwright.core.errors import Invalid

LONGEST_SENTENCE = 1000
_LARGEST = sys.float_info.max
_OPERATORS: dict[type[ast.cmpop], str] = {ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<", ast.Eq: "=="}
_MIRROR = {">=": "<=", ">": "<", "<=": ">=", "<": ">", "==": "=="}
_EXAMPLE = 'write it like "recall >= 0.7" or "missing(country) <= 0.01"'


@dataclass(frozen=True, slots=True)
class Name:
    """A bare word in a sentence: a column, a dataset's column (`planes.tailnum`) or another measure."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A measure with what it is asked about. A bare measure is a call without arguments."""

    name: str
    args: tuple["Value", ...] = ()
    kwargs: tuple[tuple[str, "Value"], ...] = ()


Value = float | int | str | bool | Name | Call | tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """One side of the comparison, with the measure on the left: `value op limit`."""

    op: str
    limit: float


@dataclass(frozen=True, slots=True)
class Promise:
    """A parsed sentence; `text` is its canonical spelling, which is how findings are matched to it.

    `measure`: what is compared, as it is spelt there.
    """

    text: str
    call: Call
    bounds: tuple[Bound, ...]
    measure: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a measure found: a value, its 95 % interval where it is an estimate, and the rows it rests on. `failed`:
    what it takes could not be had just now; another process may have it.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """kept | broken | unproven, and about how many more rows would settle an unproven one."""

    word: str
    more_rows: int | None = None


@lru_cache(maxsize=2048)  # a page shows the same sentences again and again
def parse(text: str) -> Promise:
    """Parse one sentence. Raises Invalid with the column of the mistake."""
    _check_length(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own: a pattern such as "\\d+" is taken as it is written
            tree = ast.parse(text.strip(), mode="eval").body
        if not isinstance(tree, ast.Compare):
            raise Invalid(f"the promise {text!r} compares nothing; {_EXAMPLE}")
        promise = _comparison(tree, text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = getattr(error, "offset", None)
        where = f" at column {column}" if column else ""
        raise Invalid(f"cannot read the promise {text!r}{where}; {_EXAMPLE}") from None
    _check_length(promise.text)  # it is written to the ledger and read again
    return promise


def _check_length(text: str) -> None:
    if len(text) > LONGEST_SENTENCE:
        raise Invalid(f"a promise is one sentence; this one has {len(text)} characters (at most {LONGEST_SENTENCE})")


def _comparison(tree: ast.Compare, text: str) -> Promise:
    terms = [tree.left, *tree.comparators]
    measured = [i for i, term in enumerate(terms) if isinstance(term, ast.Name | ast.Call)]
    if len(measured) != 1 or len(terms) > 3 or (len(terms) == 3 and measured != [1]):
        raise Invalid(f"the promise {text!r} must compare one measure with one number or a range; {_EXAMPLE}")
    at = measured[0]
    bounds = []
    for i, op in enumerate(tree.ops):
        word = _OPERATORS.get(type(op))
        if word is None:
            raise Invalid(f"the promise {text!r} must compare with >=, >, <=, < or ==")
        other = terms[i] if i != at else terms[i + 1]
        bounds.append(Bound(word if i == at else _MIRROR[word], float(_number(other, text))))
    value = _value(terms[at], text)
    measure = ast.unparse(terms[at])
    call = value if isinstance(value, Call) else Call(measure)
    return Promise(ast.unparse(tree), call, tuple(bounds), measure)


def _number(node: ast.expr, text: str) -> int | float:
    """A plain number, with or without a sign. A number that no float can hold is none."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            found = -number
        case ast.UnaryOp(op=ast.UAdd(), operand=ast.Constant(value=int() | float() as number)):
            found = number
        case ast.Constant(value=int() | float() as number):
            found = number
        case _:
            number = False
    if isinstance(number, bool) or not -_LARGEST <= number <= _LARGEST:
        raise Invalid(f"the promise {text!r} needs a plain number instead of {ast.unparse(node)[:60]!r}")
    return found


def _value(node: ast.expr, text: str) -> Value:
    match node:
        case ast.Name(id=word):
            return Name(word)
        case ast.Attribute(value=ast.Name(id=table), attr=column):
            return Name(f"{table}.{column}")
        case ast.Constant(value=str() | bool() as constant):
            return constant
        case ast.Constant(value=int() | float()) | ast.UnaryOp():
            return _number(node, text)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return tuple(_value(item, text) for item in items)
        case ast.Call(func=ast.Name(id=word), args=args, keywords=keywords):
            if any(keyword.arg is None for keyword in keywords):
                break_out = ast.unparse(node)[:60]
                raise Invalid(f"the promise {text!r} cannot use ** in {break_out!r}")
            words = [str(keyword.arg) for keyword in keywords]
            twice = next((one for one in words if words.count(one) > 1), None)
            if twice:
                raise Invalid(f"the promise {text!r} has {twice} given twice")
            kwargs = tuple((str(keyword.arg), _value(keyword.value, text)) for keyword in keywords)
            return Call(word, tuple(_value(arg, text) for arg in args), kwargs)
        case _:
            raise Invalid(f"the promise {text!r} holds {ast.unparse(node)[:60]!r}; {_EXAMPLE}")


def implies(one: Promise, other: Promise) -> bool:
    """Whether whatever keeps the one keeps the other, too: the same measure, and no limit that is harder."""
    return one.call == other.call and all(any(_as_hard(b, bound) for b in one.bounds) for bound in other.bounds)


def _as_hard(one: Bound, other: Bound) -> bool:
    if one.op == "==" or other.op == "==":
        return one.op == "==" and _side(other, one.limit, one.limit) == "kept"
    if one.op[0] != other.op[0]:
        return False
    if one.limit == other.limit:
        return one.op == other.op or other.op.endswith("=")
    return one.limit > other.limit if one.op[0] == ">" else one.limit < other.limit


def judge(promise: Promise, reading: Reading) -> Verdict:
    """Kept when the whole 95 % interval lies on the right side, broken when none of it does, else unproven."""
    if reading.value is None or not math.isfinite(reading.value):
        return Verdict("unproven")
    low = reading.value if reading.low is None else reading.low
    high = reading.value if reading.high is None else reading.high
    if not (math.isfinite(low) and math.isfinite(high)):
        return Verdict("unproven")
    words = [_side(bound, low, high) for bound in promise.bounds]
    if "broken" in words:
        return Verdict("broken")
    if all(word == "kept" for word in words):
        return Verdict("kept")
    return Verdict("unproven", _more_rows(promise, reading, low, high))


def _side(bound: Bound, low: float, high: float) -> str:
    kept, possible = {
        ">=": (low >= bound.limit, high >= bound.limit),
        ">": (low > bound.limit, high > bound.limit),
        "<=": (high <= bound.limit, low <= bound.limit),
        "<": (high < bound.limit, low < bound.limit),
        "==": (low == high == bound.limit, low <= bound.limit <= high),
    }[bound.op]
    if kept:
        return "kept"
    return "unproven" if possible else "broken"


def _more_rows(promise: Promise, reading: Reading, low: float, high: float) -> int | None:
    """An interval narrows with the square root of the rows, so (half-width / distance)² times as many settle it."""
    if not reading.n or reading.value is None:
        return None
    more = 0.0
    for bound in promise.bounds:
        if _side(bound, low, high) != "unproven":
            continue
        distance = abs(reading.value - bound.limit)
        half = reading.value - low if reading.value > bound.limit else high - reading.value
        if distance <= 1e-12 * max(1.0, abs(bound.limit)) or half <= 0:
            return None  # sits on the limit: no number of rows will do
        more = max(more, reading.n * ((half / distance) ** 2 - 1))
    return math.ceil(more) if 0 < more < 1e12 else None
