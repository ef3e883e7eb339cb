"""A file whose bytes are gone is told as one that is not there, which clients understand and do not ask for again."""

import json

from arkwright.core.errors import Lost
from arkwright.mlflow import wire


def test_a_file_whose_bytes_are_lost_is_not_there():
    answer = wire.told(Lost("abc… is gone from the folder store"))
    assert (answer.status_code, json.loads(answer.body)["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
