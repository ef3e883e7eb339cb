"""Run by Schemathesis in its own process. What a schema cannot say, or says otherwise, is not sent.

- To a schema 5.0 is an integer. Here an integer is spelt without a point, so that none is ever rounded on its way.
- A header that nobody knows is refused nowhere (RFC 9110, 5.1); to leave out a body that may be left out is no mistake.
"""

import schemathesis
from schemathesis.core import NOT_SET

ROW = {
    "type": "object",
    "properties": {
        "country": {"type": "string"},
        "spent": {"type": "number"},
        "age": {"type": ["integer", "null"], "minimum": -(2**63), "maximum": 2**63 - 1},
    },
    "required": ["country", "spent"],
    "additionalProperties": False,
}  # of the tests' project


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The document speaks of endpoints whatever they are called; the one that there is has to be met."""
    for path, said in raw_schema["paths"].items():
        for operation in said.values():
            for one in operation.get("parameters", ()):
                if one["in"] == "path" and "endpoints" in operation["tags"]:
                    one["schema"] = {"enum": ["buys" if one["name"] == "name" else "1"]}
        if path.endswith("/predict"):
            (rows,) = (kind for kind in said["post"]["requestBody"]["content"].values() if kind)
            rows["schema"] = {"oneOf": [ROW, {"type": "array", "items": ROW, "minItems": 1}]}


@schemathesis.hook
def filter_case(context, case):
    case.body = spelt(case.body)
    if any("unknown-property" in name for name in case.headers or {}):
        return False
    may_be_left_out = not any(body.is_required for body in case.operation.body)
    return case.method != "POST" or case.body is not NOT_SET or not may_be_left_out


def spelt(value):
    if isinstance(value, list):
        return [spelt(each) for each in value]
    if isinstance(value, dict):
        return {name: spelt(each) for name, each in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    return value
