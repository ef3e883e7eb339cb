"""In what a caller wants its answer."""

import pytest

from arkwright.serve.model.arrow.wanted import asks_for_arrow, takes_json

ARROW, JSON = "application/vnd.apache.arrow.stream", "application/json"


@pytest.mark.parametrize(
    ("accept", "arrow", "json"),
    [
        (None, False, True),
        ("*/*", False, True),
        (ARROW, True, False),
        (ARROW.upper(), True, False),
        (f"{JSON}, {ARROW}", True, True),
        (f"{JSON}, {ARROW};q=0", False, True),
        (f"{JSON}, {ARROW}; q=0.0", False, True),
        (f"{JSON};q=0.5, {ARROW}", True, True),
        (f"{JSON}, {ARROW};q=0.5", False, True),
        (f"{ARROW};q=0.5, */*;q=0.1", True, True),
        (f"{ARROW};q=0.1, application/*", False, True),
        (f"{ARROW}, {JSON};q=0", True, False),
        (f"{ARROW};q=much", True, False),
        (f"{ARROW};q=0", False, False),
        (f"{ARROW};v=1;q=1,,", True, False),
    ],
)
def test_by_their_weights(accept, arrow, json):
    headers = {} if accept is None else {b"accept": accept.encode()}
    assert (asks_for_arrow(headers), takes_json(headers)) == (arrow, json)
