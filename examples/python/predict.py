"""Asks an endpoint for a prediction with the standard library alone.

python predict.py http://127.0.0.1:8000 late '{"distance": 1200, "carrier": "UA"}'
"""

import json
import sys
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TRIES = 5


def predict(url: str, endpoint: str, rows: dict | list) -> dict:
    """The answer to one row or a list of rows. Raises ValueError with the server's words for rows that it refuses."""
    body = json.dumps(rows, allow_nan=False).encode()
    request = Request(f"{url}/endpoints/{endpoint}/predict", body, {"Content-Type": "application/json"})  # noqa: S310
    for tried in range(1, TRIES + 1):
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.load(answer)
        except HTTPError as error:
            if error.code in (429, 503) and tried < TRIES:  # busy: it says when to come back
                time.sleep(float(error.headers.get("Retry-After", 1)))
                continue
            raise ValueError(f"{error.code}: {json.load(error)['error']}") from None
    raise AssertionError


if __name__ == "__main__":
    try:
        print(predict(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
    except ValueError as error:
        sys.exit(str(error))
