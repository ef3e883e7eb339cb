"""The language of conditions: one Python expression, parsed and never evaluated.

`distance > 5000 and not carrier in ("AA", "DL")`. There are columns, constants, comparisons, `in`, `and`, `or`, `not`,
`+ - * / %` and a handful of functions; there is no attribute, no index, no loop and no pattern.
"""

import ast
import warnings

from arkwright.core.errors import Invalid

LONGEST = 1000
DEEPEST = 40
EXAMPLE = 'write it like "distance > 5000" or "carrier == \'AA\' and hour >= 22"'
MODEL_WORDS = ("prediction", "confidence", "probability")  # what only the model can tell


def parse(text: str) -> ast.expr:
    """The tree of one condition. Raises Invalid with the column of the mistake, or when it is too long or too deep."""
    if len(text) > LONGEST:
        raise Invalid(f"a condition has at most {LONGEST} characters; this one has {len(text)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own, on `1 is 1` or "\d"
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = getattr(error, "offset", None)
        raise Invalid(f"cannot read {shown(text)}{f' at column {column}' if column else ''}; {EXAMPLE}") from None
    if _depth(tree) > DEEPEST:
        raise Invalid(f"the condition {shown(text)} is nested too deeply; make two rules of it")
    return tree


def shown(what: str | ast.expr) -> str:
    """A part of a condition, for a message."""
    text = what if isinstance(what, str) else ast.unparse(what)
    return repr(text if len(text) <= 80 else text[:80] + " …")


def needs_model(tree: ast.expr) -> bool:
    """Whether the model must have answered before this can be judged."""
    return any(isinstance(node, ast.Name) and node.id in MODEL_WORDS for node in ast.walk(tree))


def _depth(tree: ast.AST) -> int:
    deep, level = 0, [tree]
    while level:
        deep += 1
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return deep
