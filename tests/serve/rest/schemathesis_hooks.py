"""Run by Schemathesis in its own environment. What a schema cannot say, or says otherwise, is not sent.

- A body that may be left out is not: that is counted among what must be refused.
- Bodies that are no JSON have no schema, so none is made up for them.
- A body is sent as it is, whatever coding is said to be read, binary tensors are none of its bodies, and an answer may
  take longer than the time that is made up for it.
- To a schema 5.0 is an integer. Here an integer is spelt without a point, so that none is ever rounded on its way.
"""

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    if case.media_type not in (None, "application/json"):
        return False
    if case.operation.path.startswith("/v2/repository/") and not isinstance(case.body, dict | list | str | int | float):
        return False
    for name in ("Content-Encoding", "Arkwright-Timeout-Ms", "Inference-Header-Content-Length"):
        if case.headers:
            case.headers.pop(name, None)
    case.body = spelt(case.body)
    return True


def spelt(value):
    if isinstance(value, list):
        return [spelt(each) for each in value]
    if isinstance(value, dict):
        return {name: spelt(each) for name, each in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return int(value)
    return value
