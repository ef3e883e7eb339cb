"""What is played at the places of workers."""

import asyncio

import pytest
from tests.serve.played import World

from arkwright.serve.processes import process


@pytest.fixture
def played(tmp_path, monkeypatch):
    """Runs what is played in a world that serves a@1."""
    monkeypatch.setattr(process, "_LOOK", 0.02)

    async def served(play, load_time):
        async with World(tmp_path, load_time) as world:
            assert await world.move(a="a@1") == {}
            await world.crew.ready()
            await play(world)
            assert world.failures == []

    return lambda play, load_time=600.0: asyncio.run(asyncio.wait_for(served(play, load_time), 60))
