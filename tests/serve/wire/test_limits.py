"""What a server takes and how long it waits where nobody says otherwise, as the page tells it."""

import asyncio
import socket
from pathlib import Path

import pytest

from arkwright.cli.main import parser
from arkwright.cli.words import WORDS
from arkwright.core.ports import Serving
from arkwright.serve.processes.crew import Crew
from arkwright.serve.processes.files import Room
from arkwright.serve.wire.limits import Limits

PAGE = (Path(__file__).parents[3] / "docs" / "serve.md").read_text(encoding="utf-8")
MIB = 2**20


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("body", 64 * MIB, "a body over 64 MiB"),
        ("bodies", 512 * MIB, "512 MiB of bodies on all of them together"),
        ("headers", 16 * 2**10, "a head over 16 KiB"),
        ("url", 8 * 2**10, "a URL over 8 KiB"),
        ("chunks", 65_536, "over 65,536 chunks"),
        ("connections", 4096, "4,096 connections"),
        ("rate", None, "Each limit but `--rate` is a worker's own"),
        ("queue", 2048, "2,048 requests wait for one model, or `--queue`"),
        ("queue_time", 5.0, "has waited 5 s, or `--queue-time`"),
        ("header_time", 10.0, "a head slower than 10 s"),
        ("body_idle", 15.0, "a body silent for 15 s"),
        ("request_time", 60.0, "or not whole in 60 s"),
        ("answer_time", 60.0, "no answer within 60 s, or `--answer-time`"),
        ("slowest", 16 * 2**10, "within 15 s and a second for each 16 KiB"),
        ("unread", 256 * MIB, "or 256 MiB of them on all connections"),
        ("drain_time", 30.0, "what is in flight is answered, at most 30 s"),
    ],
)
def test_the_limits_are_those_of_the_page(name, value, words):
    assert getattr(Limits(), name) == value
    assert words in PAGE


def test_a_server_is_built_with_them(tmp_path):
    limits = Limits()

    async def made():
        fits = Room(limits.connections, limits.refused, 128)
        with socket.socket(socket.AF_UNIX) as aside:
            words = {"asked": None, "failed": None, "stopped": asyncio.Event()}
            return Crew(Serving(), fits, [], aside, tmp_path, **words)._limits

    assert asyncio.run(made()) == limits
    assert parser(WORDS["serve"]).parse_args([]).drain_delay == 5.0
