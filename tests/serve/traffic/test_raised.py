"""Whatever the user's code raises is told to who caused it, and the log says where, but not what."""

import asyncio
import logging
import sys

import numpy as np
import pytest

from arkwright.serve.traffic.batch import Batcher
from arkwright.serve.traffic.job import Job
from arkwright.serve.wire.messages import Request, Response


class Panic(BaseException):
    """As Rust's are raised in Python."""


class Echo:
    batches, inputs, outputs, row_seconds = True, {"x": None}, {"x": None}, 0.0

    def run(self, inputs):
        return inputs

    run_many = run


def good():
    return {"x": np.zeros((1, 1))}


@pytest.mark.parametrize("error", [Panic, BaseException, KeyboardInterrupt, GeneratorExit, SystemExit, ValueError])
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("when", ["prepare", "finish"])
def test_it_is_told_to_the_one_whose_row_it_was(caplog, error, fast, when):
    def raises(*_):
        raise error("SECRET")

    async def run():
        batcher, answers = Batcher(Echo(), "late"), []
        for i in range(3):
            work = {"prepare": good, "finish": lambda _: Response(200, b"")}
            if i == 1:
                work[when] = raises
            request = Request("POST", "/", {}, b"")
            batcher.add(Job(request, 1, fast=fast, reply=lambda r, i=i: answers.append((i, r.status)), **work))
        async with asyncio.timeout(20):
            await batcher.idle()
        batcher.close()
        return sorted(answers)

    with caplog.at_level(logging.ERROR, "arkwright.serve"):
        assert asyncio.run(run()) == [(0, 200), (1, 500), (2, 200)]
    formatted = "".join(logging.Formatter().format(record) for record in caplog.records)
    assert f"{error.__name__} (" in formatted
    assert f"traffic/test_raised.py:{raises.__code__.co_firstlineno + 1} in raises" in formatted
    assert "SECRET" not in formatted
    assert sys.exc_info()[0] is None
