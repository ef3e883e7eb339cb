"""An endpoint's rows as a schema: what the row class says, and what the model's inputs hold of it."""

from typing import Any

import msgspec
import numpy as np

from arkwright.core.errors import Invalid
from arkwright.serve.model.loaded import Loaded

Bounds = dict[str, float]


def row_schemas(one: Loaded) -> dict[str, Any]:
    """The schemas of a row, by their names in the document. Raises Invalid for rows that cannot be described."""
    template = f"#/components/schemas/{one.endpoint}.{{name}}"
    try:
        _, found = msgspec.json.schema_components([one.rows.struct], ref_template=template)
    except TypeError as error:
        raise Invalid(f"the rows of {one.endpoint} cannot be described: {error}") from None
    properties: dict[str, Any] = found["Row"]["properties"]
    for name, bounds in _bounds(one).items():
        for part in (properties[name], *properties[name].get("anyOf", ())):
            if part.get("type") in ("integer", "number"):
                part |= {bound: _narrow(bound)(value, part.get(bound, value)) for bound, value in bounds.items()}
    return {f"{one.endpoint}.{name}": schema for name, schema in found.items()}


def _narrow(bound: str) -> Any:
    return min if bound.lower().endswith("maximum") else max


def _bounds(one: Loaded) -> dict[str, Bounds]:
    """What the numbers of a column lie between, where there is such."""
    types = {field.name: field.type for field in one.rows.fields}
    found = {name: _INT64 for name, type_ in types.items() if type_ == "int"}
    if one.signature.features is None:  # else the numbers are the features' own business
        for tensor in one.signature.inputs:
            dtype = one.graph.inputs[tensor.name].kind.dtype
            for name in tensor.columns or (tensor.name,):
                if types[name] in ("int", "float"):
                    found[name] = found.get(name, {}) | _held(dtype, types[name], alone=not tensor.columns)
    return found


def _held(dtype: Any, type_: str, *, alone: bool) -> Bounds:
    """What a tensor holds of a column that goes straight into it."""
    if dtype.kind in "iu":
        least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        return _between(max(least, -(2**63)), min(most, 2**63 - 1))
    if dtype.kind == "f" and dtype.itemsize < 8:
        info = np.finfo(dtype)
        infinite = float(info.max) + 2.0 ** (int(info.maxexp) - int(info.nmant) - 2)  # the least that is rounded so
        return {"exclusiveMinimum": -infinite, "exclusiveMaximum": infinite}
    return _between(-(2**53), 2**53) if type_ == "int" and alone else {}


def _between(least: int, most: int) -> Bounds:
    return {"minimum": least, "maximum": most}


_INT64 = _between(-(2**63), 2**63 - 1)
